package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sampleOf is a valid body of a type; nil where there is none.
func sampleOf(t *testing.T, typ *Type) map[string]any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "types", typ.Name, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	paths = append(caseOf(t, typ), paths...)
	if len(paths) == 0 {
		return nil
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// followCheck fills in what Check says that a body needs besides: what some value makes
// necessary, such as the court where a judge is to use the information. Then it passes.
func followCheck(t *testing.T, typ *Type, members, sample map[string]any) {
	t.Helper()
	for {
		filled, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := typ.Check(filled)
		if err != nil {
			t.Fatal(err)
		}
		if len(faults) == 0 {
			return
		}
		before := len(members)
		for _, f := range faults {
			for _, name := range strings.FieldsFunc(strings.TrimPrefix(f.Rule, "needs "), func(c rune) bool { return c == ' ' || c == ',' }) {
				if value, has := sample[name]; has && f.Path == "" {
					members[name] = value
				}
			}
		}
		if len(members) == before {
			t.Errorf("%s: filled in %s: %+v", typ.Name, filled, faults)
			return
		}
	}
}

// Each template is a draft of its type in each language. As it stands it is refused, for
// nothing but what is empty; with its required fields filled in it passes.
func TestTemplate(t *testing.T) {
	for _, typ := range Embedded().Types() {
		for _, lang := range Languages {
			text := typ.Template(lang, Filling{})
			if name, version := DraftType(text); name != typ.Name || version != typ.Version {
				t.Errorf("%s: it names %s %s", typ.Name, name, version)
			}
			var members map[string]any
			if err := json.Unmarshal(typ.Draft(text), &members); err != nil {
				t.Errorf("%s in %s: %v", typ.Name, lang, err)
				continue
			}
			for _, f := range typ.Shape.Fields {
				if _, stands := members[f.Name]; stands != f.Required {
					t.Errorf("%s: %s stands there: %t", typ.Name, f.Name, stands)
				}
			}
			faults, err := typ.Check(typ.Draft(text))
			filledIn := func(f Fault) bool { return f.Line == 0 || f.Hint != emptyHint && !strings.HasPrefix(f.Rule, "needs ") }
			if err != nil || len(faults) == 0 || slices.ContainsFunc(faults, filledIn) {
				t.Errorf("%s in %s, empty: %v %+v", typ.Name, lang, err, faults)
			}
			if sample := sampleOf(t, typ); sample != nil {
				for name := range members {
					members[name] = sample[name]
				}
				followCheck(t, typ, members, sample)
			}
		}
	}
}

// Every optional field is ready: with the comment signs taken away all of them stand in
// the draft, and Draft leaves out what is empty.
func TestTemplateIsReady(t *testing.T) {
	for _, typ := range Embedded().Types() {
		text := string(typ.Template("en", Filling{Recipients: []string{"fi.spoc", "no.spoc"}}))
		head, rest, _ := strings.Cut(text, "{\n")
		var lines []string
		for line := range strings.Lines(rest) {
			if field := strings.TrimPrefix(line, "  // "); strings.ContainsAny(field, "{}[]\"") && !strings.HasPrefix(field, "//") {
				line = field
			}
			lines = append(lines, line)
		}
		ready := head + "{\n" + strings.Join(lines, "")
		var all, left map[string]any
		if err := json.Unmarshal(withoutLastCommas(StripComments([]byte(ready))), &all); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		if err := json.Unmarshal(typ.Draft([]byte(ready)), &left); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		for _, f := range typ.Shape.Fields {
			_, stands := all[f.Name]
			_, remains := left[f.Name]
			if f.Role != attachments && !stands || remains != (f.Required || f.Role == recipients) {
				t.Errorf("%s: %s stands there: %t, and remains: %t", typ.Name, f.Name, stands, remains)
			}
		}
	}
}

// A reply has what it repeats.
func TestTemplateOfReply(t *testing.T) {
	asked, _ := Embedded().Find("CLARIFY", "1.0")
	request, err := asked.Read(sample(t, "case/02-clarify.json"))
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := Embedded().Find("CLARIFICATION", "1.0")
	text := string(typ.Template("sv", Filling{Answered: request}))
	for _, want := range []string{
		`"your_reference": "KRP-2026-11-3398",`, `"purpose": "INVESTIGATE_CRIME",`,
		`"legal_basis": [{"code": "DIR_2023_977_ART_6", "citation": "Direktiivi (EU) 2023/977, 6 artiklan 3 kohta"}],`,
		`"our_reference": "",`,
	} {
		if !strings.Contains(text, "\n  "+want+"\n") {
			t.Errorf("%s does not stand in\n%s", want, text)
		}
	}
}

func TestStripComments(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 1} // b`:               `{"a": 1}     `,
		"{ // å\r\n\"a\": 1}":         "{     \r\n\"a\": 1}",
		`{"u": "http://x"} /*"*/`:     `{"u": "http://x"}      `,
		"/* a\n * b\n */{}":           "    \n    \n   {}",
		`{"a": "\" // b"}`:            `{"a": "\" // b"}`,
		"\"open // a\n// b":           "\"open // a\n    ",
		"{} /* without an end":        "{}                  ",
		`{"a": 1 / 2}`:                `{"a": 1 / 2}`,
		"// only \xff and \U0001f3ff": "               ",
	} {
		if got := string(StripComments([]byte(text))); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// A fault of a draft is named at the place where its writer sees it.
func TestDraftKeepsPlaces(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	text := "// type: REMINDER 1.0\n{\n  /* å */ \"subject\": \"\", \"still_needed\": \"ja\",\n  \"handling\": [{\"code\": \"H1\", \"text\": \"\",}],\n}\n"
	body := typ.Draft([]byte(text))
	if !json.Valid(body) || bytes.Contains(body, []byte(`"text"`)) || !bytes.Contains(body, []byte(`"subject"`)) {
		t.Fatalf("the body is %s", body)
	}
	faults, err := typ.Check(body)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string][2]int{}
	for _, f := range faults {
		at[f.Path] = [2]int{f.Line, f.Column}
	}
	if at["/subject"] != [2]int{3, 22} || at["/still_needed"] != [2]int{3, 42} {
		t.Errorf("the faults are at %v", at)
	}
}

