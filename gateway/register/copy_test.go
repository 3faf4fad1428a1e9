package register

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"samband/gateway/problem"
)

// copying is an agreement that permits three types, with these copy lines.
func copying(x exchange, lines ...string) string {
	text := with(x.agreement("fi", "se"), func(a *Agreement) {
		a.Types, a.Copies = []string{"ANSWER", "INFO_REQUEST", "SPONTANEOUS"}, nil
	}).Text()
	for i := range lines {
		lines[i] = "copy " + lines[i] + "\n"
	}
	return strings.Replace(text, "purpose ", strings.Join(lines, "")+"purpose ", 1)
}

func TestCopyLines(t *testing.T) {
	x := settled(t)
	var many []string
	for i := range maxCopies {
		many = append(many, fmt.Sprintf("eu.copy%d EUROPOL_COPY ANSWER", i))
	}
	for name, c := range map[string]struct {
		want  problem.Code
		lines []string
	}{
		"none":                       {"", nil},
		"one":                        {"", []string{"eu.europol EUROPOL_COPY ANSWER INFO_REQUEST SPONTANEOUS"}},
		"two recipients":             {"", []string{"eu.eppo EUROPOL_COPY ANSWER", "eu.europol EUROPOL_COPY ANSWER"}},
		"two types to one recipient": {"", []string{"eu.europol EUROPOL_COPY ANSWER", "eu.europol NOTICE ANSWER"}},
		"copy of a permitted type":   {"", []string{"eu.europol ANSWER ANSWER"}},
		"as many as may be":          {"", many},

		"too many":              {problem.Oversize, append(slices.Clone(many), "eu.copy9 EUROPOL_COPY ANSWER")},
		"of nothing":            {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY"}},
		"no type":               {problem.TextMalformed, []string{"eu.europol"}},
		"no address":            {problem.TextMalformed, []string{"europol EUROPOL_COPY ANSWER"}},
		"no word":               {problem.TextMalformed, []string{"eu.europol EUROPOL/COPY ANSWER"}},
		"copied no word":        {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER*"}},
		"two spaces":            {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER  INFO_REQUEST"}},
		"space at the end":      {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER "}},
		"copied not ascending":  {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY INFO_REQUEST ANSWER"}},
		"copied twice":          {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER ANSWER"}},
		"copied, not permitted": {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER REFUSAL"}},
		"lines not ascending":   {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER", "eu.eppo EUROPOL_COPY ANSWER"}},
		"line twice":            {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER", "eu.europol EUROPOL_COPY ANSWER"}},
		"one copy in two lines": {problem.TextMalformed, []string{"eu.europol EUROPOL_COPY ANSWER", "eu.europol EUROPOL_COPY INFO_REQUEST"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEntry(copying(x, c.lines...))
			wantCode(t, err, c.want)
		})
	}
}

func TestCopiesDue(t *testing.T) {
	x := settled(t)
	e, err := ParseEntry(copying(x, "eu.eppo NOTICE ANSWER", "eu.europol EUROPOL_COPY ANSWER INFO_REQUEST"))
	if err != nil {
		t.Fatal(err)
	}
	a := e.(*Agreement)
	before := x.Now()
	x.enter(a)
	for typ, want := range map[string][]Copy{
		"ANSWER":       {{"eu.eppo", "NOTICE"}, {"eu.europol", "EUROPOL_COPY"}},
		"INFO_REQUEST": {{"eu.europol", "EUROPOL_COPY"}},
		"SPONTANEOUS":  nil,
		"POEM":         nil,
	} {
		if got := x.Now().Copies(a.Hash(), typ); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", typ, got, want)
		}
	}
	if got := before.Copies(a.Hash(), "ANSWER"); got != nil {
		t.Errorf("before the agreement: %v", got)
	}
}
