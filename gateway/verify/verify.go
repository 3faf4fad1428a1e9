// Package verify is what one party has verified of an exchange's two logs, and
// what it may believe under them. Desk and auditor use it, and nothing beside it.
//
// [Logs] is a value: the register as it was replayed, the audit log's head, and
// how far the register had come when. An answer of the broker brings a [Catchup]
// that leads from there to the checkpoint under which the answer's proofs stand:
//
//	logs := verify.New(register, head, seen)
//	answer, err := logs.Extend(&verify.Catchup{Audit: checkpoint, …})
//	fact, err := answer.Admit(envelope, "fi.spoc", proof, consistency)
//	logs = answer.Logs // once the caller has stored it
//
// A proof that was stored is checked again under its own checkpoint:
//
//	answer, err := logs.Under(proof)
//	fact, err := answer.Event(header, textHash, "se.spoc", claim)
//
// A [Breach] is a fault of the broker and names the bytes that show it; to store
// them, and to accuse, is the caller's part. This package has no database, asks
// nobody, and reads no clock. It implements SPEC §5, §7.4 and §8.3.
package verify

import (
	"bytes"
	"errors"
	"fmt"

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
	seen     []Sighting // ascending
}

// New makes Logs of what a party verified before. An auditor that knows the
// register alone gives the zero head.
func New(r *register.Register, audit signed.Head, seen []Sighting) *Logs {
	return &Logs{r, audit, seen}
}

// Register is the register as it was replayed.
func (l *Logs) Register() *register.Register { return l.register }

// View is the register as it stands.
func (l *Logs) View() register.View { return l.register.Now() }

// Audit is the audit log's head.
func (l *Logs) Audit() signed.Head { return l.audit }

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
	Log      string            // "audit" or "register": the checkpoint of it that was known before is evidence too
	Exhibits map[string][]byte // by name
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
	Checkpoint []byte // of the audit log

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
	next := &Logs{grown, head, l.seen}
	if size := grown.Size(); size > l.register.Size() || len(l.seen) == 0 {
		next.seen = append(l.seen[:len(l.seen):len(l.seen)], Sighting{head.Size, size})
	}
	return &Answer{Logs: next, Checkpoint: c.Audit}, nil
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
		map[string][]byte{"shown": c.Audit, "consistency": lines(c.Consistency)}))
}

// ofLog notes in a Breach which log it is about.
func ofLog(log string, err error) error {
	var b *Breach
	if errors.As(err, &b) {
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
			map[string][]byte{"shown": c.Register, "entries": bytes.Join(grown.Entries(size), []byte("\n"))}))
	}
	return grown, nil
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
	return &Answer{Logs: &Logs{l.register, head, l.seen}, Checkpoint: p.Checkpoint, alone: true}, nil
}

func lines(hashes []signed.Hash) []byte {
	var b bytes.Buffer
	for _, h := range hashes {
		fmt.Fprintln(&b, h)
	}
	return b.Bytes()
}

func message(text signed.Hash) string { return "message " + text.String() }
