package sequencer

import (
	"errors"
	"fmt"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// recent keeps the roots of the audit log's last heads: what desks name as
// verified is nearly always one of them.
type recent struct {
	roots map[int64]signed.Hash
	sizes []int64 // oldest first
}

const maxRecent = 4096

func (r *recent) note(h signed.Head) {
	if _, there := r.roots[h.Size]; there {
		return
	}
	if r.roots == nil {
		r.roots = map[int64]signed.Hash{}
	}
	if len(r.sizes) == maxRecent {
		delete(r.roots, r.sizes[0])
		r.sizes = r.sizes[1:]
	}
	r.roots[h.Size] = h.Root
	r.sizes = append(r.sizes, h.Size)
}

// CheckHeads compares what a text names as verified with both logs, each at its
// own size: so a tail that was lost shows even when the log has outgrown it.
func (s *Sequencer) CheckHeads(audit, register signed.Head) error {
	if err := s.checkAudit(audit); err != nil {
		return err
	}
	return s.cfg.Register.CheckHead(register)
}

// Reached refuses a caller that has verified more than the logs have: no answer could
// lead on from there. The logs only grow, so whoever passed once need not ask again. A
// writer that has stopped says that first.
func (s *Sequencer) Reached(audit, register int64) error {
	if err := s.Ready(); err != nil {
		return err
	}
	c := s.Checkpoints()
	if audit > c.AuditHead.Size || register > c.RegisterHead.Size {
		return problem.New(problem.HeadAhead, "the logs have %d and %d entries, the caller knows %d and %d",
			c.AuditHead.Size, c.RegisterHead.Size, audit, register)
	}
	return nil
}

func (s *Sequencer) checkAudit(h signed.Head) error {
	ours := s.Checkpoints().AuditHead
	if h.Origin != ours.Origin {
		return problem.New(problem.WrongExchange, "the audit log's head is not of %s", ours.Origin)
	}
	if h.Size > ours.Size {
		return problem.New(problem.HeadAhead, "the audit log has %d entries, the head names %d", ours.Size, h.Size)
	}
	root, err := s.auditRoot(h.Size)
	if err != nil {
		return err
	}
	if root != h.Root {
		return problem.New(problem.HeadContradicts, "the audit log's root at size %d is another", h.Size)
	}
	return nil
}

func (s *Sequencer) auditRoot(size int64) (signed.Hash, error) {
	s.mu.RLock()
	root, ok := s.recent.roots[size]
	s.mu.RUnlock()
	if ok {
		return root, nil
	}
	return s.tree.RootAt(size)
}

// Show takes a checkpoint that somebody verified. One that bears our signature and
// that the log does not reach, or contradicts, proves that an acknowledged tail
// is lost: the checkpoint is kept, and the writer stops now and at each start.
func (s *Sequencer) Show(checkpoint []byte) error {
	err := s.contradicted(checkpoint)
	lost, proven := errors.AsType[*Stop](err)
	if !proven {
		return err
	}
	if err := s.keepShown(checkpoint); err != nil {
		s.cfg.Log.Error("the checkpoint that proves a loss can't be kept", "error", err)
	}
	return s.stop(lost)
}

// contradicted is a *Stop where a checkpoint of ours is none of this log's.
func (s *Sequencer) contradicted(checkpoint []byte) error {
	ours := s.Checkpoints()
	h, err := auditlog.VerifyCheckpoint(checkpoint, s.cfg.AuditKey.Public)
	if err == nil {
		return s.compare(h, ours.AuditHead, s.tree)
	}
	if h, err = auditlog.VerifyCheckpoint(checkpoint, s.cfg.RegisterKey.Public); err != nil {
		return problem.New(problem.SignatureInvalid, "this is no checkpoint that a log of this exchange signed")
	}
	return s.compare(h, ours.RegisterHead, s.registerTree)
}

func (s *Sequencer) compare(shown, ours signed.Head, log *tree.Tree) error {
	if shown.Size > ours.Size {
		return tailLost("%s has %d entries; a checkpoint that it signed names %d", ours.Origin, ours.Size, shown.Size)
	}
	root, err := log.RootAt(shown.Size)
	if err == nil && root != shown.Root {
		return tailLost("%s at %d entries is not what a checkpoint that it signed says", ours.Origin, shown.Size)
	}
	return err
}

// Consistency proves that the audit log at the size of c extends what a caller
// verified. From size zero the proof is empty; a caller that is ahead is
// refused as CheckHeads would, and no more: it has signed nothing.
func (s *Sequencer) Consistency(from int64, c Checkpoints) ([]signed.Hash, error) {
	if from > c.AuditHead.Size {
		return nil, problem.New(problem.HeadAhead, "the audit log has %d entries, the caller knows %d", c.AuditHead.Size, from)
	}
	if from == 0 {
		return nil, nil
	}
	hashes, err := s.tree.ProveConsistency(from, c.AuditHead.Size)
	return hashes, damaged(err)
}

// Extends proves that the audit log of one size extends that of another, which its
// newest checkpoint reaches.
func (s *Sequencer) Extends(from, to int64) ([]signed.Hash, error) {
	if size := s.Checkpoints().AuditHead.Size; to > size {
		return nil, problem.New(problem.HeadAhead, "the audit log has %d entries, the caller asks about %d", size, to)
	}
	return s.tree.ProveConsistency(from, to)
}

func tailLost(format string, args ...any) error {
	return &Stop{stopTailLost, fmt.Sprintf(format, args...)}
}
