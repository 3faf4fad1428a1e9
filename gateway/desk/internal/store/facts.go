package store

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Fact is what the audit log proves of a message, as it was verified.
type Fact struct {
	Message  signed.Hash
	Event    string // kind of the record
	Note     []byte // the signed note that the record binds; nil when it binds none
	Proof    []byte
	Index    int64
	Time     signed.Time // the log's
	Register int64       // size of the register that it was decided under
	Code     problem.Code
}

// PutFact keeps a fact; the first of its kind stands.
func (t *Tx) PutFact(f Fact) error {
	return t.put("keep proof", `INSERT INTO facts (message, event, note, proof, idx, time, register, code)
		VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		f.Message[:], f.Event, f.Note, f.Proof, f.Index, f.Time.Unix(), f.Register, string(f.Code))
}

const factColumns = `SELECT message, event, note, proof, idx, time, register, code FROM facts `

func scanFact(scan func(...any) error) (f Fact, err error) {
	var message []byte
	var at int64
	err = scan(&message, &f.Event, &f.Note, &f.Proof, &f.Index, &at, &f.Register, &f.Code)
	copy(f.Message[:], message)
	f.Time = fromUnix(at)
	return f, err
}

// Facts returns what is proven of a message, in the log's order.
func (t *Tx) Facts(message signed.Hash) ([]Fact, error) {
	return rows(t, "read proofs", scanFact, factColumns+`WHERE message = ? ORDER BY idx`, message[:])
}

// Fact returns one fact of a message; ErrNotFound when it is not proven.
func (t *Tx) Fact(message signed.Hash, event string) (Fact, error) {
	return first(rows(t, "read proof", scanFact, factColumns+`WHERE message = ? AND event = ?`, message[:], event))
}

// AllFacts returns everything that is proven, in the log's order.
func (t *Tx) AllFacts() ([]Fact, error) {
	return rows(t, "read proofs", scanFact, factColumns+`ORDER BY idx`)
}

// A Statement is a signed note that waits for its proof.
type Statement struct {
	Message signed.Hash
	Event   string
	Note    []byte
}

// PutStatement queues a note, or replaces the one queued for the same event: it
// was signed anew.
func (t *Tx) PutStatement(s Statement) error {
	return t.put("queue statement", `INSERT INTO statements (message, event, seq, note)
		VALUES (?,?,(SELECT coalesce(max(seq),0)+1 FROM statements),?)
		ON CONFLICT (message, event) DO UPDATE SET note = excluded.note`, s.Message[:], s.Event, s.Note)
}

func scanStatement(scan func(...any) error) (s Statement, err error) {
	var message []byte
	err = scan(&message, &s.Event, &s.Note)
	copy(s.Message[:], message)
	return s, err
}

// Statements returns what is queued, oldest first.
func (t *Tx) Statements() ([]Statement, error) {
	return rows(t, "read queued statements", scanStatement, `SELECT message, event, note FROM statements ORDER BY seq`)
}

// Statement returns one queued note; ErrNotFound when none is.
func (t *Tx) Statement(message signed.Hash, event string) (Statement, error) {
	return first(rows(t, "read queued statement", scanStatement,
		`SELECT message, event, note FROM statements WHERE message = ? AND event = ?`, message[:], event))
}

// DropStatement takes a note off the queue: it is proven, or it can't be.
func (t *Tx) DropStatement(message signed.Hash, event string) error {
	return t.put("drop queued statement", `DELETE FROM statements WHERE message = ? AND event = ?`, message[:], event)
}
