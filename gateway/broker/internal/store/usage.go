package store

import (
	"context"
	"errors"
	"fmt"

	"samband/gateway/broker/internal/journal"
)

// Last returns the number of the last group ever written, deleted or not; 0 in a
// new JOURNAL.
func (s *Store) Last(ctx context.Context) (uint64, error) {
	info, err := s.open.Load().stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for state of JOURNAL: %w", err)
	}
	return info.State.LastSeq, nil
}

// Usage returns the bytes of the groups that are there and the most that they may
// be, both as NATS counts them.
func (s *Store) Usage(ctx context.Context) (used, limit int64, err error) {
	info, err := s.open.Load().stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for usage of JOURNAL: %w", err)
	}
	return int64(info.State.Bytes), info.Config.MaxBytes, nil
}

// Delete removes group seq; to remove what is gone already is no error. The bytes
// leave the disk when NATS rewrites their block, not at once, and after a power
// cut a deleted group can be back: whoever starts again deletes again.
func (s *Store) Delete(ctx context.Context, seq uint64) error {
	err := s.open.Load().stream.DeleteMsg(ctx, seq)
	if err == nil {
		return nil
	}
	if _, gone := s.Read(ctx, seq); errors.Is(gone, journal.ErrGone) {
		return nil
	}
	return fmt.Errorf("delete group %d: %w", seq, err)
}
