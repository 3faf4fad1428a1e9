package gateway_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
