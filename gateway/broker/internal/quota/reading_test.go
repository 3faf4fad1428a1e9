package quota

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Beyond its rate a reader waits, and is never refused; another does not wait for it.
func TestAReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := New(Limits{ReadsASecond: 2, Party: 1}.Filled(), func() time.Duration { return time.Since(began) })
		read := func() error { return nil }
		for range 20 {
			if err := r.Read(t.Context(), "se.spoc", read); err != nil || time.Since(began) != 0 {
				t.Fatalf("after %s: %v", time.Since(began), err)
			}
		}
		if err := r.Read(t.Context(), "fi.spoc", read); err != nil || time.Since(began) != 0 {
			t.Fatalf("another desk after %s: %v", time.Since(began), err)
		}
		for range 10 {
			if err := r.Read(t.Context(), "se.spoc", read); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 4*time.Second || took > 11*time.Second {
			t.Errorf("10 reads beyond the burst, two a second, took %s", took)
		}
		leaving, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Read(leaving, "se.spoc", read); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a reader that left: %v", err)
		}
		fault := errors.New("disk on fire")
		if err := r.Read(t.Context(), "fi.spoc", func() error { return fault }); !errors.Is(err, fault) {
			t.Errorf("a read that fails: %v", err)
		}
	})
}
