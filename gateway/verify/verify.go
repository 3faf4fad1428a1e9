// Package verify is what one party has verified of an exchange's two logs, and
// what it may believe under them. Desk and auditor use it, and nothing beside it.
//
// [Logs] is a value: the register as it was replayed, the audit log's head, and
// how far the register had come when. An answer of the broker brings a [Catchup]
// that leads from there to the checkpoint under which the answer's proofs stand:
//
//	logs := verify.New(register, head, checkpoint, seen)
//	answer, err := logs.Extend(&verify.Catchup{Audit: checkpoint, …})
//	accepted, err := answer.Admit(envelope, "fi.spoc", proof, consistency)
//	logs = answer.Logs // once the caller has stored it
//
// A proof that was stored is checked again under its own checkpoint:
//
//	answer, err := logs.Under(proof)
//	event, err := answer.Event(header, textHash, "se.spoc", claim)
//
// Two answers to one party, each of which extends what it knew, are linked by
// [Logs.Join] before the party goes by both.
//
// A [Breach] is a fault of the broker and names the bytes that show it; to store
// them, and to accuse, is the caller's part. This package has no database, asks
// nobody, and reads no clock. It implements SPEC §5, §7.4 and §8.3.
package verify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"samband/gateway/auditlog"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Sighting is how long the audit log was in the answer that first showed the
// register at a size.
type Sighting struct{ Audit, Register int64 }

// Logs are the two logs as one party has verified them. They never change; a
// longer one replaces them.
type Logs struct {
	register *register.Register
	audit    signed.Head
	seen     []Sighting // ascending by register

	// The texts that the broker signed of the two heads; empty if none came.
	auditCheckpoint, registerCheckpoint []byte
}

// New makes Logs of what a party verified before; checkpoint is the signed text of
// the audit log's head. An auditor that knows the register alone gives the zero
// head and no checkpoint.
func New(r *register.Register, audit signed.Head, checkpoint []byte, seen []Sighting) *Logs {
	return &Logs{register: r, audit: audit, auditCheckpoint: checkpoint, seen: seen}
}

// Register is the register as it was replayed.
func (l *Logs) Register() *register.Register { return l.register }

// View is the register as it stands.
func (l *Logs) View() register.View { return l.register.Now() }

// Audit is the audit log's head.
func (l *Logs) Audit() signed.Head { return l.audit }

// AuditCheckpoint is the text that the broker signed of the audit log's head; empty
// if none came.
func (l *Logs) AuditCheckpoint() []byte { return l.auditCheckpoint }

// RegisterCheckpoint is that of the register's head.
func (l *Logs) RegisterCheckpoint() []byte { return l.registerCheckpoint }

// seenBefore is the largest register that this party had verified while the audit
// log was not yet longer than index: no record at that index may rest on a smaller
// one.
func (l *Logs) seenBefore(index int64) (size int64) {
	for _, s := range l.seen {
		if s.Audit <= index {
			size = max(size, s.Register)
		}
	}
	return size
}

// A Breach is a rule that the broker broke, and the bytes that show it.
type Breach struct {
	Problem  *problem.Problem
	Subject  string            // what it is about: a message, an entry, a log
	Exhibits map[string][]byte // by name

	// Log is "audit" or "register" if two checkpoints of that log contradict each
	// other; "" else. The exhibits "known" and "shown" are the two. "known" is missing
	// of a register that New was given: its caller has that checkpoint, and adds it.
	Log string
}

func (b *Breach) Error() string { return b.Problem.Error() }
func (b *Breach) Unwrap() error { return b.Problem }

// breach makes a Breach of a problem; another error, and nil, stay as they are.
func breach(err error, subject string, exhibits map[string][]byte) error {
	if p, ok := problem.Of(err); ok {
		return &Breach{Problem: p, Subject: subject, Exhibits: exhibits}
	}
	return err
}

// A Catchup leads from the heads that a call named to those of its answer. Extend
// may change it: see [Missing].
type Catchup struct {
	Audit       []byte        // the audit log's checkpoint
	Consistency []signed.Hash // from the head named to it
	Register    []byte        // the register's checkpoint
	Entries     [][]byte      // of the register, from the size named

	grown *register.Register
}

