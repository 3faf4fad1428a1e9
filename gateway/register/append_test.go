package register

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// signAs signs an entry with other keys than its lines ask for.
func (x exchange) signAs(e Entry, keys ...*signed.PrivateKey) []byte {
	return note(x.t, e.Text(), keys...)
}

// signText signs a text as the signers that it names would.
func (x exchange) signText(text string) []byte {
	var keys []*signed.PrivateKey
	for _, s := range valuesOf(text, "signer") {
		if len(keys) < signed.MaxSignatures {
			keys = append(keys, keysOf(s, signed.UseEntry, 0)...)
		}
	}
	return note(x.t, text, keys...)
}

// with edits an entry before it is signed.
func with[E Entry](e E, edit func(E)) E {
	edit(e)
	return e
}

// An entryCase makes an entry, after those that it enters itself, and says what becomes of
// it: "" is that it is entered.
type entryCase struct {
	want problem.Code
	make func(x exchange) []byte
}

// refusedEntries are the cases of TestAppendRefuses, and of the vectors.
func refusedEntries(t *testing.T) map[string]entryCase {
	return map[string]entryCase{
		// Form and exchange.
		"oversize": {problem.Oversize, func(x exchange) []byte { return bytes.Repeat([]byte("x"), MaxEntry+1) }},
		"not an entry": {problem.TextMalformed, func(x exchange) []byte {
			return note(t, "samband/poem/v1\nexchange "+x.Exchange().String()+"\n", partyKeys("fi")...)
		}},
		"second federation file": {problem.EntryInvalid, func(x exchange) []byte { return x.Entries(0)[0] }},
		"bytes after": {problem.TextMalformed, func(x exchange) []byte {
			return append(x.sign(x.accede("no", signed.Hash{1})), '\n')
		}},
		"other exchange": {problem.WrongExchange, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.spoc", 0), func(d *Desk) { d.Exchange = signed.HashOf("training") }))
		}},
		"no exchange": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.spoc", 0), func(d *Desk) { d.Exchange = signed.Hash{} }))
		}},

		// Order.
		"replayed": {problem.EntryOutOfOrder, func(x exchange) []byte { return x.Entries(3)[0] }},
		"replayed with new signatures": {problem.EntryOutOfOrder, func(x exchange) []byte {
			n, _ := signed.ParseNote(x.Entries(3)[0])
			return note(t, n.Text, partyKeys("fi")...)
		}},
		"wrong previous": {problem.EntryOutOfOrder, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Previous = signed.HashOf("another") }))
		}},
		"previous of another party": {problem.EntryOutOfOrder, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Previous, _ = x.Previous("se") }))
		}},
		"previous of the root": {problem.EntryOutOfOrder, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Previous, _ = x.Previous("fi") }))
		}},
		"pre-signed, no revocation": {problem.EntryOutOfOrder, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Previous = signed.Hash{} }))
		}},

		// Who signs.
		"root below threshold": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Signers = p.Signers[:1] }))
		}},
		"no founder": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Signers = []string{"fi/root", "no/root"} }))
		}},
		"party among the root": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Signers = []string{"no/root", "se"} }))
		}},
		"new party signs its own admission": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Signers = []string{"dk", "no/root", "se/root"} }))
		}},
		"party replaced by the root alone": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("fi"), func(p *Party) { p.Link = x.root() }))
		}},
		"party replaced with another's consent": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("fi"), func(p *Party) { p.Signers = []string{"no", "no/root", "se/root"} }))
		}},
		"revoked party signs its admission": {problem.NotEntitled, func(x exchange) []byte {
			signers := x.party("fi").Signers
			x.enter(x.revoke("root", "fi", ringAll))
			return x.sign(with(x.party("fi"), func(p *Party) { p.Signers = signers }))
		}},
		"party admits a party": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Link = x.link("fi") }))
		}},
		"party makes a catalogue": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.catalogue("2.0"), func(c *Catalogue) { c.Link = x.link("fi") }))
		}},
		"root makes a desk": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Link = x.root() }))
		}},
		"two parties sign": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Signers = []string{"fi", "se"} }))
		}},
		"unknown party": {problem.NotEntitled, func(x exchange) []byte { return x.sign(x.desk("dk.spoc", 0)) }},
		"revoked party": {problem.KeyRevoked, func(x exchange) []byte {
			x.enter(x.revoke("root", "fi", ringAll))
			return x.sign(x.desk("fi.ncb", 0))
		}},

		// Signatures.
		"signature missing": {problem.SignatureMissing, func(x exchange) []byte {
			return x.signAs(x.desk("fi.ncb", 0), partyKeys("fi")[0])
		}},
		"one founder's missing": {problem.SignatureMissing, func(x exchange) []byte {
			return x.signAs(x.party("dk"), rootKeys("no")...)
		}},
		"signature extra": {problem.SignatureExtra, func(x exchange) []byte {
			return x.signAs(x.desk("fi.ncb", 0), append(partyKeys("fi"), partyKeys("se")[0])...)
		}},
		"signatures reordered": {problem.SignatureExtra, func(x exchange) []byte {
			k := partyKeys("fi")
			return x.signAs(x.desk("fi.ncb", 0), k[1], k[0])
		}},
		"founders reordered": {problem.SignatureExtra, func(x exchange) []byte {
			return x.signAs(x.party("dk"), rootKeys("se", "no")...)
		}},
		"another's signature": {problem.SignatureMissing, func(x exchange) []byte {
			return x.signAs(x.desk("fi.ncb", 0), partyKeys("se")...)
		}},
		"altered": {problem.SignatureInvalid, func(x exchange) []byte {
			return bytes.Replace(x.sign(x.desk("fi.ncb", 0)), []byte("24/7"), []byte("8/16"), 1)
		}},

		// Keys.
		"desk's key of another desk": {problem.KeyReused, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			r.message[0] = renamedPrivate(t, "se.spoc", signed.UseMessage, "fi.ncb")[0]
			return x.sign(x.deskOf("fi.ncb", r))
		}},
		"desk's message key as receipts key": {problem.KeyReused, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			r.consignment = r.message[:1]
			return x.sign(x.deskOf("fi.ncb", r))
		}},
		"desk's TLS key of another desk": {problem.KeyReused, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			r.tls = tlsKeyOf("se.spoc", 0)
			return x.sign(x.deskOf("fi.ncb", r))
		}},
		"desk's TLS key is the broker's": {problem.KeyReused, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			r.tls = tlsKeyOf("broker", 1)
			return x.sign(x.deskOf("fi.ncb", r))
		}},
		"opening key that the desk had before": {problem.KeyReused, func(x exchange) []byte {
			r := ringsOf("fi.spoc", 0)
			r.opening = ringsOf("fi.spoc", 1).opening
			x.enter(x.deskOf("fi.spoc", r))
			return x.sign(x.desk("fi.spoc", 0))
		}},
		"key dropped before": {problem.KeyReused, func(x exchange) []byte {
			x.enter(x.desk("fi.spoc", 1))
			return x.sign(x.desk("fi.spoc", 0))
		}},
		"revoked key returns": {problem.KeyReused, func(x exchange) []byte {
			x.enter(x.revoke("fi", "fi.spoc", RingLocked))
			return x.sign(x.desk("fi.spoc", 0))
		}},
		"revoked receipts key returns": {problem.KeyReused, func(x exchange) []byte {
			x.enter(x.revoke("fi", "fi.spoc", RingOnline))
			r := ringsOf("fi.spoc", 1)
			r.consignment = ringsOf("fi.spoc", 0).consignment
			return x.sign(x.deskOf("fi.spoc", r))
		}},
		"party with a founder's keys": {problem.KeyReused, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) {
				for i, k := range rootKeys("se") {
					p.Keys[i] = renamed(t, k.Public, "dk")
				}
			}))
		}},
		"party with a log's key": {problem.KeyReused, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) {
				p.Keys[0] = renamed(t, x.Federation().Audit, "dk")
			}))
		}},
		"revoked party's keys return": {problem.KeyReused, func(x exchange) []byte {
			x.enter(x.revoke("root", "fi", ringAll))
			return x.sign(x.party("fi"))
		}},
		"revoked TLS key returns": {problem.KeyReused, func(x exchange) []byte {
			x.enter(x.revoke("fi", "fi.spoc", RingOnline))
			r := ringsOf("fi.spoc", 1)
			r.tls = tlsKeyOf("fi.spoc", 0)
			return x.sign(x.deskOf("fi.spoc", r))
		}},

		// Requests.
		"request of another exchange": {problem.WrongExchange, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			c := x.request("fi.ncb", r)
			c.Exchange = signed.HashOf("training")
			return x.sign(x.deskBy("fi", r.prove(t, c)))
		}},
		"keys of somebody who does not hold them": {problem.SignatureMissing, func(x exchange) []byte {
			mine, theirs := ringsOf("fi.ncb", 0), ringsOf("fi.ncb", 1)
			c := x.request("fi.ncb", theirs)
			theirs.message, theirs.consignment = mine.message, mine.consignment
			return x.sign(x.deskBy("fi", theirs.prove(t, c)))
		}},
		"TLS key of somebody who does not hold it": {problem.SignatureInvalid, func(x exchange) []byte {
			mine := ringsOf("fi.ncb", 0)
			c := x.request("fi.ncb", mine)
			c.TLSKey = tlsBytes(tlsKeyOf("fi.ncb", 1))
			return x.sign(x.deskBy("fi", mine.prove(t, c)))
		}},
		"request without its receipts key's signature": {problem.SignatureMissing, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			c := x.request("fi.ncb", r)
			r.consignment = nil
			return x.sign(x.deskBy("fi", r.prove(t, c)))
		}},
		"request with a signature more": {problem.SignatureExtra, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			c := x.request("fi.ncb", r)
			r.consignment = append(r.consignment, partyKeys("fi")[0])
			return x.sign(x.deskBy("fi", r.prove(t, c)))
		}},
		"request altered": {problem.SignatureInvalid, func(x exchange) []byte {
			request := x.desk("fi.ncb", 0).Card
			return x.sign(x.deskBy("fi", bytes.Replace(request, []byte("Europe/Helsinki"), []byte("Europe/Mariehamn"), 1)))
		}},
		"request with bytes behind it": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Card = append(bytes.Clone(d.Card), '\n') }))
		}},
		"request too long": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Card = bytes.Repeat([]byte("x"), maxRequest+1) }))
		}},
		"card in place of a request": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Card = sampleCards(t)[partyCardForm.Title] }))
		}},

		// The broker's TLS keys.
		"broker's keys by a party": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.servers(1, 2, 3), func(b *BrokerKeys) { b.Link = x.link("fi") }))
		}},
		"broker's keys of an old number":  {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.servers(0, 2, 3)) }},
		"broker's keys of a later number": {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.servers(2, 2, 3)) }},
		"broker's two keys are one":       {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.servers(1, 2, 2)) }},
		"broker's key that was dropped": {problem.KeyReused, func(x exchange) []byte {
			x.enter(x.servers(1, 1, 2))
			return x.sign(x.servers(2, 0, 2))
		}},
		"broker's key is a desk's": {problem.KeyReused, func(x exchange) []byte {
			return x.sign(with(x.servers(1, 2, 3), func(b *BrokerKeys) { b.InUse = tlsHash(tlsKeyOf("fi.spoc", 0)) }))
		}},

		// What is said.
		"catalogue without a bundle": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.catalogue("2.0"), func(c *Catalogue) { c.Bundle = schema.BundleHash{} }))
		}},
		"bundle by another hash": {problem.TextMalformed, func(x exchange) []byte {
			text := x.catalogue("2.0").Text()
			return note(t, strings.Replace(text, "bundle h1:", "bundle h2:", 1), rootKeys("no", "se")...)
		}},
		"desk of another party": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(x.deskBy("fi", x.desk("se.ncb", 0).Card))
		}},
		"agreement of others": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(with(x.agreement("no", "se"), func(a *Agreement) { a.Link = x.link("fi") }))
		}},
		"agreement with itself": {problem.EntryInvalid, func(x exchange) []byte {
			return x.sign(with(x.agreement("fi", "se"), func(a *Agreement) { a.Parties = []string{"fi"} }))
		}},
		"agreement with a stranger": {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.agreement("fi", "va")) }},
		"agreement with a revoked party": {problem.EntryInvalid, func(x exchange) []byte {
			x.enter(x.revoke("root", "se", ringAll))
			return x.sign(x.agreement("fi", "se"))
		}},
		"agreement without days": {problem.EntryInvalid, func(x exchange) []byte {
			return x.sign(with(x.agreement("fi", "se"), func(a *Agreement) { a.Until = a.From }))
		}},
		"accession to nothing": {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.accede("no", signed.HashOf("nothing"))) }},
		"accession of an outsider": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(x.accede("no", x.Now().Agreements()[0].Hash()))
		}},
		"accession twice": {problem.EntryInvalid, func(x exchange) []byte {
			return x.sign(x.accede("se", x.Now().Agreements()[0].Hash()))
		}},
		"accession of the proposer": {problem.EntryInvalid, func(x exchange) []byte {
			return x.sign(x.accede("fi", x.Now().Agreements()[0].Hash()))
		}},
		"revocation of another's desk":   {problem.NotEntitled, func(x exchange) []byte { return x.sign(x.revoke("se", "fi.spoc", ringAll)) }},
		"revocation of a desk by root":   {problem.NotEntitled, func(x exchange) []byte { return x.sign(x.revoke("root", "fi.spoc", ringAll)) }},
		"revocation of another party":    {problem.NotEntitled, func(x exchange) []byte { return x.sign(x.revoke("se", "fi", ringAll)) }},
		"revocation of nobody":           {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.revoke("fi", "fi.ncb", ringAll)) }},
		"revocation of an unknown party": {problem.EntryInvalid, func(x exchange) []byte { return x.sign(x.revoke("root", "va", ringAll)) }},
		"revocation of one ring of party": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.revoke("root", "fi", ringAll), func(v *Revocation) { v.Rings[0].Ring = RingOnline }))
		}},
		"revocation of a desk's authority": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.revoke("fi", "fi.spoc", RingOnline), func(v *Revocation) { v.Rings[0].Ring = RingAuthority }))
		}},
		"revocation of one ring by two hashes": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.revoke("fi", "fi.spoc", ringAll), func(v *Revocation) {
				v.Rings = []RingHash{{RingOnline, signed.Hash{1}}, {RingOnline, signed.Hash{2}}}
			}))
		}},
		"revocation of a ring that was replaced": {problem.EntryInvalid, func(x exchange) []byte {
			safe := x.sign(preSigned(x, "fi", "fi.spoc"))
			x.enter(x.desk("fi.spoc", 1))
			return safe
		}},
		"revocation of another ring's keys": {problem.EntryInvalid, func(x exchange) []byte {
			d, _ := x.Now().Desk("fi.spoc")
			return x.sign(with(x.revoke("fi", "fi.spoc", RingOnline), func(v *Revocation) { v.Rings[0].Hash = d.RingHash(Locked).Hash }))
		}},
		"revocation of an authority that was replaced": {problem.EntryInvalid, func(x exchange) []byte {
			safe := with(x.revoke("root", "fi", ringAll), func(v *Revocation) { v.Previous, v.Nonce = signed.Hash{}, signed.ID{42} })
			next := with(x.party("fi"), func(p *Party) { p.Keys = signed.PublicKeys(keysOf("fi", signed.UseEntry, 1)) })
			x.enter(next)
			return x.sign(safe)
		}},
		"revocation twice": {problem.EntryInvalid, func(x exchange) []byte {
			x.enter(x.revoke("fi", "fi.spoc", RingOnline))
			return x.sign(x.revoke("fi", "fi.spoc", RingOnline))
		}},
		"pre-signed revocation twice": {problem.EntryOutOfOrder, func(x exchange) []byte {
			safe := x.sign(preSigned(x, "fi", "fi.spoc"))
			if _, err := x.Append(safe); err != nil {
				t.Fatal(err)
			}
			x.enter(x.desk("fi.spoc", 1))
			return safe
		}},
		"party revoked twice": {problem.EntryInvalid, func(x exchange) []byte {
			x.enter(x.revoke("root", "fi", ringAll))
			return x.sign(x.revoke("root", "fi", ringAll))
		}},

		// Spelling.
		"zero hash as previous": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(setLine(x.desk("fi.ncb", 0).Text(), "previous", modelZero))
		}},
		"ten signers": {problem.Oversize, func(x exchange) []byte {
			text := x.agreement("fi", "se").Text()
			return x.signText(strings.Replace(text, "signer fi\n", strings.Repeat("signer fi\n", 10), 1))
		}},
		"signer twice": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Signers = []string{"fi", "fi"} }))
		}},
		"first second of 1970": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(setLine(x.agreement("fi", "se").Text(), "from", "1970-01-01T00:00:00Z"))
		}},
		"number with a zero before": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(setLine(x.servers(1, 2, 3).Text(), "number", "01"))
		}},
		"quoted letter escaped without need": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(setLine(x.party("dk").Text(), "title", `"\u0041"`))
		}},
		"quoted half of a pair": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(setLine(x.party("dk").Text(), "title", `"\ud83d"`))
		}},
		"quoted control character": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(setLine(x.party("dk").Text(), "title", `"\u0085"`))
		}},
		"quoted 513 bytes": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.party("dk"), func(p *Party) { p.Title = strings.Repeat("x", 513) }))
		}},
		"base64 with unused bits": {problem.TextMalformed, func(x exchange) []byte {
			text := x.accede("no", signed.Hash{}).Text()
			return x.signText(setLine(text, "agreement", modelZero[:42]+"B="))
		}},
		"line of 16385 bytes": {problem.Oversize, func(x exchange) []byte {
			text := x.accede("no", signed.Hash{}).Text() + strings.Repeat("x", 16385) + "\n"
			return []byte(text + "\n" + "\u2014 fi AAAAAAAA\n")
		}},
		"line more": {problem.TextMalformed, func(x exchange) []byte {
			return x.signText(x.accede("no", signed.Hash{}).Text() + "poem x\n")
		}},
		"unknown function": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Functions = []Function{"cafe"} }))
		}},
		"function twice": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Functions = []Function{"ncb", "spoc", "ncb"} }))
		}},
		"language in capitals": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Languages = []string{"FI"} }))
		}},
		"type twice in one version": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.catalogue("2.0"), func(c *Catalogue) { c.Types[1].Name = c.Types[0].Name }))
		}},
		"copy of a type that is not permitted": {problem.TextMalformed, func(x exchange) []byte {
			return x.sign(with(x.agreement("fi", "se"), func(a *Agreement) { a.Copies[0].Of = []string{"POEM"} }))
		}},
		"pre-signed without a nonce": {problem.TextMalformed, func(x exchange) []byte {
			text := preSigned(x, "fi", "fi.spoc").Text()
			return x.signText(strings.Replace(text, "nonce "+signed.ID{42}.String()+"\n", "", 1))
		}},
		"nonce in a chain": {problem.TextMalformed, func(x exchange) []byte {
			text := x.revoke("fi", "fi.spoc", ringAll).Text()
			return x.signText(strings.Replace(text, "subject ", "nonce "+signed.ID{42}.String()+"\nsubject ", 1))
		}},
		"opening key with a space": {problem.TextMalformed, func(x exchange) []byte {
			r := ringsOf("fi.ncb", 0)
			text := setLine(x.request("fi.ncb", r).Text(), "opening", "age1 pq1")
			return x.sign(&Desk{Link: x.link("fi"), Directory: x.desk("fi.spoc", 0).Directory, Card: note(t, text, slices.Concat(r.message, r.consignment)...)})
		}},

		// Several faults: the first in the order of SPEC counts.
		"unsigned": {problem.SignatureMissing, func(x exchange) []byte { return []byte(x.desk("fi.ncb", 0).Text() + "\n") }},
		"nineteen signatures": {problem.SignatureExtra, func(x exchange) []byte {
			return []byte(x.desk("fi.ncb", 0).Text() + "\n" + strings.Repeat("\u2014 fi AAAAAAAA\n", 19))
		}},
		"one signature absent, the other late": {problem.SignatureMissing, func(x exchange) []byte {
			return x.signAs(x.desk("fi.ncb", 0), partyKeys("se")[0], partyKeys("fi")[0])
		}},
		"request without signatures, of another exchange": {problem.SignatureMissing, func(x exchange) []byte {
			d := x.desk("fi.ncb", 0)
			text, _, _ := strings.Cut(string(d.Card), "\n\n")
			d.Card, d.Exchange = []byte(text+"\n\n"), signed.HashOf("training")
			return x.sign(d)
		}},
		"request without signatures, and a line more": {problem.TextMalformed, func(x exchange) []byte {
			d := x.desk("fi.ncb", 0)
			text, _, _ := strings.Cut(string(d.Card), "\n\n")
			d.Card = []byte(text + "\n\n")
			return x.signText(d.Text() + "poem x\n")
		}},
		"request without signatures, and the zero hash as previous": {problem.TextMalformed, func(x exchange) []byte {
			d := x.desk("fi.ncb", 0)
			text, _, _ := strings.Cut(string(d.Card), "\n\n")
			d.Card = []byte(text + "\n\n")
			return x.signText(setLine(d.Text(), "previous", modelZero))
		}},
		"another's desk with keys of the first": {problem.NotEntitled, func(x exchange) []byte {
			return x.sign(x.deskBy("fi", x.desk("se.spoc", 0).Card))
		}},
		"revoked party that may not": {problem.NotEntitled, func(x exchange) []byte {
			catalogue := with(x.catalogue("2.0"), func(c *Catalogue) { c.Link = x.link("fi") })
			x.enter(x.revoke("root", "fi", ringAll))
			return x.sign(catalogue)
		}},
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, c := range refusedEntries(t) {
		t.Run(name, func(t *testing.T) {
			x := settled(t)
			bad := c.make(x)
			size, head := x.Size(), x.Head()
			wantCode(t, x.Check(bad), c.want)
			index, err := x.Append(bad)
			wantCode(t, err, c.want)
			if p, ok := problem.Of(err); !ok || p.Detail == "" {
				t.Errorf("the refusal says nothing: %v", err)
			}
			if index != 0 || x.Size() != size || x.Head() != head {
				t.Error("a refusal changed the register")
			}
			x.enter(x.desk("no.ncb", 0)) // and leaves it usable
		})
	}
}

