package broker

import (
	"context"
	"errors"
	"fmt"

	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/broker/internal/store"
)

// journal is the store as the sequencer asks for it: the same calls, its own
// errors.
type journal struct{ *store.Store }

func (j journal) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	number, err := j.Store.Append(ctx, data, expectLast)
	return number, translate(err)
}

func (j journal) Read(ctx context.Context, number uint64) ([]byte, error) {
	data, err := j.Store.Read(ctx, number)
	return data, translate(err)
}

func translate(err error) error {
	for theirs, ours := range map[error]error{
		store.ErrFenced: sequencer.ErrFenced,
		store.ErrFull:   sequencer.ErrFull,
		store.ErrGone:   sequencer.ErrGone,
	} {
		if errors.Is(err, theirs) {
			return fmt.Errorf("%w: %w", ours, err)
		}
	}
	return err
}
