package schema

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"samband/gateway/problem"
)

// Vectors for readers in other languages (SPEC §13): -update makes them anew, the same each
// time, and the tests judge what lies there by this package's own code.
const (
	strictVectors     = "testdata/strict.txt"
	statisticsVectors = "testdata/statistics.txt"
)

func vectorFile(t *testing.T, name string, made []byte) []byte {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, made) {
		t.Errorf("%s is not as it is made: go test ./schema -run Vectors -update", name)
	}
	return b
}

// A jsonCase has bytes, and what they are.
type jsonCase struct{ name, json string }

// strict has bytes that are strict JSON, and notStrict such as are not, whatever a schema
// says of them.
var strict, notStrict = []jsonCase{
	{"an object", `{"a":1}`},
	{"white space of all four kinds", " \t\r\n{ \"a\" : 1 } \n"},
	{"a string alone", `"x"`},
	{"null alone", `null`},
	{"an escaped pair of surrogates", `"\ud83d\ude00"`},
	{"U+2028 as it is", "\"\u2028\""},
	{"U+FFFD as it is", "\"\ufffd\""},
	{"names that differ in case", `{"a":1,"A":2}`},
	{"names that differ in composition", "{\"\u00e9\":1,\"e\u0301\":2}"},
	{"one name in two objects", `{"a":{"b":1},"c":{"b":2}}`},
	{"nesting of 32", strings.Repeat("[", 32) + strings.Repeat("]", 32)},
	{"1024 items", "[" + strings.Repeat("0,", 1023) + "0]"},
	{"the largest integer", `9007199254740991`},
	{"a number of 32 characters", `0.` + strings.Repeat("1", 29) + `0`},
	{"an exponent", `1.5e-7`},
	{"zero", `0`},
	{"zero with an exponent", `0e1`},
}, []jsonCase{
	{"nothing", ``},
	{"white space alone", " \n"},
	{"a byte order mark", "\ufeff{}"},
	{"UTF-16", "\xff\xfe{\x00}\x00"},
	{"Latin-1", "\"\xe5\""},
	{"an overlong encoding", "\"\xc0\xaf\""},
	{"a surrogate in UTF-8", "\"\xed\xa0\x80\""},
	{"a name twice", `{"a":1,"a":1}`},
	{"a name twice, once escaped", `{"a":1,"\u0061":1}`},
	{"nesting of 33", strings.Repeat("[", 33) + strings.Repeat("]", 33)},
	{"1025 items", "[" + strings.Repeat("0,", 1024) + "0]"},
	{"U+0000 escaped", `"\u0000"`},
	{"a control character as it is", "\"\x01\""},
	{"half a surrogate", `"\ud83d"`},
	{"a pair the wrong way round", `"\ude00\ud83d"`},
	{"an escape that is none", `"\x41"`},
	{"a second value", `{} {}`},
	{"a comma before the end", `[1,]`},
	{"a comment", "{} // x"},
	{"a single quote", `{'a':1}`},
	{"a name without quotes", `{a:1}`},
	{"a string without its end", `"x`},
	{"an array without its end", `[1`},
	{"NaN", `NaN`},
	{"a capital word", `True`},
	{"a plus sign", `+1`},
	{"a zero before it", `01`},
	{"a point without digits before", `.5`},
	{"a point without digits behind", `1.`},
	{"an exponent without digits", `1e`},
	{"beyond the largest integer", `9007199254740992`},
	{"beyond it by an exponent", `1e16`},
	{"a number of 33 characters", `0.` + strings.Repeat("1", 31)},
	{"minus zero", `-0`},
	{"minus zero with digits", `-0.00`},
	{"minus zero with an exponent", `-0e3`},
	{"an exponent of 33", `1e-33`},
}

// Each line is the code (good: none), the bytes in base64 (- for none), and what they are.
func TestStrictVectors(t *testing.T) {
	var made bytes.Buffer
	for n, v := range slices.Concat(strict, notStrict) {
		code := "good"
		if n >= len(strict) {
			code = string(problem.BodyMalformed)
		}
		b := base64.StdEncoding.EncodeToString([]byte(v.json))
		if b == "" {
			b = "-"
		}
		fmt.Fprintf(&made, "%s %s %s\n", code, b, v.name)
	}
	for line := range strings.Lines(string(vectorFile(t, strictVectors, made.Bytes()))) {
		code, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		b64, name, _ := strings.Cut(rest, " ")
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(b64, "-"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(b); (code == "good") != (err == nil) || err != nil && problem.CodeOf(err) != problem.Code(code) {
			t.Errorf("%s: judged %v, want %s", name, err, code)
		}
	}
}

// Of each sample the file has "== " and its path, and then its statistics record.
func TestStatisticsVectors(t *testing.T) {
	var made bytes.Buffer
	samples := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		var typ *Type
		switch filepath.Dir(filepath.Dir(path)) {
		case "testdata":
			if filepath.Base(filepath.Dir(path)) != "case" {
				return nil
			}
			typ = typeOf(t, path)
		case filepath.Join("testdata", "types"):
			known, ok := Embedded().Find(filepath.Base(filepath.Dir(path)), "1.0")
			if !ok {
				return nil
			}
			typ = known
		default:
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		body, err := typ.Read(b)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		samples++
		fmt.Fprintf(&made, "== %s\n%s", filepath.ToSlash(path), body.Statistics)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	vectorFile(t, statisticsVectors, made.Bytes())
	if samples < 40 {
		t.Errorf("%d samples", samples)
	}
}

// The code that each body of testdata/invalid gets stands beside them.
func TestInvalidVectors(t *testing.T) {
	var lines []string
	for name, want := range invalid {
		lines = append(lines, fmt.Sprintf("%s.json %s 1.0 %s\n", name, want.typ, want.code))
	}
	slices.Sort(lines)
	b := vectorFile(t, "testdata/invalid/codes", []byte(strings.Join(lines, "")))
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		typ, ok := Embedded().Find(f[1], f[2])
		if !ok {
			t.Fatalf("no type %s %s", f[1], f[2])
		}
		if err := typ.Validate(sample(t, "invalid/"+f[0])); problem.CodeOf(err) != problem.Code(f[3]) {
			t.Errorf("%s: judged %v, want %s", f[0], err, f[3])
		}
	}
}

// A pattern is read alike by every program: of ECMA 262 it has no more than RE2 has with the
// same meaning (SPEC §9.1).
func TestPatternsReadAlike(t *testing.T) {
	alike := regexp.MustCompile(`^\^(?:[A-Za-z0-9_+/=-]|\[[A-Za-z0-9_+/-]+\]|\{[0-9]+(?:,[0-9]*)?\}|[*+?()|])+\$$`)
	pattern := regexp.MustCompile(`"pattern":\s*"((?:[^"\\]|\\.)*)"`)
	found := 0
	for _, dir := range []string{"types", "parts"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range pattern.FindAllSubmatch(b, -1) {
				found++
				if !alike.Match(m[1]) {
					t.Errorf("%s: pattern %s", path, m[1])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("no pattern was found")
	}
}

// Whole numbers may be written with a point (SPEC §9.2).
func TestIntegerWithAPoint(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	body := sample(t, "case/08-reminder.json")
	whole := regexp.MustCompile(`("days_overdue": *[0-9]+)`)
	for tail, ok := range map[string]bool{".0": true, ".5": false} {
		edited := whole.ReplaceAll(body, []byte("${1}"+tail))
		if bytes.Equal(edited, body) {
			t.Fatal("the sample has no such member")
		}
		if err := typ.Validate(edited); (err == nil) != ok {
			t.Errorf("%s: %v", tail, err)
		}
	}
}
