package schema

import (
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/problem"
)

// Each body in testdata/invalid has the one fault that its name tells. Where
// it helps, the faulty name or value is the marker, which no problem may quote.
const marker = "zzsecretzz"

var invalid = map[string]struct {
	typ    string
	code   problem.Code
	detail string // part of it
}{
	"duplicate-key":         {"REMINDER", problem.BodyMalformed, "name stands twice"},
	"duplicate-key-escaped": {"REMINDER", problem.BodyMalformed, "name stands twice"},
	"huge-integer":          {"REMINDER", problem.BodyMalformed, "a number has at most 32 characters"},
	"endless-number":        {"REMINDER", problem.BodyMalformed, "a number has at most 32 characters"},
	"exponent":              {"REMINDER", problem.BodyMalformed, "a number has at most 32 characters"},
	"negative-zero":         {"REMINDER", problem.BodyMalformed, "a number has at most 32 characters"},
	"deep-nesting":          {"REMINDER", problem.BodyMalformed, "nested deeper than 32"},
	"too-many-items":        {"REMINDER", problem.BodyMalformed, "more than 1024"},
	"half-surrogate":        {"REMINDER", problem.BodyMalformed, "surrogate"},
	"nul":                   {"REMINDER", problem.BodyMalformed, "NUL"},
	"invalid-utf8":          {"REMINDER", problem.BodyMalformed, "UTF-8"},
	"trailing-data":         {"REMINDER", problem.BodyMalformed, "line 2, column 1: something follows after the end"},
	"trailing-comma":        {"REMINDER", problem.BodyMalformed, "line 21, column 1: a comma stands before this closing brace"},
	"byte-order-mark":       {"REMINDER", problem.BodyMalformed, "byte order mark: save it as UTF-8 without one"},
	"empty":                 {"REMINDER", problem.BodyMalformed, "the file is empty"},

	"not-an-object":             {"REMINDER", problem.BodyInvalid, "at /: must be an object in { }"},
	"unknown-field":             {"REMINDER", problem.BodyInvalid, "at /: has a field that this type does not have"},
	"missing-purpose":           {"REMINDER", problem.BodyInvalid, "at /: needs purpose"},
	"missing-your-reference":    {"REMINDER", problem.BodyInvalid, "at /: needs your_reference"},
	"wrong-type":                {"REMINDER", problem.BodyInvalid, "at /still_needed: must be true or false"},
	"purpose-not-listed":        {"REMINDER", problem.BodyInvalid, "at /purpose: must be a code of codes/purpose-1.json"},
	"handling-empty":            {"REMINDER", problem.BodyInvalid, "at /handling: needs at least 1 items"},
	"handling-h3-without-text":  {"REMINDER", problem.BodyInvalid, "at /handling/0: needs text"},
	"handling-h2-with-text":     {"REMINDER", problem.BodyInvalid, "at /handling/0/text: has no place here"},
	"subject-with-newline":      {"REMINDER", problem.BodyInvalid, "at /subject: must be one line"},
	"subject-too-long":          {"REMINDER", problem.BodyInvalid, "at /subject: has at most 200 characters"},
	"date-impossible":           {"REMINDER", problem.BodyInvalid, "at /retain_until: must be a day of the calendar"},
	"days-negative":             {"REMINDER", problem.BodyInvalid, "at /days_overdue: must be at least 0"},
	"recipient-no-address":      {"REMINDER", problem.BodyInvalid, "at /recipients/0: must be the address of a desk"},
	"recipient-twice":           {"REMINDER", problem.BodyInvalid, "at /recipients: has an item twice"},
	"attachment-path":           {"ANSWER", problem.BodyInvalid, "at /attachments/0/name: must be a file name"},
	"evaluation-missing":        {"ANSWER", problem.BodyInvalid, "at /: needs evaluation"},
	"evaluation-not-listed":     {"ANSWER", problem.BodyInvalid, "at /evaluation/source: must be a code of codes/eval-source-1.json"},
	"unknown-field-in-person":   {"ANSWER", problem.BodyInvalid, "at /persons/0: has a field that this type does not have"},
	"category-not-listed":       {"ANSWER", problem.BodyInvalid, "at /persons/0/category: must be a code of codes/data-subject-1.json"},
	"id-twice":                  {"ANSWER", problem.BodyInvalid, "at /persons/1/id: the id stands twice"},
	"relation-to-nothing":       {"ANSWER", problem.BodyInvalid, "at /relations/0/to: names nothing"},
	"partial-without-remainder": {"ANSWER", problem.BodyInvalid, "at /partial: needs remainder"},
	"ground-not-listed":         {"REFUSAL", problem.BodyInvalid, "at /grounds/0/ground: must be a code of codes/refusal-ground-1.json"},
	"ground-without-reasons":    {"REFUSAL", problem.BodyInvalid, "at /grounds/0: needs reasons"},
	"necessity-missing":         {"INFO_REQUEST", problem.BodyInvalid, "at /: needs justification"},
	"urgency-without-reason":    {"INFO_REQUEST", problem.BodyInvalid, "at /urgency/reasons: needs at least 1 items"},
}

func TestInvalid(t *testing.T) {
	for name, want := range invalid {
		typ, ok := Embedded().Find(want.typ, "1.0")
		if !ok {
			t.Fatalf("no type %s", want.typ)
		}
		p, ok := problem.Of(typ.Validate(sample(t, "invalid/"+name+".json")))
		if !ok || p.Code != want.code || !strings.Contains(p.Detail, want.detail) {
			t.Errorf("%s: got %v, want %s … %s", name, p, want.code, want.detail)
			continue
		}
		if strings.Contains(p.Detail, marker) {
			t.Errorf("%s: the problem quotes the body: %s", name, p.Detail)
		}
		if want.code == problem.BodyInvalid && strings.Contains(p.Detail, ";") {
			t.Errorf("%s: one fault, told as several: %s", name, p.Detail)
		}
	}
	files, err := filepath.Glob("testdata/invalid/*.json")
	if err != nil || len(files) != len(invalid) {
		t.Errorf("%d invalid bodies, %d in the table (%v)", len(files), len(invalid), err)
	}
}

func TestOversize(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	body := sample(t, "case/08-reminder.json")
	pad := func(n int) []byte { return append(body, strings.Repeat(" ", n-len(body))...) }
	if err := typ.Validate(pad(MaxBody)); err != nil {
		t.Errorf("at the bound: %v", err)
	}
	if code := problem.CodeOf(typ.Validate(pad(MaxBody + 1))); code != problem.Oversize {
		t.Errorf("above the bound: %s", code)
	}
}

// A body with many faults gets a short answer, the same each time.
func TestManyFaults(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	first := typ.Validate([]byte(`{"purpose":1,"language":2,"subject":3,"handling":4,"days_overdue":"5","still_needed":6}`)).Error()
	if !strings.HasSuffix(first, "; and 3 more") {
		t.Error(first)
	}
	for range 20 {
		if again := typ.Validate([]byte(`{"purpose":1,"language":2,"subject":3,"handling":4,"days_overdue":"5","still_needed":6}`)).Error(); again != first {
			t.Fatalf("%s\nthen\n%s", first, again)
		}
	}
}
