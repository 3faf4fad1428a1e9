package tree_test

import (
	"sync"
	"testing"
	"time"

	"samband/gateway/auditlog"
)

var testTime = time.Date(2026, 11, 23, 3, 14, 7, 0, time.UTC)

// Proofs are asked for while the log grows and is flushed.
func TestProveWhileGrowing(t *testing.T) {
	const size = 3000
	want := heads(size)
	dir := t.TempDir()
	tr := open(t, dir)
	growTo(t, tr, 1)
	grown := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for i := int64(0); ; i++ {
				n := tr.Head().Size
				old := 1 + i*37%n
				hashes, err := tr.ProveConsistency(old, n)
				if err == nil {
					err = auditlog.CheckConsistency(want[old], want[n], hashes)
				}
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := tr.Prove(i*53%n, n); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-grown:
					return
				default:
				}
			}
		})
	}
	wg.Go(func() {
		for {
			if err := tr.Flush(checkpoint(t, tr.Head())); err != nil {
				t.Error(err)
			}
			select {
			case <-grown:
				return
			default:
			}
		}
	})
	for n := int64(1); n < size; n += 13 {
		growTo(t, tr, min(n+13, size))
	}
	close(grown)
	wg.Wait()
	flush(t, tr)
	verify(t, dir, want[size])
}
