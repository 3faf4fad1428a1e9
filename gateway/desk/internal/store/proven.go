package store

import (
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A ProvenEvent is what the audit log proves of a text, as it was verified.
type ProvenEvent struct {
	TextHash signed.Hash
	Event    envelope.Event // kind of the record
	Note     []byte         // the signed note that the record binds; nil when it binds none
	Proof    []byte
	Index    int64
	Time     signed.Time // the log's
	Register int64       // size of the register that it was decided under
	Code     problem.Code
}

// PutProven keeps a proven event; the first of its kind stands.
func (t *Tx) PutProven(f ProvenEvent) error {
	return t.put("keep proof", `INSERT INTO proven (text, event, note, proof, idx, time, register, code)
		VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		f.TextHash[:], string(f.Event), f.Note, f.Proof, f.Index, f.Time.Unix(), f.Register, string(f.Code))
}

var provenColumns = `SELECT ` + wholeOf("proven", "") + `, text, event, note, proof, idx, time, register, code FROM proven `

func scanProven(scan func(...any) error) (f ProvenEvent, err error) {
	err = scan(sealed("proven"), fixed(f.TextHash[:]), &f.Event, &f.Note, &f.Proof, &f.Index, unix{&f.Time}, &f.Register, &f.Code)
	return f, err
}

// ProvenOf returns what is proven of a text, in the log's order.
func (t *Tx) ProvenOf(textHash signed.Hash) ([]ProvenEvent, error) {
	return rows(t, "read proofs", scanProven, provenColumns+`WHERE text = ? ORDER BY idx`, textHash[:])
}

// A Moment is when the log recorded an event of a text.
type Moment struct {
	Event envelope.Event
	Time  signed.Time
}

// Moments returns what is proven of a text, in the log's order, without the proofs.
func (t *Tx) Moments(textHash signed.Hash) ([]Moment, error) {
	return rows(t, "read logged times", func(scan func(...any) error) (m Moment, err error) {
		err = scan(sealed("proven"), &m.Event, unix{&m.Time})
		return m, err
	}, `SELECT `+wholeOf("proven", "")+`, event, time FROM proven WHERE text = ? ORDER BY idx`, textHash[:])
}

// Proven returns one event of a text; ErrNotFound when it is not proven.
func (t *Tx) Proven(textHash signed.Hash, event envelope.Event) (ProvenEvent, error) {
	return first(rows(t, "read proof", scanProven, provenColumns+`WHERE text = ? AND event = ?`, textHash[:], string(event)))
}

// AllProven returns everything that is proven, in the log's order.
func (t *Tx) AllProven() ([]ProvenEvent, error) {
	return rows(t, "read proofs", scanProven, provenColumns+`ORDER BY idx`)
}
