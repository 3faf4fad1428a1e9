package sequencer

import (
	"bytes"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A groupDraft is a group while it is ordered. Until it is committed nothing outside
// it has changed, so a draft that comes to nothing leaves no trace.
type groupDraft struct {
	s        *Sequencer
	group    journal.Group
	view     register.View
	now      signed.Time
	audit    *auditlog.Range
	register *auditlog.Range
	leaves   map[auditlog.Tree][][]byte
	changed  delta
	woken    map[signed.Address]bool
	quota    *quota.Draft
	restart  signed.Time // from which logged time goes on; zero: from the last record
	entry    []byte      // a register entry; nothing is ordered behind it in its group
}

func (s *Sequencer) newDraft() *groupDraft {
	return &groupDraft{
		s:        s,
		group:    journal.Group{Number: s.number + 1, Before: s.sizes()},
		view:     s.cfg.Register.Now(),
		now:      s.clock.now(),
		audit:    s.audit.Clone(),
		register: s.register.Clone(),
		leaves:   map[auditlog.Tree][][]byte{},
		changed:  newDelta(),
		woken:    map[signed.Address]bool{},
		quota:    s.cfg.Quota.Draft(),
	}
}

func (s *Sequencer) sizes() journal.Sizes { return sizesOf(s.audit, s.register) }

func sizesOf(audit, register *auditlog.Range) journal.Sizes {
	return journal.Sizes{
		Audit:    journal.Size{Entries: audit.Size(), Root: audit.Root()},
		Register: journal.Size{Entries: register.Size(), Root: register.Root()},
	}
}

// empty reports whether there is nothing to commit.
func (d *groupDraft) empty() bool { return len(d.group.Entries)+len(d.group.Blobs) == 0 }

// add orders a record: it gets its index, its time, the register it was decided
// under, and a salt where its log hides it.
func (d *groupDraft) add(r auditlog.Record) *journal.Event {
	r.Exchange, r.Time = d.s.exchange, d.now
	r.RegisterSize, r.RegisterRoot = d.group.Before.Register.Entries, d.group.Before.Register.Root
	e := auditlog.Entry{Record: r}
	switch tree := r.Tree(); tree {
	case auditlog.Audit:
		e.Salt, e.Record.Index = auditlog.NewSalt(), d.audit.Size()
		d.grow(tree, d.audit, e.Leaf())
	case auditlog.Register:
		e.Record.Index = d.register.Size()
		d.grow(tree, d.register, e.Leaf())
	}
	d.group.Entries = append(d.group.Entries, e)
	return &journal.Event{
		Leaf: e.Record.Index, Kind: r.Kind, Time: d.now,
		Group: d.group.Number, Place: len(d.group.Entries) - 1,
		Statement: r.Statement, Code: r.Code,
	}
}

func (d *groupDraft) grow(tree auditlog.Tree, r *auditlog.Range, leaf []byte) {
	r.Append(leaf)
	d.leaves[tree] = append(d.leaves[tree], leaf)
}

// blob puts a copy of bytes into the group. The group stays in memory for a while,
// and the bytes lie in the body of a whole call, which must not stay with it.
func (d *groupDraft) blob(of signed.Hash, b []byte) *journal.Place {
	d.group.Blobs = append(d.group.Blobs, journal.Blob{Of: of, Bytes: bytes.Clone(b)})
	return &journal.Place{Group: d.group.Number, Blob: len(d.group.Blobs) - 1}
}

// known and message see what this group changes before what was before it.
func (d *groupDraft) known(k key) (*journal.Message, error) {
	if m := d.changed.messages[k]; m != nil {
		return m, nil
	}
	return d.s.Known(k.from, k.id)
}

// knownSince is known for an id of which nothing was known up to a group: what
// came later is in memory, unless it has come to the index since.
func (d *groupDraft) knownSince(seen uint64, k key) (*journal.Message, error) {
	if d.changed.messages[k] == nil && d.s.over.known(k) == nil && d.s.over.reaches(seen) {
		return nil, nil
	}
	return d.known(k)
}

// rejected sees what this group refuses before what was refused before it.
func (d *groupDraft) rejected(caller signed.Address, text, bytes signed.Hash) (*journal.Event, error) {
	for _, name := range []signed.Hash{text, bytes} {
		if e := d.changed.rejected[rejection{caller, name}]; e != nil {
			return e, nil
		}
	}
	return d.s.Rejected(caller, text, bytes)
}

// rejectedSince is rejected as knownSince is known.
func (d *groupDraft) rejectedSince(seen uint64, caller signed.Address, text, bytes signed.Hash) (*journal.Event, error) {
	fresh := d.s.over.reaches(seen)
	for _, name := range []signed.Hash{text, bytes} {
		r := rejection{caller, name}
		fresh = fresh && d.changed.rejected[r] == nil && d.s.over.rejection(r) == nil
	}
	if fresh {
		return nil, nil
	}
	return d.rejected(caller, text, bytes)
}

// erased sees what this group logs before what was logged before it.
func (d *groupDraft) erased(note signed.Hash) (*journal.Event, error) {
	if e := d.changed.erased[note]; e != nil {
		return e, nil
	}
	return d.s.Erased(note)
}

func (d *groupDraft) message(desk signed.Address, text signed.Hash) (*journal.Message, error) {
	if m := d.changed.texts[text]; m != nil && m.Of(desk) {
		return m, nil
	}
	return d.s.Message(desk, text)
}

// change notes what became of a message, and who wants to hear of it.
func (d *groupDraft) change(m journal.Message, wake ...signed.Address) *journal.Message {
	d.changed.messages[key{m.From, m.ID}] = &m
	if m.Accepted != nil {
		d.changed.texts[m.Text] = &m
	}
	for _, desk := range wake {
		d.woken[desk] = true
	}
	return &m
}

// waitsNoMore says of a message that is consigned, or ends, that it waits for its
// recipient no more.
func (d *groupDraft) waitsNoMore(m *journal.Message) {
	if m.Accepted != nil && m.Consigned == nil {
		d.quota.Ends(m.From, m.To, m.Size)
	}
}

// restores says that the lost bytes of a message came again. How many they are is not
// known where the index was made anew meanwhile.
func (d *groupDraft) restores(m *journal.Message, size int64) {
	more := int64(0)
	if m.Consigned == nil {
		more = size - m.Size
	}
	d.quota.Restores(m.From, m.To, size, m.Wanted, more)
}

// An Act is one thing that waits to be ordered.
type Act interface {
	// bytes is about how much it adds to a group.
	bytes() int
	// order decides the act by all that was ordered before it. Of a final refusal it
	// also orders the entry, where there is to be one.
	order(*groupDraft) (journal.Done, error)
}
