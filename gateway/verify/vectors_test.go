package verify_test

import (
	"crypto/sha256"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"samband/certs"
	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

var update = flag.Bool("update", false, "make the vectors anew")

const (
	vectors = "testdata/vectors"
	name    = "nordic.example"
)

var noon = signed.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keysOf derives an owner's keys for a use from a published seed.
func keysOf(owner string, use signed.Use) (keys []*signed.PrivateKey) {
	for _, algorithm := range signed.Uses[use] {
		seed := sha256.Sum256([]byte("samband test vector v1: " + owner + " " + string(use) + " " + string(algorithm)))
		keys = append(keys, must(signed.NewPrivateKey(owner, algorithm, seed[:])))
	}
	return keys
}

func logKey(log string) *signed.PrivateKey { return keysOf(name+"/"+log, signed.UseCheckpoint)[0] }

func note(text string, keys ...*signed.PrivateKey) []byte {
	return must(signed.Sign(text, keys...)).Bytes()
}

// A maker makes the exchange of the vectors, and one vector after another.
type maker struct {
	register  *register.Register
	agreement signed.Hash
}

var request = envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("type")}

func (m *maker) enter(signer string, entry func(register.Link) register.Entry) []byte {
	previous, _ := m.register.Previous(signer)
	e := entry(register.Link{Exchange: m.register.Exchange(), Previous: previous, Signers: []string{signer}})
	b := note(e.Text(), keysOf(signer, signed.UseEntry)...)
	must(m.register.Append(b))
	return b
}

// newMaker founds the exchange: Finland and Sweden, a desk each, an agreement.
func newMaker() *maker {
	root := register.RootName("se")
	f := &register.Federation{
		Name: name, Nonce: signed.ID{1}, Threshold: 1,
		Founders: []register.Founder{{Party: "se", Keys: signed.PublicKeys(keysOf(root, signed.UseEntry))}},
		Broker: register.Broker{Audit: logKey("audit").Public, Register: logKey("register").Public,
			Operator: logKey("operator").Public, ServerKeys: register.ServerKeys{InUse: signed.HashOf("TLS key in use"), Offline: signed.HashOf("TLS key offline")}},
		Policy: register.PolicyLogged,
	}
	m := &maker{register: must(register.New(note(f.Text(), keysOf(root, signed.UseEntry)...)))}
	for _, party := range []string{"fi", "se"} {
		m.enter(root, func(l register.Link) register.Entry {
			return &register.Party{Link: l, Name: party, Title: "Maa " + party, Keys: signed.PublicKeys(keysOf(party, signed.UseEntry))}
		})
		m.enter(party, func(l register.Link) register.Entry {
			addr := signed.Address(party + ".spoc")
			message, consignment := keysOf(string(addr), signed.UseMessage), keysOf(string(addr), signed.UseConsignment)
			request := must(register.SignRequest(&register.Request{
				Exchange: m.register.Exchange(), Address: addr, Zone: "Europe/Stockholm",
				DeskKeys: register.DeskKeys{
					Message: signed.PublicKeys(message), Consignment: signed.PublicKeys(consignment), Opening: "age1pq1" + party, Versions: []int64{1},
				}}, must(certs.NewKey()), append(message, consignment...)...))
			return must(register.NewDesk(l, register.Directory{Title: "Yhteyspiste", Functions: []register.Function{"spoc"},
				Languages: []string{"fi", "sv"}, Hours: "24/7", Telephone: "+358 295 000 000"}, signed.Time{}, request))
		})
	}
	m.enter(root, func(l register.Link) register.Entry {
		return &register.Catalogue{Link: l, Bundle: schema.BundleHash{1}, Types: []envelope.TypeRef{request}}
	})
	m.enter("fi", func(l register.Link) register.Entry {
		a := &register.Agreement{Link: l, Title: "Samarbete", Parties: []string{"fi", "se"}, Types: []string{request.Name},
			Purposes: []string{"PREVENT_CRIME"}, Ceiling: envelope.Unclassified, From: noon, Until: noon.Add(48 * time.Hour)}
		m.agreement = signed.HashOf(a.Text())
		return a
	})
	m.enter("se", func(l register.Link) register.Entry { return &register.Accession{Link: l, Agreement: m.agreement} })
	return m
}

