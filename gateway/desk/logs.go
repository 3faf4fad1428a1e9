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
)

// A logs is what this desk has verified of the exchange's two logs: the register
// replayed entry by entry, and the audit log's head. Nothing enters it that the
// database does not hold already. It never changes; a longer one replaces it.
type logs struct {
	register *register.Register
	audit    signed.Head
}

// loadLogs replays what the database holds. A new database begins with the
// federation file; an old one must begin with the same.
func loadLogs(s *store.Store, federation []byte) (*logs, error) {
	var entries [][]byte
	var audit store.Head
	err := s.Update(func(tx *store.Tx) (err error) {
		if entries, err = tx.Entries(); err != nil {
			return err
		}
		if len(entries) == 0 {
			entries = [][]byte{federation}
			return tx.AddEntry(0, federation)
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
	l := &logs{}
	if l.register, err = register.Replay(entries); err != nil {
		return nil, fmt.Errorf("replay the register: %w", err)
	}
	l.audit = (&auditlog.Range{}).Head(l.register.Federation().Audit.Name)
	if audit.Size > 0 {
		l.audit.Size, l.audit.Root = audit.Size, audit.Root
	}
	return l, nil
}

const (
	auditLog    = "audit"
	registerLog = "register"
)

// heads are the sizes that a call names.
func (l *logs) heads() api.Heads { return api.Heads{Audit: l.audit.Size, Register: l.register.Size()} }

// view is the register as it stands.
func (l *logs) view() register.View { return l.register.Now() }

// A lesson is what an answer's catchup adds to the logs, verified and not yet
// kept. The answer's proofs stand under its audit head.
type lesson struct {
	*logs
	from     int64  // index of the first new register entry
	audit    []byte // checkpoints
	register []byte
}

// learn holds a catchup against what this desk knows. Nothing of an answer is
// believed whose catchup fails: what went before still counts, and the next
// answer is measured against it again.
func (d *Desk) learn(ctx context.Context, l *logs, c *api.Catchup) (*lesson, error) {
	next, err := d.study(ctx, l, c)
	if err != nil {
		d.metrics.failures.Inc()
		return nil, fmt.Errorf("the broker's catchup: %w", err)
	}
	return next, nil
}

func (d *Desk) study(ctx context.Context, l *logs, c *api.Catchup) (*lesson, error) {
	head, err := d.extendsAudit(l, c.Audit)
	if err != nil {
		return nil, err
	}
	grown, err := d.extendsRegister(ctx, l, c.Register)
	if err != nil {
		return nil, err
	}
	return &lesson{&logs{grown, head}, l.register.Size(), []byte(c.Audit.Checkpoint), []byte(c.Register.Checkpoint)}, nil
}

// take writes a lesson and what the answer proved in one transaction, and only
// then goes by it. What is synced is durable when take returns; the rest can be
// asked for again, but for new register entries, which are always synced: a desk
// seals and decides by them.
func (d *Desk) take(next *lesson, wait durability, facts func(*store.Tx) error) error {
	update := d.store.UpdateUnsynced
	if wait == synced || next.logs.register.Size() > next.from {
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
	if d.logs.Swap(next.logs).register.Size() < next.logs.register.Size() {
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
	for i, e := range n.logs.register.Entries(n.from) {
		if err := tx.AddEntry(n.from+int64(i), e); err != nil {
			return err
		}
	}
	if err := tx.PutHead(auditLog, store.Head{Head: n.logs.audit, Checkpoint: n.audit, Verified: now}); err != nil {
		return err
	}
	head := n.logs.register.Head()
	if err := tx.PutHead(registerLog, store.Head{Head: head, Checkpoint: n.register, Verified: now}); err != nil {
		return err
	}
	return tx.SawRegister(head.Size, n.logs.audit.Size)
}

// extendsAudit checks that the audit log only grew.
func (d *Desk) extendsAudit(l *logs, c api.AuditCatchup) (signed.Head, error) {
	head, err := auditlog.VerifyCheckpoint([]byte(c.Checkpoint), l.register.Federation().Audit)
	if err != nil {
		return head, err
	}
	if head.Size < l.audit.Size {
		return head, problem.New(problem.HeadAhead, "the answer's checkpoint has %d entries; this desk told that it knows %d", head.Size, l.audit.Size)
	}
	if err := auditlog.CheckConsistency(l.audit, head, c.Consistency); err != nil {
		d.accuse(err, fmt.Sprintf("%s beyond %d", l.audit.Origin, l.audit.Size), exhibits{
			"known":       d.checkpoint(auditLog),
			"shown":       []byte(c.Checkpoint),
			"consistency": hashes(c.Consistency),
		})
		return head, err
	}
	return head, nil
}

func hashes(hs []signed.Hash) []byte {
	var b bytes.Buffer
	for _, h := range hs {
		fmt.Fprintln(&b, h)
	}
	return b.Bytes()
}

// extendsRegister checks that the register only grew, by the entries shown, to
// the signed checkpoint. What this desk goes by stays as it was: the new entries
// go into a replay of its own.
func (d *Desk) extendsRegister(ctx context.Context, l *logs, c api.RegisterCatchup) (*register.Register, error) {
	checkpoint := []byte(c.Checkpoint)
	head, err := auditlog.VerifyCheckpoint(checkpoint, l.register.Federation().Register)
	if err != nil {
		return nil, err
	}
	size := l.register.Size()
	if head.Size < size {
		return nil, problem.New(problem.HeadAhead, "the answer's register has %d entries; this desk told that it knows %d", head.Size, size)
	}
	grown := l.register
	if head.Size > size {
		if grown, err = d.grow(ctx, l, head.Size, c); err != nil {
			return nil, err
		}
	}
	if grown.Head() != head {
		err := problem.New(problem.LogContradicts, "the register's checkpoint at %d entries does not follow from the entries shown", head.Size)
		d.accuse(err, fmt.Sprintf("%s beyond %d", head.Origin, size), exhibits{
			"known": d.checkpoint(registerLog), "shown": checkpoint, "entries": bytes.Join(grown.Entries(size), []byte("\n")),
		})
		return nil, err
	}
	return grown, nil
}

// grow appends to a register of its own the new entries up to the checkpoint's
// size: those that the answer brought, then page by page. Each is verified as it
// comes and the first that is refused ends it, so a broker can't make this desk
// collect what nobody entitled has signed.
func (d *Desk) grow(ctx context.Context, l *logs, size int64, c api.RegisterCatchup) (*register.Register, error) {
	r := l.register.Fork()
	for page := c.Entries; ; {
		for _, e := range page[:min(int64(len(page)), size-r.Size())] {
			if _, err := r.Append(e); err != nil {
				d.accuse(err, fmt.Sprintf("register entry %d", r.Size()), exhibits{"checkpoint": []byte(c.Checkpoint), "entry": e})
				return nil, fmt.Errorf("register entry %d: %w", r.Size(), err)
			}
		}
		if r.Size() == size {
			return r, nil
		}
		answer, err := d.broker.Register(ctx, l.heads(), r.Size(), api.MaxEntries)
		if err != nil {
			return nil, err
		}
		if page = answer.Entries; len(page) == 0 {
			return nil, problem.New(problem.ProofInvalid, "the register's checkpoint names entries that the broker does not show")
		}
	}
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
