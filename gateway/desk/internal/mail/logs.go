package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// Names of the two logs in the database.
const (
	AuditLog    = "audit"
	RegisterLog = "register"
)

// load replays what the database has. A new database begins with the federation
// file; an old one must begin with the same.
func (m *Room) load() error {
	var entries [][]byte
	var audit store.Head
	var seen []verify.Sighting
	err := m.Store.UpdateVital(func(tx *store.Tx) (err error) {
		if entries, err = tx.Entries(); err != nil {
			return err
		}
		if len(entries) == 0 {
			entries = [][]byte{m.Federation}
			return tx.AddEntry(0, m.Federation)
		}
		if seen, err = tx.Sightings(); err != nil {
			return err
		}
		audit, err = tx.Head(AuditLog)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(entries[0], m.Federation) {
		return errors.New("the database belongs to another exchange than the federation file")
	}
	r, err := register.Replay(entries)
	if err != nil {
		return fmt.Errorf("replay the register: %w", err)
	}
	head := (&auditlog.Range{}).Head(r.Federation().Audit.Name)
	if audit.Size > 0 {
		if head, err = auditlog.VerifyCheckpoint(audit.Checkpoint, r.Federation().Audit); err != nil || head != (signed.Head{Origin: head.Origin, Size: audit.Size, Root: audit.Root}) {
			return fmt.Errorf("%w: the head of the audit log is not what its signed checkpoint says", store.ErrDamaged)
		}
		m.Metrics.verified.Set(float64(audit.Verified.Unix()))
		m.hearing.resume(&audit)
	}
	m.logs.Store(verify.New(r, head, audit.Checkpoint, seen))
	return m.sayFound()
}

// learning is how this desk writes what it learns of the logs. Until it knows what it erased
// it shows nothing, so till then that must work on a full disk too.
func (m *Room) learning() func(func(*store.Tx) error) error {
	if m.shows.Load() {
		return m.Store.Update
	}
	return m.Store.UpdateVital
}

// heads are the sizes that a call names.
func heads(l *verify.Logs) api.Heads {
	return api.Heads{Audit: l.Audit().Size, Register: l.Register().Size()}
}

// extend checks a catchup from the heads that its call named, and goes by what it
// brings: the answer's proofs stand under the logs that it returns. Nothing of an
// answer is believed whose catchup fails: what went before still counts, and the
// next answer is measured against it again.
func (m *Room) extend(ctx context.Context, base *verify.Logs, c *api.Catchup) (*verify.Answer, error) {
	next, err := m.extended(ctx, base, c)
	if err == nil {
		err = m.began(next)
	}
	if err == nil {
		next, err = m.adopt(ctx, base, next)
	}
	if durable.NoRoom(err) {
		return nil, err // the answer is as good as it is
	}
	if err != nil {
		m.accuse(err)
		m.Metrics.failures.Inc()
		return nil, fmt.Errorf("the broker's catchup: %w", err)
	}
	now := m.Now()
	m.Metrics.verified.Set(float64(now.Unix()))
	m.hearing.heard(next.Audit().Size, now)
	return next, nil
}

// extended verifies a catchup. It fetches page by page the register entries that
// the answer did not bring (catchup.go).
func (m *Room) extended(ctx context.Context, base *verify.Logs, c *api.Catchup) (*verify.Answer, error) {
	plain := &verify.Catchup{
		Audit: []byte(c.Audit.Checkpoint), Consistency: c.Audit.Consistency,
		Register: []byte(c.Register.Checkpoint), Entries: c.Register.Entries,
	}
	for size := base.Register().Size(); ; {
		answer, err := base.Extend(plain)
		var missing *verify.Missing
		if !errors.As(err, &missing) {
			if err != nil {
				m.catchup.forget()
			}
			return answer, err
		}
		m.catchup.add(size, c.Register.Entries)
		plain.Entries, err = m.entries(ctx, heads(base), missing.From)
		if err != nil {
			return nil, err
		}
		if len(plain.Entries) == 0 {
			m.catchup.forget()
			return nil, problem.New(problem.ProofInvalid, "the register's checkpoint names entries that the broker does not show")
		}
	}
}

// adopt makes an answer's logs those of the desk. Where another answer came first,
// the two are linked before either's proofs are believed beside the other's. Heads
// need not be on the disk for that: after a crash they are asked for again. New
// register entries must be, since a desk seals and decides by them.
func (m *Room) adopt(ctx context.Context, base *verify.Logs, next *verify.Answer) (*verify.Answer, error) {
	for {
		now, joined := m.logs.Load(), next.Logs
		if now != base {
			proof, err := m.between(ctx, now.Audit().Size, joined.Audit().Size)
			if err != nil {
				return nil, err
			}
			if joined, err = now.Join(joined, proof); err != nil {
				return nil, err
			}
		}
		done, err := m.replace(now, joined, next)
		if err != nil {
			return nil, err
		}
		if done {
			return next.SeenBy(joined), nil
		}
	}
}

// between asks for the proof that the longer of two logs extends the shorter.
func (m *Room) between(ctx context.Context, one, other int64) ([]signed.Hash, error) {
	from, to := min(one, other), max(one, other)
	if from == to || from == 0 {
		return nil, nil
	}
	answer, err := m.Broker.Consistency(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return answer.Consistency, nil
}

// replace puts joined in the place of now, unless another answer was quicker. New
// register entries are durable by then.
func (m *Room) replace(now, joined *verify.Logs, next *verify.Answer) (bool, error) {
	from := now.Register().Size()
	if joined.Register().Size() == from {
		return m.logs.CompareAndSwap(now, joined), nil
	}
	m.growing.Lock()
	defer m.growing.Unlock()
	if m.logs.Load() != now {
		return false, nil
	}
	err := m.learning()(func(tx *store.Tx) error {
		for i, e := range joined.Register().Entries(from) {
			if err := tx.AddEntry(from+int64(i), e); err != nil {
				return err
			}
		}
		return m.saveHeads(tx, next)
	})
	if err != nil {
		return false, err
	}
	if !m.logs.CompareAndSwap(now, joined) {
		return false, nil // another answer was quicker, with longer heads and no entries
	}
	m.catchup.forget()
	m.registerGrew()
	m.wakeStatements() // one that was refused may be taken now
	wake(m.workers.erasures)
	wake(m.workers.keys)
	wake(m.workers.bundles) // another may be named
	m.Touch()
	return true, nil
}

// saveHeads keeps the heads under which an answer was believed, and when the
// register was seen at its size.
func (m *Room) saveHeads(tx *store.Tx, a *verify.Answer) error {
	now := signed.At(m.Now())
	if err := tx.PutHead(AuditLog, store.Head{Head: a.Audit(), Checkpoint: a.AuditCheckpoint(), Verified: now, Silent: m.Silent()}); err != nil {
		return err
	}
	head := a.Register().Head()
	if err := tx.PutHead(RegisterLog, store.Head{Head: head, Checkpoint: a.RegisterCheckpoint(), Verified: now}); err != nil {
		return err
	}
	return tx.SawRegister(head.Size, a.Audit().Size)
}

// show hands the broker the checkpoints that its logs no longer reach, or
// contradict. They bear its own signature: it stops, and its operator learns what
// is lost.
func (m *Room) show(ctx context.Context) {
	for _, log := range []string{AuditLog, RegisterLog} {
		if c := m.checkpoint(log); c != nil {
			if err := m.Broker.Show(ctx, c); err != nil {
				m.Log.Error("the broker was shown a checkpoint of its own that its log does not reach", "log", log, "answer", err.Error())
			}
		}
	}
}

func (m *Room) checkpoint(log string) (b []byte) {
	m.Store.View(func(tx *store.Tx) error {
		h, err := tx.Head(log)
		b = h.Checkpoint
		return err
	})
	return b
}
