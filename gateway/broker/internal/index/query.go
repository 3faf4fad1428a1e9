package index

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Change is an event of a message, as its sender follows them, and whoever said it.
type Change struct {
	journal.Event
	Message  signed.Hash    // zero where it is of none
	ID       signed.ID      // of the message
	Sender   signed.Address // of the message
	Accepted *int64         // the leaf of its acceptance; nil where it is of none
}

// Known returns what became of a sender's id; nil when it is not known.
func (x *Index) Known(from signed.Address, id signed.ID) (*journal.Message, error) {
	m, err := x.one(x.statements.byID, id[:], string(from))
	if m != nil || err != nil {
		return m, err
	}
	end, err := x.eventAt(x.statements.withdrawal, string(from), id[:])
	if end == nil || err != nil {
		return nil, err
	}
	return &journal.Message{ID: id, From: from, End: end}, nil
}

// Message returns the message with a text hash that a desk sent or received; nil when
// there is none. [journal.Broker] sees all. For one of other desks it does what it does for none.
func (x *Index) Message(desk signed.Address, hash signed.Hash) (*journal.Message, error) {
	return x.one(x.statements.byHash, hash[:], string(desk))
}

// event returns a leaf that is not an acceptance; nil when there is none.
func (x *Index) event(leaf int64) (*journal.Event, error) {
	changes, err := all(x.statements.other, scanChange, leaf)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	return &changes[0].Event, nil
}

// eventAt returns the event at the leaf that a query finds; nil when it finds none.
func (x *Index) eventAt(stmt *sql.Stmt, args ...any) (*journal.Event, error) {
	var leaf int64
	err := stmt.QueryRow(args...).Scan(&leaf)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("query index: %w", err)
	}
	return x.event(leaf)
}

// Rejected returns the leaf by which a caller's text, or these bytes of it, were refused
// for good, where that still binds at now; nil when it doesn't.
func (x *Index) Rejected(caller signed.Address, text, bytes signed.Hash, now signed.Time) (*journal.Event, error) {
	return x.eventAt(x.statements.rejected, string(caller), text[:], bytes[:], now.Unix())
}

// Erased returns the leaf of a statement of what a desk erased, by the hash of its note;
// nil when there is none.
func (x *Index) Erased(note signed.Hash) (*journal.Event, error) {
	return x.eventAt(x.statements.erased, note[:])
}

// Expirable lists messages that expired by now and may end so: accepted, not
// consigned, not ended; the longest expired first.
func (x *Index) Expirable(now signed.Time, limit int) ([]signed.Hash, error) {
	return all(x.statements.expirable, func(rows *sql.Rows) (h signed.Hash, err error) {
		err = rows.Scan(fixed(h[:]))
		return h, err
	}, now.Unix(), limit)
}

// Lapsable lists messages that lapsed by now and may end so: consigned and not ended;
// the longest expired first.
func (x *Index) Lapsable(now signed.Time, limit int) ([]signed.Hash, error) {
	return all(x.statements.lapsable, func(rows *sql.Rows) (h signed.Hash, err error) {
		err = rows.Scan(fixed(h[:]))
		return h, err
	}, now.Add(-envelope.MaxLifetime).Unix(), limit)
}

// one reads the message that a query finds, with its events; nil when it finds
// none.
func (x *Index) one(stmt *sql.Stmt, args ...any) (*journal.Message, error) {
	messages, err := x.messages(stmt, args...)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return messages[0], nil
}

func (x *Index) messages(stmt *sql.Stmt, args ...any) ([]*journal.Message, error) {
	messages, err := all(stmt, scanMessage, args...)
	for _, m := range messages {
		if err == nil {
			err = x.events(m)
		}
	}
	return messages, err
}

// events reads the consignment and the end of a message whose leaves are known.
func (x *Index) events(m *journal.Message) (err error) {
	for _, e := range []**journal.Event{&m.Consigned, &m.End} {
		if *e == nil {
			continue
		}
		leaf := (*e).Leaf
		if *e, err = x.event(leaf); err != nil {
			return err
		}
		if *e == nil {
			return fmt.Errorf("%w: it lacks leaf %d, by which a message moved", ErrUnsound, leaf)
		}
	}
	return nil
}

// scanMessage reads a message; of its consignment and its end it has the leaf.
func scanMessage(rows *sql.Rows) (*journal.Message, error) {
	m, e := &journal.Message{}, &journal.Event{Kind: envelope.Accepted}
	var at, group, expires int64
	var blobGroup, blobPlace, consigned, ended sql.NullInt64
	err := rows.Scan(&e.Leaf, &at, &group, &e.Place, fixed(m.Text[:]), fixed(m.ID[:]), &m.From, &m.To,
		&m.Type, &m.Urgency, fixed(m.Conversation[:]), &expires, &m.Size, &blobGroup, &blobPlace, &m.Wanted, &consigned, &ended)
	e.Time, e.Group = moment(at), uint64(group)
	if blobGroup.Valid {
		e.Blob = &journal.Place{Group: uint64(blobGroup.Int64), Blob: int(blobPlace.Int64)}
	}
	m.Accepted, m.Expires = e, moment(expires)
	if consigned.Valid {
		m.Consigned = &journal.Event{Leaf: consigned.Int64}
	}
	if ended.Valid {
		m.End = &journal.Event{Leaf: ended.Int64}
	}
	return m, err
}

func scanChange(rows *sql.Rows) (c Change, err error) {
	var at, group int64
	var code, sender sql.NullString
	err = rows.Scan(&c.Leaf, &c.Kind, &at, &group, &c.Place,
		fixed(c.Message[:]), fixed(c.ID[:]), fixed(c.Statement[:]), &code, &sender, &c.Accepted)
	c.Sender = signed.Address(sender.String)
	c.Time, c.Group, c.Code = moment(at), uint64(group), problem.Code(code.String)
	return c, err
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
