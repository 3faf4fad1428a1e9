package schema

import (
	"regexp"
	"slices"
	"testing"
)

// Every type, outcome, field and code has its label in every language, every type and
// every field that is not a plain part of a shared object has help, and help stands in
// all languages or in none.
func TestLabelsAreComplete(t *testing.T) {
	c := Embedded()
	for _, typ := range c.Types() {
		for _, lang := range Languages {
			if l := typ.Label(lang); l.Label == "" || l.Help == "" {
				t.Errorf("%s: label or help is missing in %s", typ.Name, lang)
			}
			for _, o := range typ.Outcomes() {
				if typ.labels["types/"+typ.Name][o][lang].Label == "" {
					t.Errorf("%s: outcome %s has no label in %s", typ.Name, o, lang)
				}
			}
			for _, f := range typ.Shape.Fields {
				if typ.FieldLabel(f.Shape, lang).Help == "" && f.Codes == nil {
					t.Errorf("%s: field %s has no help in %s", typ.Name, f.Name, lang)
				}
			}
			typ.Shape.each(func(s *Shape) {
				for _, f := range s.Fields {
					if typ.FieldLabel(f.Shape, lang).Label == "" {
						t.Errorf("%s: field %s has no label in %s: one of %v", typ.Name, f.Name, lang, f.labels)
					}
				}
				for _, code := range s.Codes {
					_, ours := typ.labels.find([]labelKey{{labelFile(s.List), code}}, lang)
					if !ours && named(labelFile(s.List), code, lang) == "" {
						t.Errorf("%s: code %s has no label in %s", s.List, code, lang)
					}
				}
			})
		}
	}
	for file, form := range c.labels {
		for name, words := range form {
			for _, lang := range Languages {
				if words[lang].Label == "" {
					t.Errorf("%s: %q has no label in %s", file, name, lang)
				}
			}
			for lang, l := range words {
				if !slices.Contains(Languages, lang) {
					t.Errorf("%s: %q has a label in %q, which is no language of ours", file, name, lang)
				}
				if (l.Help == "") != (words[Languages[0]].Help == "") {
					t.Errorf("%s: %q has no help in %s, or has it there alone", file, name, lang)
				}
			}
		}
	}
}

// A phrase of screens takes the same values in the same order in every language, and a
// word stands in for what is missing.
func TestLabelsOfScreens(t *testing.T) {
	verb := regexp.MustCompile(`%[a-z]`)
	form := Embedded().labels["screen"]
	for key, words := range form {
		want := verb.FindAllString(words[Languages[0]].Label, -1)
		for lang, l := range words {
			if got := verb.FindAllString(l.Label, -1); !slices.Equal(got, want) {
				t.Errorf("screen: %q has the verbs %v in %s, not %v", key, got, lang, want)
			}
		}
	}
	for _, word := range [][3]string{
		{"ar", "item", "البند %d من %d"},
		{"sv", "subject", "Ämne"},
		{"", "subject", "Subject"},
		{"fi", "subject", "Subject"},
		{"sv", "no such key", "no such key"},
	} {
		if got := Screen(word[0], word[1]); got != word[2] {
			t.Errorf("Screen(%q, %q) is %q, not %q", word[0], word[1], got, word[2])
		}
	}
}

// No label lies about that nothing uses. The words of screens are used elsewhere.
func TestLabelsAreUsed(t *testing.T) {
	c := Embedded()
	used := map[labelKey]bool{}
	for _, typ := range c.Types() {
		used[labelKey{"types/" + typ.Name, ""}] = true
		for _, o := range typ.Outcomes() {
			used[labelKey{"types/" + typ.Name, o}] = true
		}
		typ.Shape.each(func(s *Shape) {
			for _, k := range s.labels {
				used[k] = true
			}
			for _, code := range s.Codes {
				used[labelKey{labelFile(s.List), code}] = true
			}
		})
	}
	for file, form := range c.labels {
		for name := range form {
			if file != "screen" && !used[labelKey{file, name}] {
				t.Errorf("%s: nothing uses %q", file, name)
			}
		}
	}
}
