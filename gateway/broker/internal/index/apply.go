package index

import (
	"database/sql"
	"fmt"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A Group is one group of the JOURNAL, as far as the index needs it.
type Group struct {
	Seq             uint64
	Items           []Item
	Restored        []Restored
	Removed         bool        // the JOURNAL no longer holds it: its envelopes are gone
	Audit, Register signed.Head // after it
}

// An Item is one record of a group. Blob is the place, in the group, of the
// envelope that it accepts; NoBlob for any other record, and where none came.
type Item struct {
	Entry *auditlog.Entry
	Blob  int
}

// NoBlob: no envelope came with the record.
const NoBlob = -1

// Restored is an envelope that came again because its bytes were gone. It
// counts before the records of its group: its message was known already, and
// they may end it.
type Restored struct {
	Message signed.Hash
	Blob    int
}

// Until when an envelope holds its group.
const (
	holdsNot            = iota
	holdsUntilConsigned // or ended
	holdsUntilEnded     // it came again, or was wanted
)

// Apply takes in groups that follow the present position, in order, as one
// transaction. Records that don't fit what came before are an error, and
// nothing is taken in: the index must be rebuilt.
func (x *Index) Apply(groups []Group) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	tx, err := x.write.Begin()
	if err != nil {
		return fmt.Errorf("begin batch: %w", err)
	}
	defer tx.Rollback()
	a := &applier{tx: tx, st: x.statements, at: x.position}
	for i := range groups {
		if err := a.group(&groups[i]); err != nil {
			return fmt.Errorf("apply group %d: %w", groups[i].Seq, err)
		}
	}
	if err := savePosition(tx, a.at); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	x.position = a.at
	return nil
}

// An applier takes in the groups of one batch. Its first fault sticks.
type applier struct {
	tx  *sql.Tx
	st  *statements
	at  Position
	err error

	seq     uint64
	removed bool
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

func (a *applier) group(g *Group) error {
	a.seq, a.removed = g.Seq, g.Removed
	if !g.Removed {
		a.exec(a.st.group, int64(g.Seq))
	}
	for _, r := range g.Restored {
		a.restored(r)
	}
	for i, item := range g.Items {
		a.item(i, item)
	}
	if a.at.Audit.Size != g.Audit.Size || a.at.Register.Size != g.Register.Size {
		a.fail("it leads to sizes %d and %d, not %d and %d",
			a.at.Audit.Size, a.at.Register.Size, g.Audit.Size, g.Register.Size)
	}
	a.at = Position{g.Seq, g.Audit, g.Register}
	return a.err
}

func (a *applier) item(entry int, item Item) {
	r := &item.Entry.Record
	var next *int64
	switch r.Tree() {
	case auditlog.Audit:
		next = &a.at.Audit.Size
	case auditlog.Register:
		next = &a.at.Register.Size
	default:
		return
	}
	if r.Index != *next {
		a.fail("a record has index %d, not %d", r.Index, *next)
	}
	*next++
	if r.Tree() == auditlog.Audit {
		a.audit(entry, r, item.Blob)
	}
}

// audit takes in one record of the audit log.
func (a *applier) audit(entry int, r *auditlog.Record, blob int) {
	switch r.Kind {
	case envelope.Accepted:
		a.accepted(entry, r, blob)
	case envelope.Consigned:
		m := a.message(r.Message)
		a.event(entry, r, m)
		a.exec(a.st.consign, r.Index, r.Time.Unix(), holdsUntilConsigned, holdsNot, m.accepted)
	case envelope.HandedOver, envelope.Refused, envelope.Expired:
		a.ended(entry, r)
	case envelope.Withdrawn:
		if r.Message == (signed.Hash{}) {
			a.withdrawnUnaccepted(entry, r)
			return
		}
		a.ended(entry, r)
	case envelope.Rejected:
		a.event(entry, r, owner{})
		a.exec(a.st.reject, string(r.Caller), r.TextHash[:], r.Index, r.Until.Unix())
	default:
		a.event(entry, r, owner{})
	}
}

func (a *applier) accepted(entry int, r *auditlog.Record, blob int) {
	var group, place any
	hold := holdsNot
	if blob != NoBlob && !a.removed {
		group, place, hold = int64(a.seq), blob, holdsUntilConsigned
	}
	a.exec(a.st.accept, r.Index, r.Time.Unix(), int64(a.seq), entry, r.Message[:], r.ID[:],
		string(r.From), string(r.To), r.Type, r.Urgency, r.Expires.Unix(), group, place, hold)
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
	err := a.tx.Stmt(a.st.owner).QueryRow(hash[:]).Scan(&o.accepted, scanID(&o.id), &o.sender, &o.ended)
	if err != nil {
		a.fail("find message %s: %w", hash, err)
	}
	return o
}

func (a *applier) event(entry int, r *auditlog.Record, of owner) {
	a.exec(a.st.event, r.Index, string(r.Kind), r.Time.Unix(), int64(a.seq), entry, of.accepted,
		nullable(of.id[:]), nullable([]byte(of.sender)), nullable(r.Statement[:]), nullable([]byte(r.Code)))
}

func (a *applier) ended(entry int, r *auditlog.Record) {
	m := a.message(r.Message)
	if m.ended.Valid {
		a.fail("message %s ends twice", r.Message)
	}
	a.event(entry, r, m)
	a.exec(a.st.end, r.Index, holdsNot, m.accepted)
}

func (a *applier) withdrawnUnaccepted(entry int, r *auditlog.Record) {
	a.event(entry, r, owner{id: r.ID, sender: r.From})
	a.exec(a.st.withdraw, string(r.From), r.ID[:], r.Index)
}

// restored notes that a message's bytes came again.
func (a *applier) restored(r Restored) {
	m := a.message(r.Message)
	if !m.ended.Valid && !a.removed {
		a.exec(a.st.restore, int64(a.seq), r.Blob, holdsUntilConsigned, holdsUntilEnded, m.accepted)
	}
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
