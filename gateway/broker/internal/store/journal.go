package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"samband/gateway/broker/internal/journal"
)

// maxGroup is the most bytes that [Store.Append] takes: what NATS takes in one
// message, less room for its headers.
const maxGroup = maxPayload - 4096

var (
	// errTooLarge: the group is larger than maxGroup; nothing is written.
	errTooLarge = errors.New("group is too large")
	// errUnsure: no clear answer came. The group may be in the JOURNAL, or may
	// still get there: only the next Append that succeeds, or is fenced, settles
	// it.
	errUnsure = errors.New("JOURNAL gave no clear answer")
)

// JetStream's codes for a write that it refused before touching the disk.
const (
	codeWrongLast        jetstream.ErrorCode = jetstream.JSErrCodeStreamWrongLastSequence
	codeWrongLastCluster jetstream.ErrorCode = jetstream.JSErrCodeStreamWrongLastSequenceConstant
	codeStoreFailed      jetstream.ErrorCode = 10077
	// maxBytesReached is the one text under codeStoreFailed that says "full".
	maxBytesReached = "maximum bytes exceeded"
)

// Append writes one group behind expectLast, the number of the last group ever
// written (0 in a new JOURNAL), and returns its own number once it is on the
// disk. Errors: [journal.ErrFenced], [journal.ErrFull], [errTooLarge], else [errUnsure].
//
// A write that the disk refuses is never answered, and after the first of them no
// write and no delete succeeds until [Store.Reopen]: Append ends with errUnsure once the
// server has said so in its log, or by its context, or after ten seconds.
func (s *Store) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	if len(data) > maxGroup {
		return 0, fmt.Errorf("append %d bytes: %w", len(data), errTooLarge)
	}
	o := s.open.Load()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.takes, cancel)()
	ack, err := o.js.Publish(ctx, subject, data,
		jetstream.WithExpectStream(streamName),
		jetstream.WithExpectLastSequence(expectLast))
	if err != nil {
		return 0, fmt.Errorf("append behind %d: %w", expectLast, refusal(err))
	}
	if ack.Sequence != expectLast+1 || ack.Duplicate {
		return 0, fmt.Errorf("append behind %d: acknowledged as %d: %w", expectLast, ack.Sequence, errUnsure)
	}
	return ack.Sequence, nil
}

// refusal tells the two clear refusals from everything that leaves doubt.
func refusal(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch {
		case api.ErrorCode == codeWrongLast || api.ErrorCode == codeWrongLastCluster:
			return journal.ErrFenced
		case api.ErrorCode == codeStoreFailed && api.Description == maxBytesReached:
			return journal.ErrFull
		}
	}
	return fmt.Errorf("%w: %w", errUnsure, err)
}

// Read returns group seq, or [journal.ErrGone].
func (s *Store) Read(ctx context.Context, seq uint64) ([]byte, error) {
	msg, err := s.open.Load().stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("read group %d: %w", seq, journal.ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("read group %d: %w", seq, err)
	}
	return msg.Data, nil
}
