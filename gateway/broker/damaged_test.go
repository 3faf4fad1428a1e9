package broker_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
)

// A damagingJournal flips a bit in the second group that it stores.
type damagingJournal struct {
	sequencer.Journal
	calls int
}

func (j *damagingJournal) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	if j.calls++; j.calls == 2 {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
	}
	return j.Journal.Append(ctx, data, expectLast)
}

// A group that is damaged in JOURNAL is like one that it lost: its records come from the
// archive, its envelope is asked for again, an operator hears of it, and it goes. So it is
// when it is read, and when a new index is made.
func TestGroupDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, indexGone := range []bool{false, true} {
		b := w.start()
		se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
		w.untilRemoved(b)            // the index is at rest
		damaged := b.LastGroup() + 2 // behind the rival's opening
		rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { return &damagingJournal{Journal: j} })
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { rival.Run(ctx) })
		e := se.envelope("fi.spoc")
		_, err = rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: w.register.Size()})
		check(t, err)
		_, err = rival.Do(ctx, sequencer.Tally{Caller: "se.spoc", Count: 1})
		check(t, err)
		cancel()
		running.Wait()
		b.stop()
		if indexGone {
			check(t, os.RemoveAll(w.path("index.db")))
		}

		b = w.start()
		inbox := fi.inbox(0)
		if len(inbox.Items) != 0 {
			t.Fatalf("%d messages are there", len(inbox.Items))
		}
		if again := se.progress(0, 0).Again; len(again) != 1 || again[0].Message != e.TextHash() {
			t.Errorf("asked to send again: %+v", again)
		}
		if _, metrics := b.get(t, "/metrics"); strings.Contains(metrics, `samband_alarm{desk="",kind="journal-bent"} 0`) {
			t.Error("no alarm")
		}
		w.untilGone(b, damaged) // it keeps no room
		se.accepted(e)
		if inbox = fi.inbox(20 * time.Second); len(inbox.Items) != 1 || !bytes.Equal(inbox.Items[0].Envelope, e.Bytes()) {
			t.Errorf("the message that came again is not delivered")
		}
		fi.stated(fi.statement(envelope.HandedOver, e))
		b.stop()
	}
}
