package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"samband/gateway/api"
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
func (d *Desk) accuse(err error) {
	var b *verify.Breach
	if !errors.As(err, &b) {
		return
	}
	p, subject, shown := b.Problem, b.Subject, maps.Clone(b.Exhibits)
	if _, has := shown["known"]; b.Log == registerLog && !has {
		shown["known"] = d.checkpoint(registerLog)
	}
	for name, x := range shown {
		if len(x) > maxExhibit {
			delete(shown, name)
			shown[fmt.Sprintf("%s, the first of %d bytes", name, len(x))] = x[:maxExhibit]
		}
	}
	encoded, _ := json.Marshal(shown) // a map of bytes always encodes
	var fresh bool
	err = d.store.Update(func(tx *store.Tx) (err error) {
		fresh, err = tx.AddEvidence(store.Evidence{
			Seen: signed.At(d.now()), Code: p.Code, Subject: subject, Detail: p.Detail, Bytes: encoded,
		})
		if err != nil || !fresh {
			return err
		}
		return tx.Log(d.entry("evidence", subject, p))
	})
	if err != nil {
		d.log.Error("can't keep evidence", "subject", subject, "problem", err.Error())
	}
	d.log.Error("the broker broke a rule; nothing of it is believed", "code", p.Code, "subject", subject, "problem", p.Detail)
	if fresh {
		d.touch()
	}
}

// breach is a rule that the broker broke, as this desk alone can tell from what it
// has.
func breach(subject string, exhibits map[string][]byte, code problem.Code, format string, args ...any) error {
	return &verify.Breach{Problem: problem.New(code, format, args...), Subject: subject, Exhibits: exhibits}
}

// factOf is a fact for the database.
func factOf(message signed.Hash, f *verify.Fact) store.Fact {
	r := f.Record
	return store.Fact{
		Message: message, Event: string(r.Kind), Note: f.Note, Proof: f.Proof,
		Index: r.Index, Time: r.Time, Register: r.RegisterSize, Code: r.Code,
	}
}

// claimOf is what an answer says became of a message.
func claimOf(f *api.Fact) verify.Claim {
	return verify.Claim{Event: f.Event, Note: f.Note, Proof: []byte(f.Proof), Consistency: f.Consistency}
}

// entry is a line for the desk's own log; p may be nil.
func (d *Desk) entry(event, subject string, p *problem.Problem) store.LogEntry {
	e := store.LogEntry{Time: signed.At(d.now()), Event: event, Subject: subject}
	if p != nil {
		e.Code, e.Detail = p.Code, p.Detail
	}
	return e
}
