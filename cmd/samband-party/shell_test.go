package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                    nil,
		" \t ":                                nil,
		"# exit":                              nil,
		"  #exit":                             nil,
		"sign parties/se/drafts/federation":   {"sign", "parties/se/drafts/federation"},
		"samband-party sign x":                {"sign", "x"},
		"samband-party":                       {},
		"desk r --title 'Suomi – Finland' ":   {"desk", "r", "--title", "Suomi – Finland"},
		`a --title="it's"  b`:                 {"a", "--title=it's", "b"},
		"a ''":                                {"a", ""},
		"a 'b\"c' \"\"d#":                     {"a", "b\"c", "d#"},
		"admit C:/party/card\u00a0\u2003tail": {"admit", "C:/party/card", "tail"},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is split into %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"a 'b", `a "b`, `a b\ c`, `a "b' c`, "a \xff"} {
		if got, err := split(line); err == nil {
			t.Errorf("%q is split into %q", line, got)
		}
	}
}

// Words that are put between ' come back as they were.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"sign x", "a 'b c' \"d\"", "#", `\`, "samband-party samband-party", "å\u00a0b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := split(line)
		if err != nil || len(words) == 0 {
			return
		}
		quoted := []string{"samband-party"}
		for _, w := range words {
			if strings.Contains(w, "'") {
				quoted = append(quoted, `"`+w+`"`)
			} else {
				quoted = append(quoted, "'"+w+"'")
			}
			if strings.Contains(w, "'") && strings.Contains(w, `"`) {
				return // no word of one quotation
			}
		}
		again, err := split(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q is split into %q, and that into %q, %v", line, words, again, err)
		}
	})
}

// A shell at which nobody types ends by itself, ten minutes after the last line.
func TestShellEndsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		var says strings.Builder
		c := &cobra.Command{}
		c.SetIn(in)
		c.SetErr(&says)
		c.SetOut(&says)
		began := time.Now()
		go func() {
			time.Sleep(idle - time.Second)
			io.WriteString(keys, "# still here\n")
		}()
		p := &program{session: newSession()}
		if err := p.lines(c, "se", true); err != nil {
			t.Error(err)
		}
		if after := time.Since(began); after != 2*idle-time.Second {
			t.Errorf("it ends after %v", after)
		}
		if !strings.HasSuffix(says.String(), "se> \nNobody typed for 10 minutes: the shell ends, and the keys with it.\n") {
			t.Errorf("it says %q", says.String())
		}
		keys.Close() // a terminal ends with its process
		synctest.Wait()
	})
}
