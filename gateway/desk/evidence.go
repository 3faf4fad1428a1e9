package desk

import (
	"encoding/json"
	"fmt"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// maxExhibit bounds one exhibit: the largest envelope is kept whole.
const maxExhibit = envelope.MaxEnvelope

// exhibits are the bytes that show what a broker did.
type exhibits map[string][]byte

// accuse keeps evidence that the broker broke a rule, once for each rule and
// subject, and raises the alarm. A fault of our own is logged and is no evidence.
func (d *Desk) accuse(err error, subject string, shown exhibits) {
	p, ok := problem.Of(err)
	if !ok {
		d.log.Error("can't judge what the broker sent", "subject", subject, "problem", err.Error())
		return
	}
	for name, x := range shown {
		if len(x) > maxExhibit {
			delete(shown, name)
			shown[fmt.Sprintf("%s, the first of %d bytes", name, len(x))] = x[:maxExhibit]
		}
	}
	b, _ := json.Marshal(shown) // a map of bytes always encodes
	var fresh bool
	err = d.store.Update(func(tx *store.Tx) (err error) {
		fresh, err = tx.AddEvidence(store.Evidence{
			Seen: signed.At(d.now()), Code: p.Code, Subject: subject, Detail: p.Detail, Bytes: b,
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

// entry is a line for the desk's own log; p may be nil.
func (d *Desk) entry(event, subject string, p *problem.Problem) store.LogEntry {
	e := store.LogEntry{Time: signed.At(d.now()), Event: event, Subject: subject}
	if p != nil {
		e.Code, e.Detail = p.Code, p.Detail
	}
	return e
}