func preSigned(x exchange, signer, subject string) *Revocation {
	return with(x.revoke(signer, subject, ringAll), func(v *Revocation) {
		v.Previous, v.Nonce = signed.Hash{}, signed.ID{42}
	})
}

// renamedPrivate is another owner's pair under a name.
func renamedPrivate(t *testing.T, owner string, use signed.Use, name string) (out []*signed.PrivateKey) {
	t.Helper()
	for _, alg := range signed.Uses[use] {
		k, err := signed.NewPrivateKey(name, alg, seedOf(owner, use, alg, 0))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func renamed(t *testing.T, k *signed.PublicKey, name string) *signed.PublicKey {
	t.Helper()
	out, err := signed.NewPublicKey(name, k.Algorithm, k.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFederationRefuses(t *testing.T) {
	both := rootKeys("no", "se")
	for name, c := range map[string]struct {
		want problem.Code
		edit func(*Federation)
		keys []*signed.PrivateKey
	}{
		"one founder has not signed": {problem.SignatureMissing, func(f *Federation) {}, rootKeys("no")},
		"a stranger signed":          {problem.SignatureExtra, func(f *Federation) {}, append(rootKeys("no", "se"), partyKeys("fi")[0])},
		"threshold 0":                {problem.EntryInvalid, func(f *Federation) { f.Threshold = 0 }, both},
		"threshold above founders":   {problem.EntryInvalid, func(f *Federation) { f.Threshold = 3 }, both},
		"founders do not ascend": {problem.EntryInvalid, func(f *Federation) {
			f.Founders[0], f.Founders[1] = f.Founders[1], f.Founders[0]
		}, rootKeys("se", "no")},
		"one founder twice": {problem.EntryInvalid, func(f *Federation) { f.Founders[1] = f.Founders[0] }, rootKeys("no", "no")},
		"log of another exchange": {problem.EntryInvalid, func(f *Federation) {
			f.Audit = logKey("other.example/audit").Public
		}, both},
		"one log for both": {problem.EntryInvalid, func(f *Federation) { f.Audit = f.Register }, both},
		"log key is operator's": {problem.KeyReused, func(f *Federation) {
			f.Audit = renamed(t, f.Operator, f.Audit.Name)
		}, both},
		"one TLS key":  {problem.EntryInvalid, func(f *Federation) { f.Offline = f.InUse }, both},
		"other policy": {problem.TextMalformed, func(f *Federation) { f.Policy = "whatever" }, both},
		"name is path": {problem.TextMalformed, func(f *Federation) { f.Name = "nordic.example/x" }, both},
		"no founder":   {problem.EntryInvalid, func(f *Federation) { f.Founders = nil }, both},
	} {
		f := federation()
		c.edit(f)
		_, err := New(note(t, f.Text(), c.keys...))
		t.Run(name, func(t *testing.T) { wantCode(t, err, c.want) })
	}
	if _, err := New(nil); err == nil {
		t.Error("nothing is no federation file")
	}
	text := strings.Replace(federation().Text(), "exchange -", "exchange "+signed.HashOf("x").String(), 1)
	if _, err := New(note(t, text, both...)); problem.CodeOf(err) != problem.TextMalformed {
		t.Errorf("a federation file that names an exchange: %v", err)
	}
}

// A key that is the one spelling of a small-order point never gets in.
func TestSmallOrderKeyRefused(t *testing.T) {
	x := settled(t)
	d := x.desk("fi.ncb", 0)
	good := signed.EncodeBytes(d.Consignment[0].Bytes)
	identity := make([]byte, 32)
	identity[0] = 1
	d.Card = bytes.Replace(d.Card, []byte(good), []byte(signed.EncodeBytes(identity)), 1)
	_, err := x.Append(x.sign(d))
	wantCode(t, err, problem.TextMalformed)
}

func TestDirectoryChangesWithoutNewKeys(t *testing.T) {
	x := settled(t)
	before := x.Size()
	x.enter(with(x.desk("fi.spoc", 0), func(d *Desk) { d.Telephone = "+358 295 111 111" }))
	now, _ := x.Now().Desk("fi.spoc")
	then, _ := x.At(before).Desk("fi.spoc")
	if now.Telephone != "+358 295 111 111" || then.Telephone != "+358 295 000 000" {
		t.Errorf("now %s, then %s", now.Telephone, then.Telephone)
	}
}

func TestOnlyTheRevokedRingNeedsNewKeys(t *testing.T) {
	x := settled(t)
	x.enter(x.revoke("fi", "fi.spoc", RingOnline))
	if v := x.Now(); !v.Revoked("fi.spoc", Online) || v.Revoked("fi.spoc", Locked) {
		t.Error("the online ring alone should be revoked")
	}
	r := ringsOf("fi.spoc", 0)
	r.consignment, r.tls = ringsOf("fi.spoc", 1).consignment, ringsOf("fi.spoc", 1).tls
	x.enter(x.deskOf("fi.spoc", r))
	if x.Now().Revoked("fi.spoc", Online) {
		t.Error("a new receipts key should have ended the revocation")
	}
	if !x.At(x.Size()-1).Revoked("fi.spoc", Online) {
		t.Error("before, it was revoked")
	}
}

func TestPartyRevokedAndAdmittedAgain(t *testing.T) {
	x := settled(t)
	agreement := x.Now().Agreements()[0].Hash()
	since := signed.At(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	x.enter(with(x.revoke("root", "fi", ringAll), func(v *Revocation) { v.SuspectedSince = since }))
	v := x.Now()
	if _, ok := x.state.party("fi").entry.now(); ok || !v.Revoked("fi.spoc", Online) || !v.Revoked("fi.spoc", Locked) {
		t.Error("something of a revoked party is in force")
	}
	if r, ok := x.state.desk("fi.spoc").revoked[Locked].now(); !ok || r.SuspectedSince != since {
		t.Error("the revocation does not say since when")
	}
	if len(v.AgreementsBetween("fi", "se", noon)) != 0 {
		t.Error("a revoked party is bound to an agreement")
	}

	again := keysOf("fi", signed.UseEntry, 1)
	x.enter(with(x.party("fi"), func(p *Party) { p.Keys = signed.PublicKeys(again) }))
	for _, e := range []func() Entry{
		func() Entry { return x.desk("fi.spoc", 1) },
		func() Entry { return x.accede("fi", agreement) },
	} {
		if x.Check(x.sign(e())) == nil {
			t.Error("the old authority signs on")
		}
		if _, err := x.Append(x.signAs(e(), again...)); err != nil {
			t.Fatal(err)
		}
	}
	if v := x.Now(); v.Revoked("fi.spoc", Locked) || len(v.AgreementsBetween("fi", "se", noon)) != 1 {
		t.Error("the party admitted again lacks something")
	}
}

func TestAgreementOfThree(t *testing.T) {
	x := settled(t)
	a := with(x.agreement("fi", "se"), func(a *Agreement) {
		a.Parties, a.Title = []string{"fi", "no", "se"}, "Kolmen sopimus"
		a.Ceiling = envelope.BPL
	})
	x.enter(a)
	inForce := func(one, other string) bool {
		for _, b := range x.Now().AgreementsBetween(one, other, noon) {
			if b.Hash() == a.Hash() {
				return true
			}
		}
		return false
	}
	x.enter(x.accede("se", a.Hash()))
	if inForce("fi", "se") {
		t.Error("in force before the third acceded")
	}
	for party, want := range map[string]bool{"fi": true, "se": true, "no": false} {
		if got := x.Now().everBound(x.state.agreements[a.Hash()], party); got != want {
			t.Errorf("%s is bound: %v", party, got)
		}
	}
	x.enter(x.accede("no", a.Hash()))
	if !inForce("fi", "no") || !inForce("no", "se") {
		t.Error("not in force though all acceded")
	}
	x.enter(x.revoke("root", "no", ringAll))
	if inForce("fi", "no") || !inForce("fi", "se") {
		t.Error("the third's revocation should leave the other two bound")
	}
}
