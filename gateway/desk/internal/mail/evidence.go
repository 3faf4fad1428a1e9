package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// maxExhibit bounds one exhibit: the largest envelope is kept whole.
const maxExhibit = envelope.MaxEnvelope

// accuse keeps evidence that the broker broke a rule, once for each rule and
// subject, and raises the alarm. What is no Breach is no evidence.
func (m *Room) accuse(err error) {
	var b *verify.Breach
	if !errors.As(err, &b) {
		return
	}
	p, subject, shown := b.Problem, b.Subject, maps.Clone(b.Exhibits)
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
	var fresh bool
	err = m.Store.Update(func(tx *store.Tx) (err error) {
		fresh, err = tx.AddEvidence(store.Evidence{
			Seen: signed.At(m.Now()), Code: p.Code, Subject: subject, Detail: p.Detail, Bytes: encoded,
		})
		if err != nil || !fresh {
			return err
		}
		return tx.Log(m.Entry("evidence", subject, p))
	})
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