// A body is not mended in passing.
func TestDraftOfBody(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	for _, body := range []string{`{"a": "",}`, `{"your_reference": ""}`, "\ufeff{}", ""} {
		if got := string(typ.Draft([]byte(body))); got != body {
			t.Errorf("%q became %q", body, got)
		}
	}
}

func TestDraftType(t *testing.T) {
	for text, want := range map[string]string{
		"// type: ANSWER 1.0\n{}":         "ANSWER 1.0",
		"//type:ANSWER":                   "ANSWER ",
		"\ufeff// type: ANSWER 1.0\r\n{}": "ANSWER 1.0",
		"// type: answer\n":               " ",
		"{}\n// type: ANSWER 1.0":         " ",
		"// type: ANSWER 1.0 x":           " ",
		"":                                " ",
	} {
		if name, version := DraftType([]byte(text)); name+" "+version != want {
			t.Errorf("%q names %s %s", text, name, version)
		}
	}
}

// FuzzDraft: a draft keeps its lines, its body is stripped once for all, and what was
// strict JSON before stays as it is.
func FuzzDraft(f *testing.F) {
	typ, _ := Embedded().Find("INFO_REQUEST", "1.0")
	f.Add("// type: ACK 1.0\n{\n  // \u0645 (a): b\n  \"our_reference\": \"\",\n\n  // \"evaluation\": {\n  //   \"source\": \"\",\n  // },\n}\n")
	f.Add("{ /* a */ \"subject\": \"\", // b\n}")
	f.Add(`{"persons": [{"id": "", "category": ""},],}//`)
	f.Fuzz(func(t *testing.T, text string) {
		stripped := StripComments([]byte(text))
		if again := StripComments(stripped); !bytes.Equal(again, stripped) && !bytes.Contains(stripped, []byte("/")) {
			t.Errorf("%q, then %q", stripped, again)
		}
		body := typ.Draft([]byte(text))
		if strings.Count(text, "\n") != bytes.Count(body, []byte("\n")) {
			t.Errorf("%q has other lines than %q", body, text)
		}
		if _, err := parse([]byte(text)); err == nil && string(body) != text {
			t.Errorf("%q became %q", text, body)
		}
		if _, err := typ.Check(body); err != nil {
			t.Error(err)
		}
	})
}

// FuzzTemplate: whatever a message says that is answered, the draft of a reply is one,
// with exactly that in it, and no line of it leaves the comment or the text where it
// stands.
func FuzzTemplate(f *testing.F) {
	asked, _ := Embedded().Find("CLARIFY", "1.0")
	typ, _ := Embedded().Find("CLARIFICATION", "1.0")
	body := sample(f, "case/02-clarify.json")
	f.Add("sv", "KRP-1", "A // subject /* of */ \"words\"")
	f.Add("", "\u2028", "\\")
	f.Fuzz(func(t *testing.T, lang, reference, subject string) {
		var members map[string]any
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatal(err)
		}
		members["our_reference"], members["subject"] = reference, subject
		request, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		b, err := asked.Read(request)
		if err != nil {
			return
		}
		text := typ.Template(lang, Filling{Answered: b})
		var draft map[string]any
		if err := json.Unmarshal(typ.Draft(text), &draft); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		if draft["your_reference"] != b.Summary.OurReference || draft["subject"] != b.Summary.Subject {
			t.Errorf("%q and %q became %q and %q", reference, subject, draft["your_reference"], draft["subject"])
		}
	})
}