func (m *maker) heads() (audit, reg signed.Head) {
	return signed.Head{Origin: name + "/audit", Size: 5, Root: signed.HashOf("earlier")}, m.register.Head()
}

// message is a lawful message, altered by edit, by the holder of some keys.
func (m *maker) message(keys []*signed.PrivateKey, edit func(*envelope.Header)) *envelope.Envelope {
	sealed := []byte("age-encryption.org/v1\n… not opened here …\n")
	h := envelope.Header{
		Exchange: m.register.Exchange(), ID: signed.ID{7}, Type: request,
		From: "se.spoc", To: "fi.spoc", ToKey: envelope.KeyIDOf("age1pq1fi"), Conversation: signed.ID{9},
		Created: noon, Expires: noon.Add(24 * time.Hour), Agreement: m.agreement,
		Urgency: envelope.Urgent, Classification: envelope.Unclassified, Sealed: envelope.SealedOf(sealed),
	}
	h.AsOfAudit, h.AsOfRegister = m.heads()
	edit(&h)
	return must(envelope.Sign(h, sealed, keys))
}

func nothing(*envelope.Header) {}

// record is what a broker logs, altered by edit, with its proof.
func (m *maker) record(edit func(*auditlog.Record)) []byte {
	head := m.register.Head()
	r := auditlog.Record{Exchange: m.register.Exchange(), Index: 2, Time: noon, RegisterSize: head.Size, RegisterRoot: head.Root}
	edit(&r)
	entry := auditlog.Entry{Salt: auditlog.Salt{1}, Record: r}
	var log auditlog.Range
	leaves := [][]byte{make([]byte, 32), make([]byte, 32), entry.Leaf()}
	for _, leaf := range leaves {
		log.Append(leaf)
	}
	var before auditlog.Range
	before.Append(leaves[0])
	before.Append(leaves[1])
	return auditlog.MakeProof(entry, []signed.Hash{before.Root()}, must(auditlog.SignCheckpoint(log.Head(name+"/audit"), logKey("audit"))))
}

func acceptance(e *envelope.Envelope) func(*auditlog.Record) {
	return func(r *auditlog.Record) {
		r.Kind, r.Message, r.ID, r.From, r.To = envelope.Accepted, e.TextHash(), e.ID, e.From, e.To
		r.Type, r.Urgency, r.Expires = e.Type.Name, e.Urgency, e.Expires
	}
}

func refusal(e *envelope.Envelope) func(*auditlog.Record) {
	return func(r *auditlog.Record) {
		r.Kind, r.Caller, r.TextHash, r.Code, r.Until = envelope.Rejected, e.From, e.TextHash(), problem.NoAgreement, e.Expires
	}
}

func stated(s envelope.Statement, b []byte) func(*auditlog.Record) {
	return func(r *auditlog.Record) {
		r.Kind, r.Message, r.By, r.Statement, r.Code = s.Event, s.Message, s.Signer, signed.HashOf(b), s.Code
		if s.Event == envelope.Withdrawn {
			r.By, r.From, r.ID = "", s.Signer, s.ID
		}
	}
}

// older has a record decided under one entry of the register less.
func (m *maker) older(edit func(*auditlog.Record)) func(*auditlog.Record) {
	return func(r *auditlog.Record) {
		edit(r)
		before := m.register.At(m.register.Size() - 1).Head()
		r.RegisterSize, r.RegisterRoot = before.Size, before.Root
	}
}

