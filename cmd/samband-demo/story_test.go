package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
)

// A story that breaks off says at which step and why, and sums up what it
// reached; whether the log verifies is found out, not assumed.
func TestStoryBreaksOff(t *testing.T) {
	ctx := t.Context()
	plan := gatewaytest.Nordic()
	plan.Parties, plan.Agreements = plan.Parties[:2], plan.Agreements[:1] // Sweden and Finland, by the agreement of both
	x, err := gatewaytest.Make(filepath.Join(t.TempDir(), "x"), plan)
	if err != nil {
		t.Fatal(err)
	}
	s, err := raise(ctx, x)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	breaks := part{"the broker says no", func(*story, context.Context) (step, error) {
		return step{}, problem.New(problem.NoAgreement, "not today")
	}}

	first := story{scene: s}
	lines, sum := tellJSON(t, &first, []part{parts[0], {"a request", (*story).ask}, {"it arrives", (*story).handOver}, breaks, parts[1]})
	if len(lines) != 4 {
		t.Fatalf("told %d steps, not the three before it and the one that failed", len(lines))
	}
	if last := lines[3]; last.OK || last.Step != breaks.name || last.Problem != problem.NoAgreement || !strings.Contains(last.What, "not today") {
		t.Errorf("the step that failed is told as %+v", last)
	}
	if sum.OK || sum.Sent != 1 || sum.HandedOver != 1 || sum.Refused != 1 || sum.LogSize < 2 || !sum.Verified {
		t.Errorf("summed up as %+v", sum)
	}

	// One bit of the log is another: the story says so, in JSON and in words.
	bundles, err := filepath.Glob(filepath.Join(s.logDir("audit"), "tile", "entries", "*", "*"))
	if err != nil || len(bundles) == 0 {
		t.Fatalf("no bundle of entries: %v", err)
	}
	for _, path := range bundles {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1] ^= 1
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, sum = tellJSON(t, &story{scene: s}, []part{parts[0], breaks})
	if sum.OK || sum.LogSize < 2 || sum.Verified || !strings.Contains(sum.What, "tile/entries/") {
		t.Errorf("over a bent log, summed up as %+v", sum)
	}
	lines, sum = tellJSON(t, &story{scene: s}, []part{{"proved", (*story).verified}})
	if len(lines) != 1 || lines[0].OK || !strings.Contains(lines[0].What, "tile/entries/") || sum.Verified {
		t.Errorf("a bent log is told as %+v, %+v", lines, sum)
	}
	var words bytes.Buffer
	if err := (&story{scene: s}).run(ctx, &teller{out: &words}, []part{parts[0], breaks}); err == nil {
		t.Error("a story that breaks off ends well")
	}
	for _, want := range []string{"2. the broker says no (NOT AS TOLD, refused with NO_AGREEMENT)", "not today", "IT DOES NOT VERIFY"} {
		if !strings.Contains(words.String(), want) {
			t.Errorf("the words lack %q:\n%s", want, &words)
		}
	}

	// Who interrupts it is not told that it failed.
	gone, stop := context.WithCancel(ctx)
	stop()
	words.Reset()
	err = (&story{scene: s}).run(gone, &teller{out: &words}, []part{breaks})
	if !errors.Is(err, context.Canceled) || words.Len() > 0 {
		t.Errorf("interrupted: %v, %q", err, &words)
	}
}

// tellJSON tells a story that fails, as JSON lines.
func tellJSON(t *testing.T, s *story, parts []part) (steps []step, sum summary) {
	t.Helper()
	var out bytes.Buffer
	if err := s.run(t.Context(), &teller{out: &out, json: true}, parts); err == nil {
		t.Error("a story that breaks off ends well")
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	steps = make([]step, len(lines)-1)
	for i := range steps {
		if err := json.Unmarshal(lines[i], &steps[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil || sum.Step != "summary" {
		t.Fatalf("the last line is %s, %v", lines[len(lines)-1], err)
	}
	return steps, sum
}
