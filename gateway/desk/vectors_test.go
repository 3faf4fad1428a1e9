package desk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A vector is one case of gateway/verify, as the sender of its message has it.
type vector struct {
	message *envelope.Envelope
	note    []byte // nil if the vector has none
	proof   []byte
	code    problem.Code
}

func readVector(dir string) (v vector) {
	v.code = problem.Code(must(os.ReadFile(filepath.Join(dir, "code"))))
	v.proof = must(os.ReadFile(filepath.Join(dir, "proof")))
	about := "message"
	if b, err := os.ReadFile(filepath.Join(dir, "statement")); err == nil {
		v.note, about = b, "about"
	}
	v.message = must(envelope.Parse(must(os.ReadFile(filepath.Join(dir, about)))))
	return v
}

// keep writes into a desk's database what the desk would have kept of a vector:
// both logs, the message, and the proof with its statement. The audit log's newest
// checkpoint is the proof's own.
func (v vector) keep(t *testing.T, database, vectors string) {
	t.Helper()
	fed := must(register.ParseFederation(must(os.ReadFile(filepath.Join(vectors, "federation")))))
	log := os.DirFS(filepath.Join(vectors, "register"))
	reg := must(auditlog.VerifyFolder(log, fed.Register))
	regCheckpoint := must(os.ReadFile(filepath.Join(vectors, "register", auditlog.CheckpointFile)))
	p := must(auditlog.ParseProof(v.proof))
	audit := must(auditlog.VerifyCheckpoint(p.Checkpoint, fed.Audit))
	m, r, now := v.message, p.Entry.Record, signed.At(morning)

	s := must(store.Open(database, "se.spoc", store.MinReserve, func(signed.ID, client.State) {}))
	defer s.Close()
	err := s.Update(func(tx *store.Tx) error {
		index := int64(0)
		for e, err := range auditlog.Entries(log, reg.Size) {
			if err := errors.Join(err, tx.AddEntry(index, e)); err != nil {
				return err
			}
			index++
		}
		return errors.Join(
			tx.PutHead("register", store.Head{Head: reg, Checkpoint: regCheckpoint, Verified: now}),
			tx.PutHead("audit", store.Head{Head: audit, Checkpoint: p.Checkpoint, Verified: now}),
			tx.AddText(m.TextHash(), m.Note.Bytes(), m.Sealed),
			tx.Add(&store.Row{From: m.From, ID: m.ID, Send: m.ID.String(), To: m.To, TextHash: m.TextHash(),
				Type: m.Type.Name, Conversation: m.Conversation, State: client.State(r.Kind), Accepted: r.Kind == envelope.Accepted}),
			tx.PutProven(store.ProvenEvent{TextHash: m.TextHash(), Event: r.Kind, Note: v.note, Proof: v.proof,
				Index: r.Index, Time: r.Time, Register: r.RegisterSize, Code: r.Code}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// withoutNote are the vectors of a statement whose note is not there. A desk keeps
// no such fact; it says that the note is gone, and judges nothing.
var withoutNote = map[string]bool{
	"handed-over-with-the-message":                    true,
	"handed-over-by-a-desk-that-is-not-the-recipient": true,
	"withdrawn-before-it-came":                        true,
	"withdrawn-is-another-id":                         true,
	"withdrawn-31-days-before-it-expires":             true,
	"withdrawn-and-forgotten-before-it-expires":       true,
}

// A desk that has the bytes of a vector among its own, and proves again what it
// has, gives each vector its code: as a fault of its own disk, for it has verified them.
func TestVectors(t *testing.T) {
	vectors := filepath.Join("..", "verify", "testdata", "vectors")
	codes := must(filepath.Glob(filepath.Join(vectors, "*", "code")))
	if len(codes) < 20 {
		t.Fatalf("%d vectors", len(codes))
	}
	made := filepath.Join(t.TempDir(), "desk")
	must(desk.Init(made, desk.Setup{
		Settings:   desk.Settings{Address: "se.spoc", Broker: "https://broker.example", Zone: "Europe/Stockholm"},
		Federation: must(os.ReadFile(filepath.Join(vectors, "federation"))), Passphrase: []byte(gatewaytest.Passphrase),
	}))
	for _, file := range codes {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			v := readVector(filepath.Dir(file))
			dir := t.TempDir()
			must(0, os.CopyFS(dir, os.DirFS(made)))
			v.keep(t, filepath.Join(dir, "desk.db"), vectors)
			d := must(desk.New(desk.Config{Dir: dir}))
			defer d.Close()
			got, err := d.Verify(ctx, client.Ref{ID: v.message.ID})
			if err != nil {
				t.Fatal(err)
			}
			says := string(v.code)
			if withoutNote[name] {
				says = "the statement itself is gone"
			}
			switch {
			case says == "" && (len(got.Faults) != 0 || got.Proven != 1):
				t.Errorf("a good one is judged %+v", got.Faults)
			case says != "" && (len(got.Faults) == 0 || got.Proven != 0 || got.Faults[0].Problem.Code != problem.DeskDamaged || !strings.Contains(got.Faults[0].Problem.Detail, says)):
				t.Errorf("judged %+v, want %s", got.Faults, says)
			}
		})
	}
}
