package auditlog

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The table of kinds stands in SPEC §7.1 and here; they are one.
func TestKindsAsInSpec(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(spec), "### 7.1 Record")
	section, _, _ = strings.Cut(section, "### 7.2")
	var want []string
	for l := range strings.Lines(section) {
		if strings.HasPrefix(l, "| `") {
			want = append(want, strings.TrimSuffix(l, "\n"))
		}
	}
	var got []string
	for _, s := range Kinds() {
		tree := string(s.Tree)
		if s.Tree == NoTree {
			tree = "–"
		}
		var lines []string
		for _, l := range s.Lines {
			lines = append(lines, strings.TrimSuffix("`"+l.Name+"` "+l.Value, " "))
		}
		got = append(got, "| `"+string(s.Kind)+"` | "+tree+" | "+strings.Join(lines, ", ")+" |")
	}
	if !slices.Equal(got, want) {
		t.Errorf("the code has\n%s\nand SPEC has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