// make writes all vectors: each is a folder with a proof, the message or statement
// that it is about, and the code that a reader must give.
func (m *maker) make(dir string) {
	write := func(file string, b []byte) {
		path := filepath.Join(dir, strings.ReplaceAll(file, " ", "-"))
		must(0, os.MkdirAll(filepath.Dir(path), 0o755))
		must(0, os.WriteFile(path, b, 0o644))
	}
	write("federation", m.register.Entries(0)[0])
	t := must(tree.Open(filepath.Join(dir, "register"), logKey("register").Public))
	must(t.Append(m.register.Entries(0)...))
	must(0, t.Flush(must(auditlog.SignCheckpoint(t.Head(), logKey("register")))))

	own := keysOf("se.spoc", signed.UseMessage)
	good := m.message(own, nothing)
	message := func(vector string, code problem.Code, e *envelope.Envelope, record func(*auditlog.Record)) {
		write(vector+"/proof", m.record(record))
		write(vector+"/message", e.Bytes())
		write(vector+"/code", []byte(code))
	}
	message("accepted", "", good, acceptance(good))
	message("accepted under an older register than its sender had seen", problem.RegisterTooOld, good, m.older(acceptance(good)))
	stranger := m.message(keysOf("fi.spoc", signed.UseMessage), nothing)
	message("accepted with the signatures of another desk", problem.SignatureMissing, stranger, acceptance(stranger))
	lawless := m.message(own, func(h *envelope.Header) { h.Agreement = signed.HashOf("no agreement") })
	message("accepted without an agreement", problem.NoAgreement, lawless, acceptance(lawless))
	late := m.message(own, func(h *envelope.Header) {
		h.Created, h.Expires = noon.Add(-48*time.Hour), noon.Add(-24*time.Hour)
	})
	message("accepted after it expired", problem.Expired, late, acceptance(late))
	other := m.message(own, func(h *envelope.Header) { h.ID = signed.ID{8} })
	message("accepted is another message", problem.ProofInvalid, other, acceptance(good))
	message("accepted with another recipient", problem.ProofInvalid, good, func(r *auditlog.Record) { acceptance(good)(r); r.To = "se.spoc" })
	message("accepted in another exchange", problem.ProofInvalid, good, func(r *auditlog.Record) { acceptance(good)(r); r.Exchange = signed.HashOf("other") })
	foreign := m.message(own, func(h *envelope.Header) { h.Exchange = signed.HashOf("other") })
	falseRoot := func(edit func(*auditlog.Record)) func(*auditlog.Record) {
		return func(r *auditlog.Record) { edit(r); r.RegisterRoot = signed.HashOf("other") }
	}
	beyond := func(edit func(*auditlog.Record)) func(*auditlog.Record) {
		return func(r *auditlog.Record) { edit(r); r.RegisterSize++ }
	}
	happened := func(event envelope.Event, by signed.Address, at signed.Time) func(*auditlog.Record) {
		return func(r *auditlog.Record) {
			r.Kind, r.Message, r.Time = event, good.TextHash(), at
			if !event.ByTheClock() {
				r.By, r.Statement = by, signed.HashOf("note")
			}
		}
	}
	message("accepted of another exchange", problem.WrongExchange, foreign, acceptance(foreign))
	message("accepted under a false register root", problem.ProofInvalid, good, falseRoot(acceptance(good)))
	message("accepted under a register beyond the log", problem.ProofInvalid, good, beyond(acceptance(good)))
	message("expired", "", good, happened(envelope.Expired, "", good.Expires))
	message("expired before its time", problem.ProofInvalid, good, happened(envelope.Expired, "", noon))
	message("lapsed", "", good, happened(envelope.Lapsed, "", good.Expires.Add(30*24*time.Hour)))
	message("lapsed before its time", problem.ProofInvalid, good, happened(envelope.Lapsed, "", good.Expires.Add(30*24*time.Hour-time.Second)))
	message("handed over with the message", "", good, happened(envelope.HandedOver, "fi.spoc", noon))
	message("handed over by a desk that is not the recipient", problem.ProofInvalid, good, happened(envelope.HandedOver, "se.spoc", noon))
	early := func(id signed.ID) func(*auditlog.Record) {
		return func(r *auditlog.Record) {
			r.Kind, r.From, r.ID, r.Statement = envelope.Withdrawn, "se.spoc", id, signed.HashOf("note")
		}
	}
	message("withdrawn before it came", "", good, early(good.ID))
	message("withdrawn is another id", problem.ProofInvalid, good, early(signed.ID{8}))
	longAgo := func(by time.Duration) func(*auditlog.Record) {
		return func(r *auditlog.Record) { early(good.ID)(r); r.Time = good.Expires.Add(-by) }
	}
	message("withdrawn 31 days before it expires", "", good, longAgo(31*24*time.Hour))
	message("withdrawn and forgotten before it expires", problem.ProofInvalid, good, longAgo(31*24*time.Hour+time.Second))
	bytesOf := func(e *envelope.Envelope, code problem.Code) func(*auditlog.Record) {
		return func(r *auditlog.Record) {
			refusal(e)(r)
			r.TextHash, r.Code = envelope.HashOfBytes(e.Bytes()), code
		}
	}
	message("refused of another exchange", "", foreign, bytesOf(foreign, problem.WrongExchange))
	message("refused of another exchange as a text", problem.ProofInvalid, foreign, refusal(foreign))
	message("refused for its signatures", "", stranger, bytesOf(stranger, problem.SignatureMissing))
	message("refused for its signatures as a text", problem.ProofInvalid, stranger, func(r *auditlog.Record) { refusal(stranger)(r); r.Code = problem.SignatureMissing })
	message("refused as bytes whose signatures are good", problem.ProofInvalid, lawless, bytesOf(lawless, problem.NoAgreement))
	message("refused as other bytes", problem.ProofInvalid, stranger, bytesOf(foreign, problem.SignatureMissing))
	message("refused with other signatures than these", "", stranger, refusal(stranger))
	message("refused under a false register root", problem.ProofInvalid, lawless, falseRoot(refusal(lawless)))
	message("refused under a register beyond the log", problem.ProofInvalid, lawless, beyond(refusal(lawless)))
	message("refused for good", "", lawless, refusal(lawless))
	message("refused for a shorter time than it binds", problem.ProofInvalid, lawless, func(r *auditlog.Record) { refusal(lawless)(r); r.Until = noon })
	message("refused to another caller", problem.ProofInvalid, lawless, func(r *auditlog.Record) { refusal(lawless)(r); r.Caller = "fi.spoc" })

	audit, reg := m.heads()
	say := func(event envelope.Event, edit func(*envelope.Statement)) envelope.Statement {
		s := envelope.Statement{Exchange: m.register.Exchange(), Signer: "fi.spoc", Event: event, Message: good.TextHash(),
			Time: noon, AsOfAudit: audit, AsOfRegister: reg}
		edit(&s)
		return s
	}
	same := func(*envelope.Statement) {}
	locked, online := keysOf("fi.spoc", signed.UseMessage)[:1], keysOf("fi.spoc", signed.UseConsignment)
	statement := func(vector string, code problem.Code, s envelope.Statement, keys []*signed.PrivateKey, edit func(func(*auditlog.Record)) func(*auditlog.Record)) {
		b := note(s.Text(), keys...)
		write(vector+"/proof", m.record(edit(stated(s, b))))
		write(vector+"/statement", b)
		write(vector+"/about", good.Bytes())
		write(vector+"/code", []byte(code))
	}
	as := func(edit func(*auditlog.Record)) func(*auditlog.Record) { return edit }
	altered := func(change func(*auditlog.Record)) func(func(*auditlog.Record)) func(*auditlog.Record) {
		return func(edit func(*auditlog.Record)) func(*auditlog.Record) {
			return func(r *auditlog.Record) { edit(r); change(r) }
		}
	}
	statement("consigned", "", say(envelope.Consigned, same), online, as)
	statement("handed over", "", say(envelope.HandedOver, same), locked, as)
	refused := say(envelope.Refused, func(s *envelope.Statement) { s.Code = problem.BodyInvalid })
	statement("refused by the receiver", "", refused, locked, as)
	withdrawn := say(envelope.Withdrawn, func(s *envelope.Statement) { s.Signer, s.Message, s.ID = "se.spoc", signed.Hash{}, good.ID })
	statement("withdrawn", "", withdrawn, own[:1], as)
	statement("handed over under an older register than its signer had seen", problem.RegisterTooOld, say(envelope.HandedOver, same), locked, m.older)
	statement("handed over by the online ring", problem.StatementForged, say(envelope.HandedOver, same), online, as)
	statement("handed over by keys of the sender", problem.StatementForged, say(envelope.HandedOver, same), own[:1], as)
	statement("handed over by another desk than the record names", problem.StatementForged, say(envelope.HandedOver, same), locked, altered(func(r *auditlog.Record) { r.By = "se.spoc" }))
	statement("handed over of another message than the record names", problem.StatementForged, say(envelope.HandedOver, same), locked, altered(func(r *auditlog.Record) { r.Message = signed.HashOf("other") }))
	statement("refused with another code than the record names", problem.StatementForged, refused, locked, altered(func(r *auditlog.Record) { r.Code = problem.SealInvalid }))
	statement("handed over in another exchange", problem.StatementForged, say(envelope.HandedOver, func(s *envelope.Statement) { s.Exchange = signed.HashOf("other") }), locked, as)
	handed := say(envelope.HandedOver, same)
	malformed := append(note(handed.Text(), locked...), "more\n"...)
	write("handed over in a malformed note/proof", m.record(stated(handed, malformed)))
	write("handed over in a malformed note/statement", malformed)
	write("handed over in a malformed note/about", good.Bytes())
	write("handed over in a malformed note/code", []byte(problem.StatementForged))
	statement("handed over by another note", problem.ProofInvalid, say(envelope.HandedOver, same), locked, altered(func(r *auditlog.Record) { r.Statement = signed.HashOf("other") }))
}

