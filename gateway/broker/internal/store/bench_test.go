package store

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkPlainPublish is what a peer would do: each message its own synchronous
// publish, at the same sync setting, of about the bytes of an envelope. Read it
// beside BenchmarkWriter of package broker, in one run.
func BenchmarkPlainPublish(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("waiting=%d", callers), func(b *testing.B) {
			s, err := Open(b.Context(), Config{Dir: b.TempDir(), MaxBytes: 2 << 30, Create: true})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			data := make([]byte, 11_000)
			rand.Read(data)
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var all sync.WaitGroup
			b.SetBytes(int64(len(data)))
			b.ResetTimer()
			for range callers {
				all.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						began := time.Now()
						if _, err := s.open.Load().js.Publish(b.Context(), subject, data); err != nil {
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
		})
	}
}
