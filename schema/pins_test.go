package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// go test ./schema -run TestPins -update
// writes the pins of every type file anew, after a shared file was drafted.
var update = flag.Bool("update", false, "write the pins of the type files anew")

// Every type file pins exactly the shared files that its body draws on.
func TestPins(t *testing.T) {
	paths, err := filepath.Glob("types/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var f typeFile
		if err := unmarshalKnown(data, &f); err != nil {
			t.Fatal(p, err)
		}
		want := drawnOn(t, p, f.Body)
		if maps.Equal(want, f.Parts) {
			continue
		}
		if !*update {
			t.Errorf("%s: pins differ from what it draws on; run with -update", p)
			continue
		}
		if err := os.WriteFile(p, repinned(t, string(data), want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// drawnOn compiles the body and returns each file that it reached.
func drawnOn(t *testing.T, p string, body []byte) map[string]string {
	t.Helper()
	reached := reacher{}
	doc, err := parse(body)
	if err != nil {
		t.Fatal(p, err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(reached)
	if err := c.AddResource(base+filepath.ToSlash(p), doc); err != nil {
		t.Fatal(p, err)
	}
	if _, err := c.Compile(base + filepath.ToSlash(p)); err != nil {
		t.Fatal(p, err)
	}
	return reached
}

type reacher map[string]string

func (r reacher) Load(url string) (any, error) {
	p := strings.TrimPrefix(url, base)
	data, err := os.ReadFile(p)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	r[p] = hex.EncodeToString(sum[:])
	if strings.HasPrefix(p, "codes/") {
		l, err := readCodes(os.DirFS("."), p)
		if err != nil {
			return nil, err
		}
		return l.schema(), nil
	}
	return parse(data)
}

// repinned replaces the parts object and leaves every other byte alone.
func repinned(t *testing.T, file string, pins map[string]string) []byte {
	t.Helper()
	before, rest, ok := strings.Cut(file, `  "parts": {`)
	_, after, ok2 := strings.Cut(rest, "}")
	if !ok || !ok2 {
		t.Fatal("no parts object")
	}
	var lines []string
	for _, p := range slices.Sorted(maps.Keys(pins)) {
		lines = append(lines, fmt.Sprintf("    %q: %q", p, pins[p]))
	}
	out := before + "  \"parts\": {\n" + strings.Join(lines, ",\n") + "\n  }" + after
	if !json.Valid([]byte(out)) {
		t.Fatal("pins broke the file")
	}
	return []byte(out)
}