// Missing says that the register's checkpoint names entries, from an index on,
// that the catchup lacks. The caller fetches some, puts them into Entries in place
// of those that are there, and asks again; what was verified is remembered.
type Missing struct{ From int64 }

func (m *Missing) Error() string {
	return fmt.Sprintf("the register's entries from %d on are missing", m.From)
}

// An Answer is the logs as one answer of the broker extends them. Its proofs stand
// under its checkpoint alone.
type Answer struct {
	*Logs

	// alone says that the checkpoint is that of a stored proof: that it extends
	// others was checked when the proof was learned.
	alone bool
}

// Extend checks that both logs only grew. Nothing of an answer may be believed
// whose catchup fails: what went before still counts.
func (l *Logs) Extend(c *Catchup) (*Answer, error) {
	head, err := l.extendAudit(c)
	if err != nil {
		return nil, err
	}
	grown, err := l.extendRegister(c)
	if err != nil {
		return nil, err
	}
	next := &Logs{grown, head, l.seen, c.Audit, c.Register}
	if size := grown.Size(); size > l.register.Size() || len(l.seen) == 0 {
		next.seen = append(l.seen[:len(l.seen):len(l.seen)], Sighting{head.Size, size})
	}
	return &Answer{Logs: next}, nil
}

func (l *Logs) extendAudit(c *Catchup) (signed.Head, error) {
	head, err := auditlog.VerifyCheckpoint(c.Audit, l.register.Federation().Audit)
	if err != nil {
		return head, err
	}
	if head.Size < l.audit.Size {
		return head, problem.New(problem.HeadAhead, "the answer's checkpoint has %d entries; this desk told that it knows %d", head.Size, l.audit.Size)
	}
	err = auditlog.CheckConsistency(l.audit, head, c.Consistency)
	return head, ofLog("audit", breach(err, fmt.Sprintf("%s beyond %d", head.Origin, l.audit.Size),
		exhibits(l.auditCheckpoint, c.Audit, "consistency", lines(c.Consistency))))
}

// exhibits are two checkpoints of one log, and what was to link them.
func exhibits(known, shown []byte, name string, link []byte) map[string][]byte {
	x := map[string][]byte{"shown": shown, name: link}
	if len(known) > 0 {
		x["known"] = known
	}
	return x
}

// ofLog notes in a Breach which log it is about.
func ofLog(log string, err error) error {
	if b, ok := errors.AsType[*Breach](err); ok {
		b.Log = log
	}
	return err
}

// extendRegister appends the new entries to a register of its own. Each is
// verified as it comes and the first that is refused ends it, so a broker can't
// make anybody collect what nobody entitled has signed.
func (l *Logs) extendRegister(c *Catchup) (*register.Register, error) {
	head, err := auditlog.VerifyCheckpoint(c.Register, l.register.Federation().Register)
	if err != nil {
		return nil, err
	}
	size := l.register.Size()
	if head.Size < size {
		return nil, problem.New(problem.HeadAhead, "the answer's register has %d entries; this desk told that it knows %d", head.Size, size)
	}
	grown := l.register
	if head.Size > size {
		if c.grown == nil {
			c.grown = l.register.Fork()
		}
		grown = c.grown
	}
	for _, e := range c.Entries[:min(int64(len(c.Entries)), head.Size-grown.Size())] {
		if _, err := grown.Append(e); err != nil {
			subject := fmt.Sprintf("register entry %d", grown.Size())
			return nil, fmt.Errorf("%s: %w", subject, breach(err, subject, map[string][]byte{"checkpoint": c.Register, "entry": e}))
		}
	}
	switch {
	case grown.Size() < head.Size:
		return nil, &Missing{grown.Size()}
	case grown.Head() != head:
		err := problem.New(problem.LogContradicts, "the register's checkpoint at %d entries does not follow from the entries shown", head.Size)
		return nil, ofLog("register", breach(err, fmt.Sprintf("%s beyond %d", head.Origin, size),
			exhibits(l.registerCheckpoint, c.Register, "entries", bytes.Join(grown.Entries(size), []byte("\n")))))
	}
	return grown, nil
}

