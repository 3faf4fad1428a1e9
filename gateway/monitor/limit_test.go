package monitor

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Of each kind of line a first few are written, then one at a time, with the number of
// those left out; who makes many takes nobody else's.
func TestLimit(t *testing.T) {
	var out bytes.Buffer
	l := Limit(slog.New(slog.NewTextHandler(&out, nil)))
	now := time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)
	say := func(n int, desk string) (lines string) {
		out.Reset()
		for range n {
			r := slog.NewRecord(now, slog.LevelWarn, "http server", 0)
			r.Add("desk", desk, "says", fmt.Sprint("unlike any other ", n))
			if err := l.Handler().Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	for n, want := range []struct {
		desk          string
		lines, passed int
		leftOut       string
		moved         time.Duration
	}{
		{"se.spoc", 10_000, lineBurst, "", 0},
		{"fi.spoc", 3, 3, "", 0},
		{"se.spoc", 5, 0, "", 0},
		{"se.spoc", 5, 1, fmt.Sprint("left_out=", 10_005-lineBurst), linePace},
		{"se.spoc", 5, 2, "left_out=4", 2 * linePace},
		{"se.spoc", 1, 1, "left_out=3", time.Hour},
		{"se.spoc", 1, 1, "", 0},
	} {
		now = now.Add(want.moved)
		lines := say(want.lines, want.desk)
		if got := strings.Count(lines, "\n"); got != want.passed || !strings.Contains(lines, want.leftOut) || want.leftOut == "" && strings.Contains(lines, LeftOut) {
			t.Errorf("%d: %d lines of %d, want %d with %q: %.200s", n, got, want.lines, want.passed, want.leftOut, lines)
		}
	}
	for n := range 2 * maxKinds {
		say(1, fmt.Sprint("desk ", n))
	}
	if n := len(l.Handler().(limited).kinds.known); n > maxKinds {
		t.Errorf("%d kinds are remembered", n)
	}
	if l.With("x", 1).WithGroup("g").Handler().(limited).kinds != l.Handler().(limited).kinds {
		t.Error("a derived logger counts for itself")
	}
}
