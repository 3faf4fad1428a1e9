package gatewaytest

import (
	"slices"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/signed"
	"samband/schema"
)

// BenchmarkExchange is one whole exchange after another, one in flight: from Send
// at one desk until that desk holds the proof that it was handed over at the
// other. Real NATS, TLS, disks and databases.
//
//	go test -run '^$' -bench Exchange -benchtime 200x ./gateway/gatewaytest
func BenchmarkExchange(b *testing.B) {
	x, err := Make(b.TempDir(), Nordic())
	if err != nil {
		b.Fatal(err)
	}
	run, err := x.Start(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer run.Stop()
	body, err := schema.Samples.ReadFile("testdata/case/07-spontaneous.json")
	if err != nil {
		b.Fatal(err)
	}
	from := run.Desks["fi.spoc"]
	var accepted, took []time.Duration
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		sending, err := from.Send(b.Context(), desk.Draft{To: []signed.Address{"se.spoc"}, Type: "SPONTANEOUS", Body: body})
		if err != nil {
			b.Fatal(err)
		}
		query := desk.Query{ID: sending.Messages[0].ID}
		var first time.Duration
		err = Await(b.Context(), from, time.Minute, func() (bool, error) {
			items, err := from.Outbox(b.Context(), query)
			if err != nil {
				return false, err
			}
			if first == 0 && !items[0].Accepted.IsZero() {
				first = time.Since(began)
			}
			return !items[0].Ended.IsZero(), nil
		})
		if err != nil {
			b.Fatal(err)
		}
		accepted, took = append(accepted, first), append(took, time.Since(began))
	}
	b.StopTimer()
	for name, times := range map[string][]time.Duration{"accepted-p50-ms": accepted, "handed-over-p50-ms": took} {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, name)
	}
}
