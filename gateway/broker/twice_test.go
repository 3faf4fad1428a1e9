package broker_test

import (
	"context"
	"math"
	"sync"
	"testing"

	"samband/gateway/broker/internal/sequencer"
)

// Records that accept one id twice give no index: the broker comes up, says so,
// and accepts nothing.
func TestRecordsAcceptTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.untilRemoved(b) // the index is at rest
	e := w.desks["se.spoc"].envelope("fi.spoc")
	for range 2 { // each forgets what the one before it told the index
		rival, err := b.Rival(straight)
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { rival.Run(ctx) })
		_, err = rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: w.register.Size(), Seen: math.MaxUint64})
		check(t, err)
		cancel()
		running.Wait()
	}
	b.stop()
	w.start().stoppedFor(t, "index-failed")
	w.acceptsNothing()
}
