package gatewaytest

import (
	"strings"
	"time"

	"samband/certs"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// An entryRefusal is one row: a register entry, and the code that it must meet.
type entryRefusal struct {
	code problem.Code
	name string
	note func(*scene) []byte
}

// entryRefused checks one row: the running broker refuses the entry, alike each
// time, and neither log grows.
func (s *scene) entryRefused(row entryRefusal) {
	s.Helper()
	note := row.note(s)
	before := got(s.local.Status(s.Context()))(s)
	for range 2 {
		_, err := s.local.Enter(s.Context(), note)
		s.refusal(err, row.code)
	}
	after := got(s.local.Status(s.Context()))(s)
	if after.Register != before.Register || after.Audit != before.Audit {
		s.Errorf("a refused entry moved the logs from %+v to %+v", before, after)
	}
}

// What a register takes from nobody.
var entryRefusals = []entryRefusal{
	{problem.Oversize, "more than an entry has", func(*scene) []byte { return make([]byte, register.MaxEntry+1) }},
	{problem.TextMalformed, "no note", func(*scene) []byte { return []byte("samband/desk/v1\n") }},
	{problem.TextMalformed, "a form that is none of a register", ofEstonia(func(s *scene, l register.Link) string {
		return strings.Replace((&register.Catalogue{Link: l, Bundle: schema.EmbeddedBundle().Hash, Types: Types()}).Text(), "catalogue", "mandate", 1)
	})},
	{problem.TextMalformed, "parties in another order", ofEstonia(func(s *scene, l register.Link) string {
		return reordered(agreement(l, "ee", "fi").Text(), "party", "party")
	})},
	{problem.TextMalformed, "a key of small order", ofEstonia(func(s *scene, l register.Link) string {
		d := s.estonianDesk(l)
		zero := signed.EncodeBytes(append([]byte{1}, make([]byte, 31)...))
		d.Card = []byte(strings.Replace(string(d.Card), signed.EncodeBytes(d.Consignment[0].Bytes), zero, 1))
		return d.Text()
	})},
	{problem.WrongExchange, "an agreement of another exchange", func(s *scene) []byte {
		x := s.foreign()
		return x.Entries[len(x.Entries)-2]
	}},
	{problem.WrongExchange, "a party of another exchange", func(s *scene) []byte { return s.foreign().Entries[0] }},
	{problem.EntryOutOfOrder, "replayed", func(s *scene) []byte { return s.Entries[len(s.Entries)-1] }},
	{problem.EntryOutOfOrder, "the first one, replayed", func(s *scene) []byte { return s.Entries[0] }},
	{problem.EntryOutOfOrder, "after the one before the last", ofEstonia(func(s *scene, l register.Link) string {
		l.Previous = signed.HashOf(textOf(s, s.Entries[0]))
		return agreement(l, "ee", "fi").Text()
	})},
	{problem.EntryOutOfOrder, "signed beforehand, and no revocation", ofEstonia(func(s *scene, l register.Link) string {
		l.Previous = signed.Hash{}
		return agreement(l, "ee", "fi").Text()
	})},
	{problem.NotEntitled, "a catalogue by a party", ofEstonia(func(_ *scene, l register.Link) string {
		return (&register.Catalogue{Link: l, Bundle: schema.EmbeddedBundle().Hash, Types: Types()[:1]}).Text()
	})},
	{problem.NotEntitled, "a desk of another party", ofEstonia(func(s *scene, l register.Link) string {
		h := got(NewKeyedDesk(s.register.Exchange(), "fi.night"))(s)
		return s.deskOf(l, h).Text()
	})},
	{problem.NotEntitled, "another's desk revoked", ofEstonia(func(_ *scene, l register.Link) string {
		return (&register.Revocation{Link: l, Desk: "fi.spoc", Rings: nobody(register.RingLocked, register.RingOnline)}).Text()
	})},
	{problem.NotEntitled, "another party revoked", ofEstonia(func(_ *scene, l register.Link) string {
		return (&register.Revocation{Link: l, Party: "fi", Rings: nobody(register.RingAuthority)}).Text()
	})},
	{problem.NotEntitled, "an agreement among others", ofEstonia(func(_ *scene, l register.Link) string {
		return agreement(l, "fi", "se").Text()
	})},
	{problem.NotEntitled, "by a party that nobody admitted", func(s *scene) []byte {
		keys := got(signed.GenerateKeys("lv", signed.UseEntry))(s)
		l := register.Link{Exchange: s.register.Exchange(), Previous: s.register.Exchange(), Signers: []string{"lv"}}
		return got(signed.Sign(agreement(l, "fi", "lv").Text(), keys...))(s).Bytes()
	}},
	{problem.NotEntitled, "by fewer founders than the root asks for", func(s *scene) []byte {
		l := register.Link{Exchange: s.register.Exchange(), Previous: known(s.register.Previous("fi/root")), Signers: []string{"fi/root"}}
		note := got(s.Founders[0].Sign((&register.Catalogue{Link: l, Bundle: schema.EmbeddedBundle().Hash, Types: Types()[:1]}).Text()))(s).Note
		if err := s.Founders[0].Follow(s.register); err != nil { // it was never entered
			s.Fatal(err)
		}
		return note
	}},
	{problem.KeyRevoked, "by a party that is revoked", func(s *scene) []byte {
		p := s.admitted("lt")
		note := s.signedBy(p, agreement(s.link("lt"), "fi", "lt").Text())
		lt := got(s.Founders[0].Admission("lt"))(s)
		got(s.root(s.Founders[0].DraftRevoke(lt, signed.Time{})))(s)
		s.follow()
		return note
	}},
	{problem.SignatureMissing, "one missing", func(s *scene) []byte {
		return got(signed.Sign(agreement(s.link("ee"), "ee", "fi").Text(), s.estonia()[:1]...))(s).Bytes()
	}},
	{problem.SignatureMissing, "one founder of two", func(s *scene) []byte {
		text := got(s.Founders[0].DraftCatalogue(schema.EmbeddedBundle().Hash, Types()[:1]))(s)
		return got(s.Founders[0].Sign(text))(s).Note
	}},
	{problem.SignatureExtra, "one too many", func(s *scene) []byte {
		return got(signed.Sign(agreement(s.link("ee"), "ee", "fi").Text(), append(s.estonia(), s.callers["fi.spoc"].Message[0])...))(s).Bytes()
	}},
	{problem.SignatureInvalid, "altered", func(s *scene) []byte {
		note := s.signedBy(s.estonia(), agreement(s.link("ee"), "ee", "fi").Text())
		return []byte(strings.Replace(string(note), "ceiling unclassified", "ceiling bpl", 1))
	}},
	{problem.EntryInvalid, "acceding to what nobody proposed", ofEstonia(func(_ *scene, l register.Link) string {
		return (&register.Accession{Link: l, Agreement: signed.HashOf("a gentlemen's")}).Text()
	})},
	{problem.EntryInvalid, "a desk revoked that never was", ofEstonia(func(_ *scene, l register.Link) string {
		return (&register.Revocation{Link: l, Desk: "ee.nobody", Rings: nobody(register.RingLocked, register.RingOnline)}).Text()
	})},
	{problem.KeyReused, "keys of another desk", ofEstonia(func(s *scene, l register.Link) string {
		h := got(NewKeyedDesk(s.register.Exchange(), "ee.spoc"))(s)
		h.Consignment[0] = renamed(s, s.callers["fi.spoc"].Consignment[0], "ee.spoc")
		return s.deskOf(l, h).Text()
	})},
	{problem.KeyReused, "a TLS key of another desk", ofEstonia(func(s *scene, l register.Link) string {
		h := got(NewKeyedDesk(s.register.Exchange(), "ee.spoc"))(s)
		h.TLS = s.callers["fi.spoc"].TLS
		return s.deskOf(l, h).Text()
	})},
	{problem.SignatureMissing, "keys of another desk, which it does not hold", ofEstonia(func(s *scene, l register.Link) string {
		d := s.estonianDesk(l)
		ours, theirs := d.Consignment[0].Bytes, s.callers["fi.spoc"].Consignment[0].Public.Bytes
		d.Card = []byte(strings.Replace(string(d.Card), signed.EncodeBytes(ours), signed.EncodeBytes(theirs), 1))
		return d.Text()
	})},
	{problem.SignatureInvalid, "a TLS key that it does not hold", ofEstonia(func(s *scene, l register.Link) string {
		d := s.estonianDesk(l)
		ours := got(register.ParseRequest(d.Card))(s).TLSKey
		theirs := got(certs.MarshalPublicKey(&s.callers["fi.spoc"].TLS.PublicKey))(s)
		d.Card = []byte(strings.Replace(string(d.Card), signed.EncodeBytes(ours), signed.EncodeBytes(theirs), 1))
		return d.Text()
	})},
	{problem.SignatureInvalid, "an opening key of another desk in its request", ofEstonia(func(s *scene, l register.Link) string {
		d := s.estonianDesk(l)
		d.Card = []byte(strings.Replace(string(d.Card), d.Opening, s.callers["fi.spoc"].Recipient, 1))
		return d.Text()
	})},
	{problem.KeyReused, "keys that were revoked", func(s *scene) []byte {
		d := s.estonianDesk(s.link("ee"))
		s.enterEntry(s.signedBy(s.estonia(), d.Text()))
		s.enterEntry(s.signedBy(s.estonia(), (&register.Revocation{Link: s.link("ee"), Desk: "ee.spoc", Rings: []register.RingHash{d.RingHash(register.Locked)}}).Text()))
		d.Link = s.link("ee")
		return s.signedBy(s.estonia(), d.Text())
	}},
}

// ofEstonia is a row of an entry of a party whose authority's keys lie open.
func ofEstonia(text func(*scene, register.Link) string) func(*scene) []byte {
	return func(s *scene) []byte {
		keys := s.estonia()
		return s.signedBy(keys, text(s, s.link("ee")))
	}
}

func (s *scene) estonia() []*signed.PrivateKey {
	s.Helper()
	if s.ee == nil {
		s.ee = s.admitted("ee")
	}
	return s.ee
}

// admitted lets the founders admit a party, and returns its authority's keys.
func (s *scene) admitted(name string) []*signed.PrivateKey {
	s.Helper()
	keys := got(signed.GenerateKeys(name, signed.UseEntry))(s)
	card := &register.PartyCard{Name: name, Title: "Politsei", Keys: signed.PublicKeys(keys)}
	got(s.root(s.Founders[0].DraftAdmit(card)))(s)
	s.follow()
	return keys
}

func (s *scene) link(party string) register.Link {
	previous, _ := s.register.Previous(party)
	return register.Link{Exchange: s.register.Exchange(), Previous: previous, Signers: []string{party}}
}

func (s *scene) signedBy(keys []*signed.PrivateKey, text string) []byte {
	s.Helper()
	return got(signed.Sign(text, keys...))(s).Bytes()
}

func agreement(l register.Link, parties ...string) *register.Agreement {
	now := time.Now()
	return &register.Agreement{
		Link: l, Title: "Piirivalve", Parties: parties, Types: []string{"INFO_REQUEST"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified,
		From: signed.At(now), Until: signed.At(now.AddDate(1, 0, 0)),
	}
}

func (s *scene) estonianDesk(l register.Link) *register.Desk {
	s.Helper()
	h := got(NewKeyedDesk(s.register.Exchange(), "ee.spoc"))(s)
	return s.deskOf(l, h)
}

// deskOf is the entry of a desk by its own request.
func (s *scene) deskOf(l register.Link, h *KeyedDesk) *register.Desk {
	s.Helper()
	return got(register.NewDesk(l, anywhere, signed.Time{}, got(h.Request())(s)))(s)
}

// renamed is a private key under another owner's name.
func renamed(s *scene, k *signed.PrivateKey, name string) *signed.PrivateKey {
	s.Helper()
	_, rest, _ := strings.Cut(k.Encode(), " ")
	return got(signed.DecodePrivateKey(name + " " + rest))(s)
}

// nobody names rings by keys that are nobody's.
func nobody(rings ...string) (named []register.RingHash) {
	for _, r := range rings {
		named = append(named, register.RingHash{Ring: r, Hash: signed.HashOf("nobody's keys")})
	}
	return named
}
