//go:build linux

package store

import (
	"context"
	"errors"
	"testing"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/signed"
)

// A store on a disk that ran full takes writes again once it is opened anew, with all that
// it had acknowledged, and tells whoever listens.
func TestReopenAfterAFullDisk(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	s := open(t, Config{Dir: smalldisk.Mount(t, "size=40m"), MaxBytes: 1 << 30, Create: true})
	heard := make(chan struct{}, 10)
	cancel, err := s.Woken(func(signed.Address) { heard <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	fill(t, s, 5)
	free := smalldisk.Fill(t, s.cfg.Dir, 3<<20)
	last := uint64(5)
	for err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), answerTimeout)
		if _, err = s.Append(ctx, group(last+1, 1<<20), last); err == nil {
			last++
		}
		if ctx.Err() != nil {
			t.Error("a write that the disk refused is waited for")
		}
		cancel()
	}
	if !errors.Is(err, errUnsure) || last == 5 {
		t.Fatalf("after group %d: %v", last, err)
	}
	if err := s.Reopen(t.Context()); err != nil { // on the full disk it shows what it has
		t.Error(err)
	}
	free()
	if err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Last(t.Context())
	if err != nil || got != last && got != last+1 {
		t.Fatalf("it ends with %d, not %d: %v", got, last, err)
	}
	last = got
	for n := uint64(1); n <= last; n++ {
		if _, err := s.Read(t.Context(), n); err != nil {
			t.Error(n, err)
		}
	}
	if _, err := s.Append(t.Context(), group(last+1, 1<<20), last); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), group(last+1, 1<<20), last); !errors.Is(err, journal.ErrFenced) {
		t.Error(err)
	}
	if err := s.Wake("fi.spoc"); err != nil {
		t.Fatal(err)
	}
	<-heard
}
