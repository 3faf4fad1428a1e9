package schema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"unicode"
)

// Bodies of each type lie in testdata/types/NAME: valid ones beside each other, and in
// invalid/ those with one fault each, which expect.json tells.

// An expectation is the one fault of an invalid body.
type expectation struct {
	Path string `json:"path"`
	Rule string `json:"rule"`
}

// Each type has two valid bodies or more, one of them in another script than Latin,
// and each invalid body has exactly the fault that it is named after.
func TestSamples(t *testing.T) {
	for _, typ := range Embedded().Types() {
		dir := filepath.Join("testdata", "types", typ.Name)
		paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		scripts := false
		for _, p := range append(paths, caseOf(t, typ)...) {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if faults, err := typ.Check(data); err != nil || len(faults) > 0 {
				t.Errorf("%s: %v %+v", p, err, faults)
			}
			scripts = scripts || hasOtherScript(string(data))
		}
		if all := len(paths) + len(caseOf(t, typ)); all < 2 || !scripts {
			t.Errorf("%s: %d valid bodies, one in another script: %t", typ.Name, all, scripts)
		}
		checkInvalid(t, typ, filepath.Join(dir, "invalid"))
	}
}

func checkInvalid(t *testing.T, typ *Type, dir string) {
	t.Helper()
	var expect map[string]expectation
	data, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err != nil || json.Unmarshal(data, &expect) != nil || len(expect) == 0 {
		t.Errorf("%s: no invalid bodies, or no expect.json that can be read: %v", typ.Name, err)
		return
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(paths)-1 != len(expect) {
		t.Errorf("%s: %d invalid bodies, %d expected", typ.Name, len(paths)-1, len(expect))
	}
	for name, want := range expect {
		data, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Error(err)
			continue
		}
		faults, err := typ.Check(data)
		if err != nil || len(faults) != 1 || faults[0].Path != want.Path || faults[0].Rule != want.Rule {
			t.Errorf("%s/%s: %v %+v, want %+v", typ.Name, name, err, faults, want)
		}
	}
}

// caseOf are the bodies of the type in the case that testdata/case tells.
func caseOf(t *testing.T, typ *Type) (paths []string) {
	t.Helper()
	for _, p := range samples(t) {
		if typeOf(t, p) == typ {
			paths = append(paths, p)
		}
	}
	return paths
}

func hasOtherScript(s string) bool {
	for _, r := range s {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) && !unicode.Is(unicode.Lm, r) {
			return true
		}
	}
	return false
}
