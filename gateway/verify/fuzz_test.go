package verify_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// A vector is one case of what a reader is asked to believe.
type vector struct {
	proof    []byte
	entry    string
	note     []byte
	envelope *envelope.Envelope // the message, or what the statement is about
	good     bool
}

func allVectors(t testing.TB) (all []vector) {
	t.Helper()
	codes, err := filepath.Glob(filepath.Join(vectors, "*", "code"))
	if err != nil || len(codes) < 20 {
		t.Fatalf("%d vectors (%v)", len(codes), err)
	}
	for _, file := range codes {
		dir := filepath.Dir(file)
		v := vector{proof: read(t, filepath.Join(dir, "proof")), good: len(read(t, file)) == 0}
		message := filepath.Join(dir, "message")
		if v.note, err = os.ReadFile(filepath.Join(dir, "statement")); err == nil {
			message = filepath.Join(dir, "about")
		}
		v.envelope = must(envelope.Parse(read(t, message)))
		v.entry = string(must(auditlog.ParseProof(v.proof)).Entry.Bytes())
		all = append(all, v)
	}
	return all
}

// FuzzAnswer: whatever an answer brings, nothing panics, each refusal is one that
// a caller knows, and what is believed is what the exchange of the vectors signed:
// checkpoints, records, statements, and no message that is not lawful.
func FuzzAnswer(f *testing.F) {
	all := allVectors(f)
	whole := replay(f)
	size := whole.Size()
	key := whole.Federation().Audit
	regPoint := read(f, filepath.Join(vectors, "register", auditlog.CheckpointFile))
	last := whole.Entries(size - 2)

	// Two entries of each log are known. The audit logs of the vectors begin alike.
	blank := string(make([]byte, 32))
	known := verify.New(must(register.Replay(whole.Entries(0)[:size-2])), logOf(blank, blank).Head(key.Name), nil, nil)
	full := verify.New(whole, signed.Head{}, nil, nil)

	heads, logged, noted, lawful := map[signed.Head]bool{}, map[string]bool{}, map[string]bool{}, map[signed.Hash]bool{}
	for i, v := range all {
		p := must(auditlog.ParseProof(v.proof))
		heads[must(auditlog.VerifyCheckpoint(p.Checkpoint, key))], logged[v.entry] = true, true
		if v.good {
			noted[string(v.note)] = true
			if p.Entry.Record.Kind == envelope.Accepted {
				lawful[v.envelope.TextHash()] = true
			}
		}
		var link []byte
		for _, h := range between(f, 2, blank, blank, string(p.Entry.Leaf())) {
			link = append(link, h[:]...)
		}
		f.Add(p.Checkpoint, link, regPoint, last[0], last[1], v.proof, v.note, uint8(i))
	}
	if len(heads) < 20 || len(noted) < 4 || len(lawful) < 1 {
		f.Fatalf("the vectors have %d heads, %d good notes, %d lawful messages", len(heads), len(noted), len(lawful))
	}

	f.Fuzz(func(t *testing.T, audit, link, reg, first, second, proof, note []byte, about uint8) {
		var consistency []signed.Hash
		for ; len(link) >= len(signed.Hash{}); link = link[len(signed.Hash{}):] {
			consistency = append(consistency, signed.Hash(link[:len(signed.Hash{})]))
		}
		e := all[int(about)%len(all)].envelope
		refused := func(what string, err error) bool {
			var missing *verify.Missing
			if _, ok := problem.Of(err); err != nil && !ok && !errors.As(err, &missing) && !errors.Is(err, verify.ErrNoNote) {
				t.Fatalf("%s: no caller knows %v", what, err)
			}
			return err != nil
		}
		// judge asks an answer for all that its proof may prove.
		judge := func(a *verify.Answer) {
			if !heads[a.Audit()] || a.Register().Head() != whole.Head() {
				t.Fatalf("nobody signed %v or %v", a.Audit(), a.Register().Head())
			}
			believed := func(what string, event *verify.ProvenEvent, err error) bool {
				if refused(what, err) {
					return false
				}
				p := must(auditlog.ParseProof(event.Proof))
				if !logged[string(p.Entry.Bytes())] || len(event.Note) > 0 && !noted[string(event.Note)] {
					t.Fatalf("%s: believed of %q the record %+v with the note %q", what, e.TextHash(), event.Record, event.Note)
				}
				return true
			}
			event, err := a.Acceptance(e, proof)
			believed("acceptance", event, err)
			if event, err = a.Admit(e, "fi.spoc", proof, consistency); believed("admission", event, err) && !lawful[e.TextHash()] {
				t.Fatalf("admitted %q", e.Bytes())
			}
			event, err = a.Refusal(e, proof)
			believed("refusal", event, err)
			if event, err = a.Message(e, proof); believed("message", event, err) && event.Record.Kind == envelope.Accepted && !lawful[e.TextHash()] {
				t.Fatalf("admitted %q", e.Bytes())
			}
			event, err = a.Statement(note, proof)
			believed("statement", event, err)
			if p, err := auditlog.ParseProof(proof); err == nil {
				for _, me := range []signed.Address{"", "se.spoc", "fi.spoc"} {
					event, err = a.Event(&e.Header, e.TextHash(), me, verify.Claim{Event: p.Entry.Record.Kind, Note: note, Proof: proof, Consistency: consistency})
					believed("event", event, err)
				}
			}
		}
		if a, err := full.Under(proof); !refused("proof", err) {
			judge(a)
		}
		a, err := known.Extend(&verify.Catchup{Audit: audit, Consistency: consistency, Register: reg, Entries: [][]byte{first, second}})
		if refused("catchup", err) {
			return
		}
		judge(a)
		joined, err := known.Join(a.Logs, consistency)
		if err != nil || joined.Audit() != a.Audit() || joined.Register().Head() != a.Register().Head() {
			t.Fatalf("what extends the logs does not join them: %v", err)
		}
	})
}
