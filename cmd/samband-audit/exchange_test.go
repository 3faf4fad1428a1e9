package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"samband/certs"
	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

const (
	name      = "nordic.example"
	auditSize = 600
	accepted  = 301 // index of the valid message's acceptance
	handed    = 302 // of its handover
	rejected  = 303 // of the rejection of bytes that are no message
	early     = 304 // of another message's acceptance, under a register too old
	lapsed    = 598 // of that message's lapse
	quiet     = 599 // of a word that nothing else happened
)

var noon = signed.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))

// keysOf derives an owner's keys for a use from a published seed.
func keysOf(owner string, use signed.Use) []*signed.PrivateKey {
	var keys []*signed.PrivateKey
	for _, alg := range signed.Uses[use] {
		seed := sha256.Sum256(fmt.Appendf(nil, "samband-audit test %s %s %s", owner, use, alg))
		keys = append(keys, must(signed.NewPrivateKey(owner, alg, seed[:])))
	}
	return keys
}

func logKey(log string) *signed.PrivateKey { return keysOf(name+"/"+log, signed.UseCheckpoint)[0] }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func note(text string, keys ...*signed.PrivateKey) []byte {
	return must(signed.Sign(text, keys...)).Bytes()
}

// makeExchange writes what an auditor may be given: a federation file, both
// logs, and a message with its acceptance and its end. Beside them lies the
// federation file of another exchange.
func makeExchange(dir string) {
	x := &exchangeMaker{dir: dir}
	x.found()
	x.enter()
	x.log()
}

type exchangeMaker struct {
	dir       string
	register  *register.Register
	agreement signed.Hash
}

// request is the type of the message, as the catalogue names it.
var request = envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("type")}

func (x *exchangeMaker) write(file string, b []byte) {
	path := filepath.Join(x.dir, file)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		panic(err)
	}
}

func (x *exchangeMaker) found() {
	for _, file := range []string{"other-federation", "federation"} {
		root := keysOf(register.RootName("se"), signed.UseEntry)
		f := &register.Federation{
			Name: name, Nonce: signed.ID{byte(len(file))}, Threshold: 1,
			Founders: []register.Founder{{Party: "se", Keys: signed.PublicKeys(root)}},
			Broker: register.Broker{
				Audit: logKey("audit").Public, Register: logKey("register").Public,
				Operator: logKey("operator").Public, ServerKeys: register.ServerKeys{InUse: signed.HashOf("TLS key in use"), Offline: signed.HashOf("TLS key offline")},
			},
			Policy: register.PolicyLogged,
		}
		b := note(f.Text(), root...)
		x.register = must(register.New(b))
		x.write(file, b)
	}
	x.write("fingerprint", []byte(x.register.Exchange().String()))
}

// enter admits Finland and Sweden with a desk each, and writes the register.
func (x *exchangeMaker) enter() {
	link := func(signer string) register.Link {
		previous, _ := x.register.Previous(signer)
		return register.Link{Exchange: x.register.Exchange(), Previous: previous, Signers: []string{signer}}
	}
	enter := func(e register.Entry, signer string) {
		must(x.register.Append(note(e.Text(), keysOf(signer, signed.UseEntry)...)))
	}
	for _, party := range []string{"fi", "se"} {
		root := register.RootName("se")
		enter(&register.Party{Link: link(root), Name: party, Title: "Maa " + party,
			Keys: signed.PublicKeys(keysOf(party, signed.UseEntry))}, root)
		addr := signed.Address(party + ".spoc")
		message, consignment := keysOf(string(addr), signed.UseMessage), keysOf(string(addr), signed.UseConsignment)
		request := must(register.SignRequest(&register.Request{
			Exchange: x.register.Exchange(), Address: addr, Zone: "Europe/Stockholm",
			DeskKeys: register.DeskKeys{
				Message: signed.PublicKeys(message), Consignment: signed.PublicKeys(consignment),
				Opening: "age1pq1" + party, Versions: []int64{1},
			}}, must(certs.NewKey()), append(message, consignment...)...))
		enter(must(register.NewDesk(link(party), register.Directory{Title: "Yhteyspiste", Functions: []register.Function{"spoc"},
			Languages: []string{"fi", "sv"}, Hours: "24/7", Telephone: "+358 295 000 000"}, signed.Time{}, request)), party)
	}
	root := register.RootName("se")
	enter(&register.Catalogue{Link: link(root), Bundle: schema.BundleHash{1}, Types: []envelope.TypeRef{request}}, root)
	a := &register.Agreement{Link: link("fi"), Title: "Samarbete", Parties: []string{"fi", "se"},
		Types: []string{request.Name}, Purposes: []string{"PREVENT_CRIME"}, Ceiling: envelope.Unclassified,
		From: noon, Until: noon.Add(48 * time.Hour)}
	enter(a, "fi")
	x.agreement = signed.HashOf(a.Text())
	enter(&register.Accession{Link: link("se"), Agreement: x.agreement}, "se")
	t := x.open("register")
	must(t.Append(x.register.Entries(0)...))
	x.flush(t, "register")
	lagging := must(tree.Open(filepath.Join(x.dir, "lagging"), logKey("register").Public))
	must(lagging.Append(x.register.Entries(0)[:x.register.Size()-1]...))
	must(0, lagging.Flush(must(auditlog.SignCheckpoint(lagging.Head(), logKey("register")))))
}

