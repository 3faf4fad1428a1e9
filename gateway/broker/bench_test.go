package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Benchmarks to read beside BenchmarkPlainPublish of package store, in one run:
//
//	go test -run '^$' -bench 'Writer|PlainPublish' -benchtime 20000x ./gateway/broker/...
//
// Each reports operations a second and the time of the one in the middle, with
// so many waiting at once.

// waiting runs b.N operations from so many callers at once.
func waiting(b *testing.B, callers int, operation func(i int64) error) {
	b.Helper()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				began := time.Now()
				if err := operation(i); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
}

// twins are envelopes like e under new ids. Their signatures are e's: the writer
// alone verifies none if the register has not moved.
func twins(e *envelope.Envelope, n int) []sequencer.Submission {
	out := make([]sequencer.Submission, n)
	for i := range out {
		twin := *e
		twin.ID = signed.NewID()
		twin.Note = &signed.Note{Text: twin.Header.Text(), Signatures: e.Note.Signatures}
		out[i] = sequencer.Submission{Envelope: &twin, Raw: twin.Bytes()}
	}
	return out
}

// BenchmarkWriter is the writer alone: order, JOURNAL, records, trees, checkpoint,
// and the proof for each caller.
func BenchmarkWriter(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("waiting=%d", callers), func(b *testing.B) {
			w := newWorld(b)
			setJournal(b, w, 2<<30)
			r := w.start()
			e := w.desks["se.spoc"].envelope("fi.spoc")
			rival, err := r.Rival(straight)
			check(b, err)
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { rival.Run(ctx) })
			size := rival.Register().Size()
			submissions := twins(e, b.N)
			b.SetBytes(int64(len(submissions[0].Raw)))
			waiting(b, callers, func(i int64) error {
				s := submissions[i]
				s.DecidedAt, s.Seen = size, rival.Seen()
				done, err := rival.Do(ctx, s)
				if err != nil {
					return err
				}
				entry, err := rival.Entry(ctx, done.Event)
				if err != nil {
					return err
				}
				_, err = rival.Prove(entry, rival.Checkpoints())
				return err
			})
			cancel()
			running.Wait()
		})
	}
}

// BenchmarkBroker is the whole broker over mutual TLS, with envelopes that were
// signed beforehand: certificate, parse, signatures, law, writer, proof, catchup.
// Each call brings so many of them.
func BenchmarkBroker(b *testing.B) {
	for _, c := range []struct{ callers, items int }{{1, 1}, {16, 1}, {64, 1}, {1, 16}, {1, 256}, {4, 64}} {
		b.Run(fmt.Sprintf("waiting=%d/items=%d", c.callers, c.items), func(b *testing.B) {
			w := newWorld(b)
			setJournal(b, w, 2<<30)
			w.start()
			se := w.desks["se.spoc"]
			calls := make([][][]byte, b.N)
			size := 0
			for i := range calls {
				for range c.items {
					calls[i] = append(calls[i], se.envelope("fi.spoc").Bytes())
				}
				size = c.items * len(calls[i][0])
			}
			heads := api.Heads{Register: w.register.Size()}
			b.SetBytes(int64(size))
			waiting(b, c.callers, func(i int64) error {
				a, err := se.client.Submit(context.Background(), heads, calls[i])
				if err != nil {
					return err
				}
				for j := range a.Items {
					err = errors.Join(err, a.Items[j].Refusal())
				}
				return err
			})
			b.ReportMetric(float64(b.N*c.items)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
