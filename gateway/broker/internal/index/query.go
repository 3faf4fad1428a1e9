package index

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Message is what is known of one id.
type Message struct {
	Hash    signed.Hash // of its text; zero where the id was withdrawn before any text was accepted
	ID      signed.ID
	From    signed.Address
	To      signed.Address
	Type    string
	Urgency string
	Expires signed.Time
	Wanted  bool // its recipient asked for the bytes again

	Accepted  *Event // nil where Hash is zero
	Consigned *Event // nil until it is
	End       *Event // nil until it has one
}

// An Event is one leaf of the audit log.
type Event struct {
	Leaf      int64
	Kind      auditlog.Kind
	Time      signed.Time
	Group     uint64       // the group that its record came in
	Entry     int          // as which of the group's records
	Blob      *Blob        // the envelope that it accepts; nil: none, or it is not here
	Message   signed.Hash  // zero where it is of none
	ID        signed.ID    // of the message
	Statement signed.Hash  // hash of the note
	Code      problem.Code // of a refusal
}

// A Blob is where an envelope lies in the JOURNAL.
type Blob struct {
	Group uint64
	Place int
}

// Known returns what became of a sender's id; false when it is not known.
func (x *Index) Known(from signed.Address, id signed.ID) (Message, bool, error) {
	m, ok, err := x.one(x.statements.byID, id[:], string(from))
	if ok || err != nil {
		return m, ok, err
	}
	var leaf int64
	err = x.statements.withdrawal.QueryRow(string(from), id[:]).Scan(&leaf)
	if errors.Is(err, sql.ErrNoRows) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, fmt.Errorf("find withdrawal of %s: %w", from, err)
	}
	end, ok, err := x.event(leaf)
	return Message{ID: id, From: from, End: &end}, ok, err
}

// Message returns the message with a text hash; false when there is none.
func (x *Index) Message(hash signed.Hash) (Message, bool, error) {
	return x.one(x.statements.byHash, hash[:])
}

// event returns a leaf that is not an acceptance; false when there is none.
func (x *Index) event(leaf int64) (Event, bool, error) {
	events, err := x.events(x.statements.other, leaf)
	if err != nil || len(events) == 0 {
		return Event{}, false, err
	}
	return events[0], true, nil
}

// Rejected returns the leaf by which a caller's text was refused for good, where
// that still binds at now; false when it doesn't.
func (x *Index) Rejected(caller signed.Address, text signed.Hash, now signed.Time) (Event, bool, error) {
	var leaf int64
	err := x.statements.rejected.QueryRow(string(caller), text[:], now.Unix()).Scan(&leaf)
	if errors.Is(err, sql.ErrNoRows) {
		return Event{}, false, nil
	}
	if err != nil {
		return Event{}, false, fmt.Errorf("find rejection: %w", err)
	}
	return x.event(leaf)
}

// Expirable lists messages that expired by now and may end so: accepted, not
// consigned, not ended; the longest expired first.
func (x *Index) Expirable(now signed.Time, limit int) ([]signed.Hash, error) {
	return all(x.statements.expirable, func(rows *sql.Rows) (h signed.Hash, err error) {
		return h, rows.Scan(scanHash(&h))
	}, now.Unix(), limit)
}

// one reads the message that a query finds, with its events.
func (x *Index) one(stmt *sql.Stmt, args ...any) (Message, bool, error) {
	messages, err := x.messages(stmt, args...)
	if err != nil || len(messages) == 0 {
		return Message{}, false, err
	}
	return messages[0], true, nil
}

func (x *Index) messages(stmt *sql.Stmt, args ...any) ([]Message, error) {
	messages, err := all(stmt, scanMessage, args...)
	for i := range messages {
		for _, e := range []*Event{messages[i].Consigned, messages[i].End} {
			if e == nil || err != nil {
				continue
			}
			var there bool
			leaf := e.Leaf
			if *e, there, err = x.event(leaf); err == nil && !there {
				err = fmt.Errorf("%w: it lacks leaf %d, by which a message moved", ErrUnsound, leaf)
			}
		}
	}
	return messages, err
}

// scanMessage reads a message; of its consignment and its end it has the leaf.
func scanMessage(rows *sql.Rows) (m Message, err error) {
	e := &Event{Kind: envelope.Accepted}
	var at, group, expires int64
	var blobGroup, blobPlace, consigned, ended sql.NullInt64
	err = rows.Scan(&e.Leaf, &at, &group, &e.Entry, scanHash(&m.Hash), scanID(&m.ID), &m.From, &m.To,
		&m.Type, &m.Urgency, &expires, &blobGroup, &blobPlace, &m.Wanted, &consigned, &ended)
	e.Time, e.Group, e.Message, e.ID = moment(at), uint64(group), m.Hash, m.ID
	if blobGroup.Valid {
		e.Blob = &Blob{uint64(blobGroup.Int64), int(blobPlace.Int64)}
	}
	m.Accepted, m.Expires = e, moment(expires)
	if consigned.Valid {
		m.Consigned = &Event{Leaf: consigned.Int64}
	}
	if ended.Valid {
		m.End = &Event{Leaf: ended.Int64}
	}
	return m, err
}

func (x *Index) events(stmt *sql.Stmt, args ...any) ([]Event, error) {
	return all(stmt, scanEvent, args...)
}

func scanEvent(rows *sql.Rows) (e Event, err error) {
	var at, group int64
	var code sql.NullString
	err = rows.Scan(&e.Leaf, &e.Kind, &at, &group, &e.Entry,
		scanHash(&e.Message), scanID(&e.ID), scanHash(&e.Statement), &code)
	e.Time, e.Group, e.Code = moment(at), uint64(group), problem.Code(code.String)
	return e, err
}

// all reads the rows of a query.
func all[T any](stmt *sql.Stmt, scan func(*sql.Rows) (T, error), args ...any) ([]T, error) {
	rows, err := stmt.Query(args...)
	if err != nil {
		return nil, fmt.Errorf("query index: %w", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read row of index: %w", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query index: %w", err)
	}
	return out, nil
}

// moment turns a column's seconds into a Time.
func moment(unix int64) signed.Time { return signed.At(time.Unix(unix, 0)) }