func (x *exchangeMaker) open(log string) *tree.Tree {
	return must(tree.Open(filepath.Join(x.dir, "log", log), logKey(log).Public))
}

func (x *exchangeMaker) flush(t *tree.Tree, log string) []byte {
	cp := must(auditlog.SignCheckpoint(t.Head(), logKey(log)))
	if err := t.Flush(cp); err != nil {
		panic(err)
	}
	return cp
}

// log writes the audit log, with one true message among many expiries.
func (x *exchangeMaker) log() {
	head := x.register.Head()
	heads := [2]signed.Head{{Origin: name + "/audit", Size: 5, Root: signed.HashOf("earlier")}, head}
	sealed := []byte("age-encryption.org/v1\n… not opened here …\n")
	h := envelope.Header{
		Exchange: x.register.Exchange(), ID: signed.ID{7},
		Type: request, From: "se.spoc", To: "fi.spoc", ToKey: envelope.KeyIDOf("age1pq1fi"), Conversation: signed.ID{9},
		Created: noon, Expires: noon.Add(24 * time.Hour), Agreement: x.agreement,
		Urgency: envelope.Urgent, Classification: envelope.Unclassified,
		AsOfAudit: heads[0], AsOfRegister: heads[1], Sealed: envelope.SealedOf(sealed),
	}
	e := must(envelope.Sign(h, sealed, keysOf("se.spoc", signed.UseMessage)))
	s := envelope.Statement{
		Exchange: h.Exchange, Signer: "fi.spoc", Event: envelope.HandedOver, Message: e.TextHash(),
		Time: noon, AsOfAudit: heads[0], AsOfRegister: heads[1],
	}
	end := note(s.Text(), keysOf("fi.spoc", signed.UseMessage)[0])
	h.ID = signed.ID{8}
	other := must(envelope.Sign(h, sealed, keysOf("se.spoc", signed.UseMessage)))

	x.write("envelope", e.Bytes())
	x.write("other-envelope", other.Bytes())
	x.write("end", end)
	x.write("no-message", []byte("no message"))

	t := x.open("audit")
	entries := make([]auditlog.Entry, auditSize)
	for i := range entries {
		r := auditlog.Record{Exchange: h.Exchange, Kind: envelope.Expired, Index: int64(i), Time: noon,
			RegisterSize: head.Size, RegisterRoot: head.Root, Message: signed.HashOf(fmt.Sprint(i))}
		switch i {
		case accepted:
			r.Kind, r.Message, r.ID, r.From, r.To = envelope.Accepted, e.TextHash(), e.ID, e.From, e.To
			r.Type, r.Urgency, r.Expires = e.Type.Name, e.Urgency, e.Expires
		case early: // decided under a register older than the one that its sender had seen
			before := x.register.At(head.Size - 1).Head()
			r.Kind, r.Message, r.ID, r.From, r.To = envelope.Accepted, other.TextHash(), other.ID, other.From, other.To
			r.Type, r.Urgency, r.Expires = other.Type.Name, other.Urgency, other.Expires
			r.RegisterSize, r.RegisterRoot = before.Size, before.Root
		case lapsed:
			r.Kind, r.Message, r.Time = envelope.Lapsed, other.TextHash(), envelope.LapsesAt(other.Expires)
		case quiet:
			r.Kind, r.Message, r.Time = auditlog.Quiet, signed.Hash{}, envelope.LapsesAt(other.Expires)
		case handed:
			r.Kind, r.Message, r.By, r.Statement = envelope.HandedOver, e.TextHash(), "fi.spoc", signed.HashOf(end)
		case rejected:
			r = auditlog.Record{Exchange: h.Exchange, Kind: envelope.Rejected, Index: int64(i), Time: noon,
				RegisterSize: head.Size, RegisterRoot: head.Root, Caller: "se.spoc",
				TextHash: envelope.HashOfBytes([]byte("no message")), Code: problem.TextMalformed, Until: noon}
		}
		entries[i] = auditlog.Entry{Salt: auditlog.NewSalt(), Record: r}
		must(t.Append(entries[i].Leaf()))
	}
	cp := x.flush(t, "audit")
	for file, i := range map[string]int64{"acceptance": accepted, "end-proof": handed, "refusal": rejected, "expiry": 0, "lapse": lapsed, "quiet": quiet, "old-acceptance": early} {
		x.write(file, auditlog.MakeProof(entries[i], must(t.Prove(i, auditSize)), cp))
	}
	// A proof under a checkpoint of the same log with another history.
	var fork auditlog.Range
	entries[accepted].Record.Index = 0
	fork.Append(entries[accepted].Leaf())
	forked := must(auditlog.SignCheckpoint(fork.Head(name+"/audit"), logKey("audit")))
	x.write("forked-proof", auditlog.MakeProof(entries[accepted], nil, forked))
}
