package index

import (
	"bytes"
	"database/sql"
	"fmt"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Apply takes in groups that follow the present position, in order, as one
// transaction. Records that don't fit what came before are an error, and
// nothing is taken in: the index must be rebuilt.
func (x *Index) Apply(groups []*journal.Group) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := &applier{st: x.statements, at: x.position}
	err := x.change(func(tx *sql.Tx) error {
		a.tx = tx
		for _, g := range groups {
			if err := a.apply(g); err != nil {
				return fmt.Errorf("apply group %d: %w", g.Number, err)
			}
		}
		return savePosition(tx, a.at)
	})
	if err == nil {
		x.position = a.at
	}
	return err
}

// An applier takes in the groups of one batch. Its first fault sticks.
type applier struct {
	tx  *sql.Tx
	st  *statements
	at  journal.Position
	err error

	group  *journal.Group
	places map[signed.Hash]int // of the group's blobs
}

func (a *applier) exec(stmt *sql.Stmt, args ...any) {
	if a.err == nil {
		_, a.err = a.tx.Stmt(stmt).Exec(args...)
	}
}

func (a *applier) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

func (a *applier) apply(g *journal.Group) error {
	a.group, a.places = g, map[signed.Hash]int{}
	if !g.Bare {
		a.exec(a.st.group, int64(g.Number))
	}
	for i, b := range g.Blobs {
		a.places[b.Of] = i
	}
	a.restored()
	for i := range g.Entries {
		a.entry(i, &g.Entries[i].Record)
	}
	if a.at.Audit.Entries != g.After.Audit.Entries || a.at.Register.Entries != g.After.Register.Entries {
		a.fail("it leads to sizes %d and %d, not %d and %d",
			a.at.Audit.Entries, a.at.Register.Entries, g.After.Audit.Entries, g.After.Register.Entries)
	}
	a.at = journal.Position{Group: g.Number, Sizes: g.After}
	return a.err
}

// restored notes whose bytes came again: a blob that belongs to no record of its
// group. It counts before the records: its message was known already, and they may
// end it.
func (a *applier) restored() {
	own := map[signed.Hash]bool{}
	for i := range a.group.Entries {
		r := &a.group.Entries[i].Record
		own[r.Statement] = true
		if r.Kind == envelope.Accepted {
			own[r.Message] = true
		}
	}
	for i, b := range a.group.Blobs {
		if own[b.Of] {
			continue
		}
		if m := a.message(b.Of); !m.ended.Valid && !a.group.Bare {
			a.exec(a.st.restore, len(b.Bytes), int64(a.group.Number), i, m.accepted)
		}
	}
}

func (a *applier) entry(place int, r *auditlog.Record) {
	switch r.Tree() {
	case auditlog.Audit:
		a.grow(&a.at.Audit, r)
		a.audit(place, r)
	case auditlog.Register:
		a.grow(&a.at.Register, r)
	}
}

func (a *applier) grow(log *journal.Size, r *auditlog.Record) {
	if r.Index != log.Entries {
		a.fail("a record has index %d, not %d", r.Index, log.Entries)
	}
	log.Entries++
}

// audit takes in one record of the audit log.
func (a *applier) audit(entry int, r *auditlog.Record) {
	switch r.Kind {
	case envelope.Accepted:
		a.accepted(entry, r)
	case envelope.Consigned:
		m := a.message(r.Message)
		a.event(entry, r, m)
		a.exec(a.st.consign, r.Index, r.Time.Unix(), m.accepted)
	case envelope.HandedOver, envelope.Refused, envelope.Expired, envelope.Lapsed:
		a.ended(entry, r)
	case envelope.Withdrawn:
		if r.Message != (signed.Hash{}) {
			a.ended(entry, r)
			return
		}
		a.event(entry, r, owner{id: r.ID, sender: r.From}) // no text of this id was accepted
		a.exec(a.st.withdraw, string(r.From), r.ID[:], r.Index, r.Time.Unix())
	case envelope.Erased:
		a.event(entry, r, owner{sender: r.By}) // of no message, in its signer's own progress
	case envelope.Rejected:
		a.event(entry, r, owner{})
		a.exec(a.st.reject, string(r.Caller), r.TextHash[:], r.Index, r.Until.Unix())
	default:
		a.event(entry, r, owner{})
	}
}

func (a *applier) accepted(entry int, r *auditlog.Record) {
	var group, place any
	var conversation signed.ID
	keep, size := false, 0
	if blob, here := a.places[r.Message]; here && !a.group.Bare {
		conversation, size = conversationIn(a.group.Blobs[blob].Bytes), len(a.group.Blobs[blob].Bytes)
		group, place, keep = int64(a.group.Number), blob, true
	}
	a.exec(a.st.accept, r.Index, r.Time.Unix(), int64(a.group.Number), entry, r.Message[:], r.ID[:],
		string(r.From), string(r.To), r.Type, r.Urgency, rank(r.Urgency), nullable(conversation[:]), r.Expires.Unix(), size, group, place, keep)
}

// conversationIn is the conversation of an envelope, which its record doesn't name. The
// envelope was parsed before it was accepted: the first such line is the header's.
func conversationIn(envelopeBytes []byte) signed.ID {
	_, rest, _ := bytes.Cut(envelopeBytes, []byte("\nconversation "))
	word, _, _ := bytes.Cut(rest, []byte("\n"))
	id, err := signed.ParseID(string(word))
	if err != nil {
		return signed.ID{}
	}
	return id
}

// An owner says whose the message of an event is.
type owner struct {
	accepted any // leaf; nil: it is of no accepted message
	id       signed.ID
	sender   signed.Address
	ended    sql.NullInt64
}

func (a *applier) message(hash signed.Hash) (o owner) {
	if a.err != nil {
		return o
	}
	err := a.tx.Stmt(a.st.owner).QueryRow(hash[:]).Scan(&o.accepted, fixed(o.id[:]), &o.sender, &o.ended)
	if err != nil {
		a.fail("find message %s: %w", hash, err)
	}
	return o
}

func (a *applier) event(entry int, r *auditlog.Record, of owner) {
	signer := r.By
	if signer == of.sender {
		signer = "" // it is in its progress already
	}
	a.exec(a.st.event, r.Index, string(r.Kind), r.Time.Unix(), int64(a.group.Number), entry, of.accepted,
		nullable(of.id[:]), nullable([]byte(of.sender)), nullable([]byte(signer)), nullable(r.Statement[:]), nullable([]byte(r.Code)))
}

func (a *applier) ended(entry int, r *auditlog.Record) {
	m := a.message(r.Message)
	if m.ended.Valid {
		a.fail("message %s ends twice", r.Message)
	}
	a.event(entry, r, m)
	a.exec(a.st.end, r.Index, m.accepted)
}

// nullable is NULL for a value of zero bytes only.
func nullable(b []byte) any {
	for _, c := range b {
		if c != 0 {
			return b
		}
	}
	return nil
}
