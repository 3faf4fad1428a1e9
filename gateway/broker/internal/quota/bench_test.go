package quota

import (
	"fmt"
	"testing"
	"time"

	"samband/gateway/signed"
)

// BenchmarkAccept is what the writer spends on the quotas of one message, from its
// acceptance to its consignment, among 200 desks.
func BenchmarkAccept(b *testing.B) {
	began := time.Now()
	r := New(Limits{Messages: 1 << 40, Bytes: 1 << 50}.Filled(), func() time.Duration { return time.Since(began) })
	desks := make([]signed.Address, 200)
	for i := range desks {
		desks[i] = signed.Address(fmt.Sprintf("p%d.spoc", i/4))
	}
	b.ReportAllocs()
	d := r.Draft()
	for i := 0; b.Loop(); i++ {
		from, to := desks[i%200], desks[(i+7)%200]
		if i%64 == 0 {
			d = r.Draft()
		}
		if err := r.Sends(from, to, 6000); err != nil {
			b.Fatal(err)
		}
		if err := d.Accept(from, to, 6000); err != nil {
			b.Fatal(err)
		}
		d.Ends(from, to, 6000)
	}
}
