package store

import (
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Fact is what the audit log proves of a text, as it was verified.
type Fact struct {
	Text     signed.Hash
	Event    envelope.Event // kind of the record
	Note     []byte         // the signed note that the record binds; nil when it binds none
	Proof    []byte
	Index    int64
	Time     signed.Time // the log's
	Register int64       // size of the register that it was decided under
	Code     problem.Code
}

// PutFact keeps a fact; the first of its kind stands.
func (t *Tx) PutFact(f Fact) error {
	return t.put("keep proof", `INSERT INTO facts (text, event, note, proof, idx, time, register, code)
		VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		f.Text[:], string(f.Event), f.Note, f.Proof, f.Index, f.Time.Unix(), f.Register, string(f.Code))
}

const factColumns = `SELECT text, event, note, proof, idx, time, register, code FROM facts `

func scanFact(scan func(...any) error) (f Fact, err error) {
	var text []byte
	var at int64
	err = scan(&text, &f.Event, &f.Note, &f.Proof, &f.Index, &at, &f.Register, &f.Code)
	copy(f.Text[:], text)
	f.Time = fromUnix(at)
	return f, err
}

// Facts returns what is proven of a text, in the log's order.
func (t *Tx) Facts(text signed.Hash) ([]Fact, error) {
	return rows(t, "read proofs", scanFact, factColumns+`WHERE text = ? ORDER BY idx`, text[:])
}

// A Moment is when the log recorded an event of a text.
type Moment struct {
	Event envelope.Event
	Time  signed.Time
}

// Moments returns what is proven of a text, in the log's order, without the proofs.
func (t *Tx) Moments(text signed.Hash) ([]Moment, error) {
	return rows(t, "read logged times", func(scan func(...any) error) (m Moment, err error) {
		var at int64
		err = scan(&m.Event, &at)
		m.Time = fromUnix(at)
		return m, err
	}, `SELECT event, time FROM facts WHERE text = ? ORDER BY idx`, text[:])
}

// Fact returns one fact of a text; ErrNotFound when it is not proven.
func (t *Tx) Fact(text signed.Hash, event envelope.Event) (Fact, error) {
	return first(rows(t, "read proof", scanFact, factColumns+`WHERE text = ? AND event = ?`, text[:], string(event)))
}

// AllFacts returns everything that is proven, in the log's order.
func (t *Tx) AllFacts() ([]Fact, error) {
	return rows(t, "read proofs", scanFact, factColumns+`ORDER BY idx`)
}
