package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"samband/gateway/problem"
)

// bent is the catalogue with something replaced in type files.
func bent(t *testing.T, edits map[string][2]string) *Catalogue {
	t.Helper()
	fsys := copied(t)
	for file, edit := range edits {
		before := string(fsys[file].Data)
		if !strings.Contains(before, edit[0]) {
			t.Fatalf("%s has no %s", file, edit[0])
		}
		fsys[file].Data = []byte(strings.Replace(before, edit[0], edit[1], 1))
	}
	c, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// original reads the case's own-initiative information, with members put in front.
func original(t *testing.T, c *Catalogue, members string) *Body {
	t.Helper()
	typ, _ := c.Find("SPONTANEOUS", "1.0")
	b, err := typ.Read([]byte(strings.Replace(string(sample(t, "case/07-spontaneous.json")), "{", "{"+members, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func membersOf(t *testing.T, body []byte) (m map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return m
}

var oneHash = []string{"70CWm/cErU34r9eW+jHLR9lGEW7aK4K3NSRLjm9a//g="}

// A copy has of its original what both types define in common, and neither the
// original's own text under the same name nor what belongs to that one sending.
func TestCopy(t *testing.T) {
	c := bent(t, map[string][2]string{"types/SPONTANEOUS-1.0.json": {`"relevance": {`, `"remarks": {"$ref": "../parts/common-1.json#/$defs/text"}, "relevance": {`}})
	typ, _ := c.Find("EUROPOL_COPY", "1.0")
	of := Copied{Body: original(t, c, `"remarks": "Ours.", "your_reference": "Theirs",`), Messages: oneHash, Recipients: []string{"se.spoc"}}
	filled := typ.Copy([]byte(`{"europol_purposes": ["CROSS_CHECK"], "handling": [{"code": "H1"}]}`), of)
	b, err := typ.Read(filled)
	if err != nil {
		t.Fatalf("%v: %s", err, filled)
	}
	if err := b.FitsCopied(of); err != nil {
		t.Error(err)
	}
	has := membersOf(t, filled)
	want := []string{"copied", "copied_to", "copied_type", "copied_type_hash", "europol_purposes", "evaluation", "handling", "language", "legal_basis",
		"offence_area", "our_reference", "purpose", "retain_until", "subject"}
	if names := slices.Sorted(maps.Keys(has)); !slices.Equal(names, want) {
		t.Errorf("the copy has %v, expected %v", names, want)
	}
	if string(has["handling"]) != `[{"code": "H1"}]` {
		t.Errorf("its writer's handling became %s", has["handling"])
	}
	for _, none := range []string{`[]`, `null`, `{"a":`, ``} {
		if got := string(typ.Copy([]byte(none), of)); got != none {
			t.Errorf("%q became %s", none, got)
		}
	}
}

// What a copy's type has as x-copy stands where nobody says it.
func TestCopyPreset(t *testing.T) {
	c := bent(t, map[string][2]string{"types/EUROPOL_COPY-1.0.json": {`"europol_purposes": {`, `"europol_purposes": {"x-copy": ["CROSS_CHECK", "RESEARCH"],`}})
	typ, _ := c.Find("EUROPOL_COPY", "1.0")
	for body, want := range map[string]string{
		`{}`: `["CROSS_CHECK","RESEARCH"]`,
		`{"europol_purposes": ["STRATEGIC_ANALYSIS"]}`: `["STRATEGIC_ANALYSIS"]`,
	} {
		filled := typ.Copy([]byte(body), Copied{Body: original(t, c, ""), Messages: oneHash})
		if _, err := typ.Read(filled); err != nil {
			t.Errorf("%v: %s", err, filled)
		}
		if got := string(membersOf(t, filled)["europol_purposes"]); got != want {
			t.Errorf("%s became %s", body, got)
		}
	}
}

// What its desk says of a copy nobody says otherwise, and a type without a place for it
// is none of a copy.
func TestFitsCopied(t *testing.T) {
	typ, _ := Embedded().Find("EUROPOL_COPY", "1.0")
	of := Copied{Body: original(t, Embedded(), ""), Messages: oneHash}
	for said, want := range map[string]string{
		`"copied": ["HfjdW1w2ld4ZihXZJ8bkv0tDtMo0pr/LUd9ACDgOIR4="]`:         "at /copied: ",
		`"copied_type": "ANSWER"`:                                            "at /copied_type: ",
		`"copied_type_hash": "HfjdW1w2ld4ZihXZJ8bkv0tDtMo0pr/LUd9ACDgOIR4="`: "at /copied_type_hash: ",
		`"copied_to": ["se.spoc"]`:                                           "at /copied_to: ",
		`"copy_withheld": {"reason": "SAFETY"}`:                              "a copy is not copied itself",
	} {
		filled := typ.Copy([]byte(`{"europol_purposes": ["CROSS_CHECK"], `+said+`}`), of)
		b, err := typ.Read(filled)
		if err != nil {
			t.Fatalf("%v: %s", err, filled)
		}
		if p, ok := problem.Of(b.FitsCopied(of)); !ok || p.Code != problem.BodyInvalid || !strings.HasPrefix(p.Detail, want) {
			t.Errorf("%s: %v", said, p)
		}
	}
	if p, ok := problem.Of(of.Body.FitsCopied(of)); !ok || p.Detail != "SPONTANEOUS has no member for the hash of a message that it copies" {
		t.Errorf("another type: %v", p)
	}
}

// A reason to withhold a copy stands where the type has it, and counts.
func TestWithhold(t *testing.T) {
	typ, _ := Embedded().Find("SPONTANEOUS", "1.0")
	plain := sample(t, "case/07-spontaneous.json")
	for w, want := range map[Withheld]string{
		{Reason: "SAFETY"}: `{"reason":"SAFETY"}`,
		{Reason: "INTELLIGENCE", Explanation: "Not <yet>"}: `{"explanation":"Not \u003cyet\u003e","reason":"INTELLIGENCE"}`,
	} {
		body := typ.Withhold(plain, w)
		if got := string(membersOf(t, body)["copy_withheld"]); got != want {
			t.Errorf("%+v became %s", w, got)
		}
		b, err := typ.Read(body)
		if err != nil {
			t.Fatal(err)
		}
		if b.FitsWithheld(w) != nil || b.FitsWithheld(Withheld{Reason: "NATIONAL_SECURITY"}) == nil {
			t.Errorf("%q doesn't fit %+v alone", b.Withheld, w)
		}
		if !strings.Contains(string(b.Statistics), "\ncopy-withheld "+w.Reason+"\n") {
			t.Errorf("the statistics are\n%s", b.Statistics)
		}
		if again := typ.Withhold(body, Withheld{Reason: "NATIONAL_SECURITY"}); string(again) != string(body) {
			t.Errorf("what stands became %s", again)
		}
	}
	if got := string(typ.Withhold([]byte(`[]`), Withheld{Reason: "SAFETY"})); got != `[]` {
		t.Errorf("no object became %s", got)
	}
}
