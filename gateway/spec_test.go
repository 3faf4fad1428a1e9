package gateway_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

var (
	heading  = regexp.MustCompile(`(?m)^##+ (\d+(?:\.\d+)?)\.? `)
	citation = regexp.MustCompile(`SPEC(?:\.md)? §(\d+(?:\.\d+)?)`)
)

// Code cites the clause that it implements; this checks that the clause is there.
func TestCitedClausesExist(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	clauses := map[string]bool{}
	for _, m := range heading.FindAllSubmatch(spec, -1) {
		clauses[string(m[1])] = true
	}
	if !clauses["6.2"] {
		t.Fatalf("SPEC.md's headings were not read: %v", clauses)
	}
	for _, dir := range []string{".", "../schema", "../certs", "../cmd"} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range citation.FindAllSubmatch(b, -1) {
				if !clauses[string(m[1])] {
					t.Errorf("%s cites SPEC §%s, which is not there", path, m[1])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

var (
	formHeading = regexp.MustCompile("^(?:#.*`|\\*\\*`?)(samband/[a-z-]+/v1|Every entry)\\b")
	kindRow     = regexp.MustCompile("^\\| `[a-z-]+` \\| (audit|register|–) \\|")
)

const recordForm = "samband/record/v1"

// SPEC's table of each form has the lines of the form's one description: their
// names, values and times; and what bounds the form stands above the table.
func TestFormsAsInSpec(t *testing.T) {
	b, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	spec, intro := map[string][]string{}, map[string]string{} // by form
	var form string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch m := formHeading.FindStringSubmatch(line); {
		case m != nil:
			form = m[1]
		case strings.HasPrefix(line, "#"):
			form = ""
		case form == "" || strings.HasPrefix(line, "| line |"):
		case form == recordForm && kindRow.MatchString(line):
			spec[form+" "+strings.Trim(cells[1], "`")] = cells[2:4]
		case strings.HasPrefix(line, "| `"):
			spec[form] = append(spec[form], strings.Join(cells[1:4], " | "))
		case spec[form] == nil:
			intro[form] += line + "\n"
		}
	}
	for _, table := range slices.Concat(envelope.Tables(), api.Tables(), auditlog.Tables(), register.Tables()) {
		var want []string
		for _, r := range table.Rows {
			want = append(want, "`"+r.Name+"` | "+strings.Join(r.Values, ", ")+" | "+r.Times)
		}
		if kind, ok := strings.CutPrefix(table.Form, recordForm+" "); ok {
			want = kindCells(kind, table.Rows)
		}
		if got := spec[table.Form]; !slices.Equal(got, want) {
			t.Errorf("%s: the code has\n%s\nand SPEC has\n%s", table.Form, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
		if n := table.MaxBytes; n != 0 {
			if bound := fmt.Sprintf("At most %d,%03d bytes", n/1000, n%1000); !strings.Contains(intro[table.Form], bound) {
				t.Errorf("%s: SPEC does not say %q above the table", table.Form, bound)
			}
		}
		delete(spec, table.Form)
	}
	for form := range spec {
		t.Errorf("SPEC has a table of %s, and the code has no such form", form)
	}
}

// kindCells is a row of the table of kinds: the log, and the lines of the kind.
func kindCells(kind string, rows []signed.Row) []string {
	tree := (&auditlog.Record{Kind: auditlog.Kind(kind)}).Tree()
	if tree == "" {
		tree = "–"
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, "`"+r.Name+"` "+strings.Join(r.Values, ", "))
	}
	return []string{string(tree), strings.Join(lines, ", ")}
}
