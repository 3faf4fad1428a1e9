package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// loadLogs replays what the database has. A new database begins with the
// federation file; an old one must begin with the same.
func loadLogs(s *store.Store, federation []byte) (*verify.Logs, error) {
	var entries [][]byte
	var audit store.Head
	var seen []store.Sighting
	err := s.Update(func(tx *store.Tx) (err error) {
		if entries, err = tx.Entries(); err != nil {
			return err
		}
		if len(entries) == 0 {
			entries = [][]byte{federation}
			return tx.AddEntry(0, federation)
		}
		if seen, err = tx.Sightings(); err != nil {
			return err
		}
		audit, err = tx.Head(auditLog)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(entries[0], federation) {
		return nil, errors.New("the database belongs to another exchange than the federation file")
	}
	r, err := register.Replay(entries)
	if err != nil {
		return nil, fmt.Errorf("replay the register: %w", err)
	}
	head := (&auditlog.Range{}).Head(r.Federation().Audit.Name)
	if audit.Size > 0 {
		head.Size, head.Root = audit.Size, audit.Root
	}
	return verify.New(r, head, audit.Checkpoint, sightings(seen)), nil
}

func sightings(rows []store.Sighting) (seen []verify.Sighting) {
	for _, s := range rows {
		seen = append(seen, verify.Sighting{Audit: s.Audit, Register: s.Register})
	}
	return seen
}

// Names of the two logs in the database.
const (
	auditLog    = "audit"
	registerLog = "register"
)

// heads are the sizes that a call names.
func heads(l *verify.Logs) api.Heads {
	return api.Heads{Audit: l.Audit().Size, Register: l.Register().Size()}
}

// A lesson is what an answer's catchup adds to the logs, verified and not yet
// kept. The answer's proofs stand under it.
type lesson struct {
	*verify.Answer
	from     int64  // index of the first new register entry
	register []byte // checkpoint
}

// learn checks a catchup by what this desk knows. Nothing of an answer is
// believed whose catchup fails: what went before still counts, and the next
// answer is measured against it again.
func (d *Desk) learn(ctx context.Context, l *verify.Logs, c *api.Catchup) (*lesson, error) {
	next, err := d.study(ctx, l, c)
	if err != nil {
		d.metrics.failures.Inc()
		return nil, fmt.Errorf("the broker's catchup: %w", err)
	}
	return next, nil
}

// study fetches page by page the register entries that the answer did not bring.
func (d *Desk) study(ctx context.Context, l *verify.Logs, c *api.Catchup) (*lesson, error) {
	plain := &verify.Catchup{
		Audit: []byte(c.Audit.Checkpoint), Consistency: c.Audit.Consistency,
		Register: []byte(c.Register.Checkpoint), Entries: c.Register.Entries,
	}
	for {
		answer, err := l.Extend(plain)
		var missing *verify.Missing
		if !errors.As(err, &missing) {
			if err != nil {
				d.accuse(err)
				return nil, err
			}
			return &lesson{answer, l.Register().Size(), plain.Register}, nil
		}
		page, err := d.broker.Register(ctx, heads(l), missing.From, api.MaxEntries)
		if err != nil {
			return nil, err
		}
		if plain.Entries = page.Entries; len(page.Entries) == 0 {
			return nil, problem.New(problem.ProofInvalid, "the register's checkpoint names entries that the broker does not show")
		}
	}
}

// take writes a lesson and what the answer proved in one transaction, and only
// then goes by it. What is synced is durable when take returns; the rest can be
// asked for again, but for new register entries, which are always synced: a desk
// seals and decides by them.
func (d *Desk) take(next *lesson, wait durability, facts func(*store.Tx) error) error {
	update := d.store.UpdateUnsynced
	if wait == synced || next.Register().Size() > next.from {
		update = d.store.Update
	}
	err := update(func(tx *store.Tx) error {
		if err := next.save(tx, signed.At(d.now())); err != nil {
			return err
		}
		return facts(tx)
	})
	if err != nil {
		return err
	}
	if d.logs.Swap(next.Logs).Register().Size() < next.Register().Size() {
		wake(d.workers.statements) // one that was refused may be taken now
	}
	d.metrics.verified.Set(float64(d.now().Unix()))
	d.touch()
	return nil
}

// durability says whether a write waits for the disk.
type durability bool

const (
	synced   durability = true
	unsynced durability = false
)

func (n *lesson) save(tx *store.Tx, now signed.Time) error {
	for i, e := range n.Register().Entries(n.from) {
		if err := tx.AddEntry(n.from+int64(i), e); err != nil {
			return err
		}
	}
	if err := tx.PutHead(auditLog, store.Head{Head: n.Audit(), Checkpoint: n.Checkpoint, Verified: now}); err != nil {
		return err
	}
	head := n.Register().Head()
	if err := tx.PutHead(registerLog, store.Head{Head: head, Checkpoint: n.register, Verified: now}); err != nil {
		return err
	}
	return tx.SawRegister(head.Size, n.Audit().Size)
}

// show hands the broker the checkpoints that its logs no longer reach, or
// contradict. They bear its own signature: it stops, and its operator learns what
// is lost.
func (d *Desk) show(ctx context.Context) {
	for _, log := range []string{auditLog, registerLog} {
		if c := d.checkpoint(log); c != nil {
			if err := d.broker.Show(ctx, c); err != nil {
				d.log.Error("the broker was shown a checkpoint of its own that its log does not reach", "log", log, "answer", err.Error())
			}
		}
	}
}

func (d *Desk) checkpoint(log string) (b []byte) {
	d.store.View(func(tx *store.Tx) error {
		h, err := tx.Head(log)
		b = h.Checkpoint
		return err
	})
	return b
}