// Join returns the logs that two of one party's answers lead to: the longer of
// each, and what was seen in both. l and other both extend what the party knew
// before; that does not prove that they extend each other: a broker can lead two
// calls that overtake one another into two histories. consistency leads from the
// smaller audit head to the larger, and is nil if their sizes are equal; the
// smaller register must be a prefix of the larger. Else it is a Breach, whose
// "known" is the checkpoint of l and whose "shown" is that of other.
//
// All that was seen on the way to either counts. A sighting says that the broker
// had shown a register of this size before it wrote the audit log's entries from
// that size on. The joined log has the same entries at the same places as both
// that it joins, so what was true of one of them is true of it. Where both saw a
// register size, the smaller audit size counts: it says the same of more entries.
func (l *Logs) Join(other *Logs, consistency []signed.Hash) (*Logs, error) {
	if l == other {
		return l, nil
	}
	if err := l.linkAudit(other, consistency); err != nil {
		return nil, ofLog("audit", err)
	}
	if err := l.linkRegister(other); err != nil {
		return nil, ofLog("register", err)
	}
	audit, reg := l, l
	if other.audit.Size >= l.audit.Size {
		audit = other
	}
	if other.register.Size() >= l.register.Size() {
		reg = other
	}
	return &Logs{reg.register, audit.audit, union(l.seen, other.seen), audit.auditCheckpoint, reg.registerCheckpoint}, nil
}

func (l *Logs) linkAudit(other *Logs, consistency []signed.Hash) error {
	if l.audit == other.audit {
		return nil
	}
	small, large := l.audit, other.audit
	if small.Size > large.Size {
		small, large = large, small
	}
	return breach(auditlog.CheckConsistency(small, large, consistency),
		fmt.Sprintf("%s at %d and %d", large.Origin, small.Size, large.Size),
		exhibits(l.auditCheckpoint, other.auditCheckpoint, "consistency", lines(consistency)))
}

// linkRegister shows of a fork the larger register's entries from the first that
// the smaller has not: with those that both have they give the larger's root.
func (l *Logs) linkRegister(other *Logs) error {
	small, large := l.register, other.register
	if small.Size() > large.Size() {
		small, large = large, small
	}
	head := small.Head()
	if large.CheckHead(head) == nil {
		return nil
	}
	a, b, same := small.Entries(0), large.Entries(0), 0
	for bytes.Equal(a[same], b[same]) {
		same++
	}
	err := problem.New(problem.LogContradicts, "%s at %d entries does not extend what it was at %d", head.Origin, large.Size(), head.Size)
	return breach(err, fmt.Sprintf("%s at %d and %d", head.Origin, head.Size, large.Size()),
		exhibits(l.registerCheckpoint, other.registerCheckpoint, "entries", bytes.Join(b[same:], []byte("\n"))))
}

// union is every register size that was seen, each with the smallest audit size.
func union(a, b []Sighting) []Sighting {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Register, b.Register), cmp.Compare(a.Audit, b.Audit))
	})
	return slices.CompactFunc(all, func(a, b Sighting) bool { return a.Register == b.Register })
}

// SeenBy is the answer for a party that has joined it with what other calls brought
// meanwhile. It proves the same, and its records are measured by all that the party
// had seen before they were written.
func (a *Answer) SeenBy(joined *Logs) *Answer {
	l := *a.Logs
	l.seen = joined.seen
	return &Answer{Logs: &l, alone: a.alone}
}

// Under is an answer that consists of one stored proof, under that proof's own
// checkpoint, which the log's key must have signed.
func (l *Logs) Under(proof []byte) (*Answer, error) {
	p, err := auditlog.ParseProof(proof)
	if err != nil {
		return nil, err
	}
	head, err := auditlog.VerifyCheckpoint(p.Checkpoint, l.register.Federation().Audit)
	if err != nil {
		return nil, err
	}
	under := &Logs{l.register, head, l.seen, p.Checkpoint, l.registerCheckpoint}
	return &Answer{Logs: under, alone: true}, nil
}

func lines(hashes []signed.Hash) []byte {
	var b bytes.Buffer
	for _, h := range hashes {
		fmt.Fprintln(&b, h)
	}
	return b.Bytes()
}

func message(text signed.Hash) string { return "message " + text.String() }
