package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// maxExhibit bounds one exhibit: the largest envelope is kept whole.
const maxExhibit = envelope.MaxEnvelope

// Bounds of what stands beside the exhibits. A broker has a part in the words.
const (
	maxSubject = 200
	maxDetail  = 1000
)

// accuse keeps evidence that the broker broke a rule, within the bounds of the database,
// and raises the alarm. What is no Breach is no evidence; nor is what this desk judged by
// rows of its own that are not as it wrote them: it is asked for and judged again.
func (m *Room) accuse(err error) {
	var b *verify.Breach
	if !errors.As(err, &b) {
		return
	}
	if m.ownDamage() {
		m.Log.Error("nobody is accused, since this desk's own database is damaged; it is asked for again",
			"code", b.Problem.Code, "subject", clip(b.Subject, maxSubject), "problem", b.Problem.Detail)
		return
	}
	p, subject, shown := b.Problem, clip(b.Subject, maxSubject), maps.Clone(b.Exhibits)
	if b.Log == RegisterLog && shown["known"] == nil {
		shown["known"] = m.checkpoint(RegisterLog)
	}
	for name, x := range shown {
		if len(x) > maxExhibit {
			delete(shown, name)
			shown[fmt.Sprintf("%s, the first of %d bytes", name, len(x))] = x[:maxExhibit]
		}
	}
	encoded, _ := json.Marshal(shown) // a map of bytes always encodes
	e := store.Evidence{
		Seen: signed.At(m.Now()), Code: p.Code, Signed: convicts(m.logs.Load(), b), Subject: subject, Same: identity(b), Detail: clip(p.Detail, maxDetail), Bytes: encoded,
	}
	var fresh bool
	err = m.Store.UpdateUnsynced(func(tx *store.Tx) (err error) {
		fresh, err = tx.AddEvidence(e)
		return err
	})
	if err == nil && fresh { // durable with its line; what repeats it need not be
		line := client.LogEntry{Time: e.Seen, Event: "evidence", Subject: subject, Code: p.Code, Detail: e.Detail}
		err = m.Store.Update(func(tx *store.Tx) error { return tx.LogBounded(line) })
	}
	if err != nil {
		m.Log.Error("can't keep evidence", "subject", subject, "problem", err.Error())
	}
	what := "the broker broke a rule; nothing of it is believed"
	if p.Code == problem.RingElsewhere {
		what = "this desk's ring is used elsewhere"
	}
	m.Log.Error(what, "code", p.Code, "subject", subject, "problem", p.Detail)
	if fresh {
		m.Touch()
	}
}

func clip(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}

// convicts reports whether what a breach shows is bound together by the log's own
// signature: two checkpoints, or a proof whose record names what is shown beside it.
// Anything else anybody could have put together, so it goes before that.
func convicts(l *verify.Logs, b *verify.Breach) bool {
	if b.Log != "" {
		return true
	}
	for _, name := range []string{"acceptance", "proof", "refusal"} {
		if r := recordIn(l, b.Exhibits[name]); r != nil && names(r, b.Exhibits) {
			return b.Problem.Code != problem.RegisterTooOld || olderThanText(r, b.Exhibits)
		}
	}
	return false
}

// olderThanText reports whether a record rests on an older register than the signed text
// that is shown with it. What this desk alone had seen before, nobody signed.
func olderThanText(r *auditlog.Record, shown map[string][]byte) bool {
	if _, s, err := envelope.ReadStatement(shown["note"]); err == nil {
		return r.RegisterSize < s.AsOfRegister.Size
	}
	e, err := envelope.Parse(shown["envelope"])
	return err == nil && r.RegisterSize < e.AsOfRegister.Size
}

// identity is what two breaches have in common that show the same thing, be it under
// another checkpoint: what this desk asks for again and again.
func identity(b *verify.Breach) signed.Hash {
	var all []byte
	for _, name := range slices.Sorted(maps.Keys(b.Exhibits)) {
		shown := b.Exhibits[name]
		switch name {
		case "checkpoint":
			continue
		case "consistency":
			if b.Log == "" {
				continue
			}
		case "acceptance", "proof", "refusal", "before":
			if p, err := auditlog.ParseProof(shown); err == nil {
				shown = p.Entry.Bytes()
			}
		}
		hash := signed.HashOf(shown)
		all = append(append(all, name...), hash[:]...)
	}
	return signed.HashOf(all)
}

// recordIn is the record that a proof proves; nil if it proves none.
func recordIn(l *verify.Logs, proof []byte) *auditlog.Record {
	under, err := l.Under(proof)
	if err != nil {
		return nil
	}
	p, err := auditlog.ParseProof(proof)
	if err != nil {
		return nil
	}
	r, err := p.VerifyUnder(under.Audit())
	if err != nil {
		return nil
	}
	return r
}

// names reports whether a record names the note or the envelope that is shown with it, if
// there is one.
func names(r *auditlog.Record, shown map[string][]byte) bool {
	if note := shown["note"]; len(note) > 0 {
		return r.Statement == signed.HashOf(note)
	}
	if b := shown["envelope"]; len(b) > 0 {
		e, err := envelope.Parse(b)
		return err == nil && (r.Message == e.TextHash() || r.TextHash == e.TextHash())
	}
	return true
}

// breach is a rule that the broker broke, as this desk alone can tell from what it
// has.
func breach(subject string, exhibits map[string][]byte, code problem.Code, format string, args ...any) error {
	return &verify.Breach{Problem: problem.New(code, format, args...), Subject: subject, Exhibits: exhibits}
}

// provenEvent is a verified event as the database keeps it.
func provenEvent(textHash signed.Hash, p *verify.ProvenEvent) store.ProvenEvent {
	r := p.Record
	return store.ProvenEvent{
		TextHash: textHash, Event: r.Kind, Note: p.Note, Proof: p.Proof,
		Index: r.Index, Time: r.Time, Register: r.RegisterSize, Code: r.Code,
	}
}

// claimOf is what an answer says became of a message.
func claimOf(f *api.LoggedEvent) verify.Claim {
	return verify.Claim{Event: f.Event, Note: f.Note, Proof: []byte(f.Proof), Consistency: f.Consistency}
}

// Entry is a line for the desk's own log; p may be nil.
func (m *Room) Entry(event, subject string, p *problem.Problem) client.LogEntry {
	e := client.LogEntry{Time: signed.At(m.Now()), Event: event, Subject: subject}
	if p != nil {
		e.Code, e.Detail = p.Code, p.Detail
	}
	return e
}