// Each vector gives its code, checked alone under its own checkpoint.
func TestVectors(t *testing.T) {
	if *update {
		if err := os.RemoveAll(vectors); err != nil {
			t.Fatal(err)
		}
		cryptotest.SetGlobalRandom(t, 1) // ML-DSA signs with chance: made anew, the vectors are the same
		newMaker().make(vectors)
	}
	logs := verify.New(replay(t), signed.Head{}, nil, nil)
	cases, err := filepath.Glob(filepath.Join(vectors, "*", "code"))
	if err != nil || len(cases) < 20 {
		t.Fatalf("%d vectors (%v)", len(cases), err)
	}
	for _, file := range cases {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			want := problem.Code(read(t, file))
			if got := codeOf(judge(t, logs, dir)); got != want {
				t.Errorf("judged %q, want %q", got, want)
			}
		})
	}
}

// codeOf is the code of a refusal; "" if there is none.
func codeOf(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.CodeOf(err)
}

// judge checks a vector as a party would that has register and proof alone.
func judge(t *testing.T, logs *verify.Logs, dir string) error {
	t.Helper()
	proof := read(t, filepath.Join(dir, "proof"))
	a, err := logs.Under(proof)
	if err != nil {
		return err
	}
	if b, err := os.ReadFile(filepath.Join(dir, "statement")); err == nil {
		_, err := a.Statement(b, proof)
		// Asked with its message, as a desk asks, it gets the same code.
		about, fault := envelope.Parse(read(t, filepath.Join(dir, "about")))
		p, broken := auditlog.ParseProof(proof)
		if fault != nil || broken != nil {
			t.Fatal(fault, broken)
		}
		_, asEvent := a.Event(&about.Header, about.TextHash(), "", verify.Claim{Event: p.Entry.Record.Kind, Note: b, Proof: proof})
		if codeOf(asEvent) != codeOf(err) {
			t.Errorf("with its message judged %v, alone %v", asEvent, err)
		}
		return err
	}
	e, err := envelope.Parse(read(t, filepath.Join(dir, "message")))
	if err != nil {
		return err
	}
	_, err = a.Message(e, proof)
	return err
}

func replay(t testing.TB) *register.Register {
	t.Helper()
	folder := os.DirFS(filepath.Join(vectors, "register"))
	f, err := register.ParseFederation(read(t, filepath.Join(vectors, "federation")))
	if err != nil {
		t.Fatal(err)
	}
	head, err := auditlog.VerifyFolder(folder, f.Register)
	if err != nil {
		t.Fatal(err)
	}
	return must(register.Replay(entries(t, folder, head.Size)))
}

func entries(t testing.TB, folder fs.FS, size int64) (all [][]byte) {
	t.Helper()
	for e, err := range auditlog.Entries(folder, size) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
