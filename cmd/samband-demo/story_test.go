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
	s, err := startExchange(ctx, x)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	breaks := step{"the broker says no", func(*story, context.Context) (stepResult, error) {
		return stepResult{}, problem.New(problem.NoAgreement, "not today")
	}}

	first := story{recordedExchange: s}
	results, sum := storyJSON(t, &first, []step{steps[0], {"a request", (*story).sendRequest}, {"it arrives", (*story).handOver}, breaks, steps[1]})
	if len(results) != 4 {
		t.Fatalf("told %d steps, not the three before it and the one that failed", len(results))
	}
	if last := results[3]; last.OK || last.Step != breaks.name || last.Problem != problem.NoAgreement || !strings.Contains(last.What, "not today") {
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
	_, sum = storyJSON(t, &story{recordedExchange: s}, []step{steps[0], breaks})
	if sum.OK || sum.LogSize < 2 || sum.Verified || !strings.Contains(sum.What, "tile/entries/") {
		t.Errorf("over an altered log, summed up as %+v", sum)
	}
	results, sum = storyJSON(t, &story{recordedExchange: s}, []step{{"proved", (*story).verified}})
	if len(results) != 1 || results[0].OK || !strings.Contains(results[0].What, "tile/entries/") || sum.Verified {
		t.Errorf("an altered log is told as %+v, %+v", results, sum)
	}
	var words bytes.Buffer
	if err := (&story{recordedExchange: s}).run(ctx, &printer{out: &words}, []step{steps[0], breaks}); err == nil {
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
	err = (&story{recordedExchange: s}).run(gone, &printer{out: &words}, []step{breaks})
	if !errors.Is(err, context.Canceled) || words.Len() > 0 {
		t.Errorf("interrupted: %v, %q", err, &words)
	}
}

// storyJSON runs a story that fails, and returns its JSON lines.
func storyJSON(t *testing.T, s *story, steps []step) (results []stepResult, sum summary) {
	t.Helper()
	var out bytes.Buffer
	if err := s.run(t.Context(), &printer{out: &out, json: true}, steps); err == nil {
		t.Error("a story that breaks off ends well")
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	results = make([]stepResult, len(lines)-1)
	for i := range results {
		if err := json.Unmarshal(lines[i], &results[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil || sum.Step != "summary" {
		t.Fatalf("the last line is %s, %v", lines[len(lines)-1], err)
	}
	return results, sum
}
