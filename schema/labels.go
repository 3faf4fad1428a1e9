package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	xlanguage "golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Languages are those that every label is written in. The first stands in where none
// is asked for.
var Languages = []string{"en", "sv", "fr", "es", "ar"}

// A Label is what people read instead of a name: a few words, and a sentence or two
// that help whoever fills it in.
type Label struct {
	Label string `json:"label"`
	Help  string `json:"help,omitempty"`
}

// A labelFileForm is the form of a file under labels/: name → language → label. The
// file of a type has the type's own label under "", those of its outcomes under their
// names, and those of its fields under their paths without indices, such as
// "grounds.reasons"; that of a part, the same for each definition; that of a code list,
// its own under "" and one for each code; that of screens, a word for each key.
type labelFileForm map[string]map[string]Label

// labels are those of a catalogue, by file: types/INFO_REQUEST, parts/common,
// codes/purpose, screen.
type labels map[string]labelFileForm

func loadLabels(fsys fs.FS) (labels, error) {
	all := labels{}
	err := fs.WalkDir(fsys, "labels", func(p string, d fs.DirEntry, err error) error {
		if p == "labels" && errors.Is(err, fs.ErrNotExist) {
			return nil // names and codes stand in for them
		}
		if err != nil || d.IsDir() {
			return err
		}
		var form labelFileForm
		if err := decodeFile(fsys, p, &form); err != nil {
			return err
		}
		for name, words := range form {
			if first := Languages[0]; words[first].Label == "" {
				return fmt.Errorf("labels %q: %q has none in %s", p, name, first)
			}
		}
		all[strings.TrimSuffix(strings.TrimPrefix(p, "labels/"), ".json")] = form
		return nil
	})
	return all, err
}

// find returns the first label that stands under one of the keys; its help may come
// from a later one.
func (l labels) find(keys []labelKey, lang string) (Label, bool) {
	var found Label
	for _, k := range keys {
		words, ok := l[k.file][k.name]
		if !ok {
			continue
		}
		at := words[lang]
		if found.Label == "" {
			found.Label = at.Label
		}
		if found.Help == "" {
			found.Help = at.Help
		}
	}
	return found, found.Label != ""
}

// Label is that of the type itself, in one of Languages.
func (t *Type) Label(lang string) Label { return t.labels.named("types/"+t.Name, "", t.Name, lang) }

// OutcomeLabel is that of an outcome of the type, or of the type itself.
func (t *Type) OutcomeLabel(outcome, lang string) Label {
	if outcome == t.Name {
		return t.Label(lang)
	}
	return t.labels.named("types/"+t.Name, outcome, outcome, lang)
}

// FieldLabel is that of a place in the type's body.
func (t *Type) FieldLabel(s *Shape, lang string) Label {
	l, _ := t.labels.find(s.labels, lang)
	return l
}

// CodeLabel is that of a code at a place with a code list.
func (t *Type) CodeLabel(s *Shape, code, lang string) Label {
	file := labelFile(s.List)
	if words, ok := t.labels[file][code]; ok {
		return words[lang]
	}
	if name := named(file, code, lang); name != "" {
		return Label{Label: name}
	}
	return Label{Label: code}
}

func (l labels) named(file, name, otherwise, lang string) Label {
	if words, ok := l[file][name]; ok {
		return words[lang]
	}
	return Label{Label: otherwise}
}

// named are the names of countries and languages, which the Unicode Consortium keeps
// for every language (CLDR); "" for what it doesn't know.
func named(file, code, lang string) string {
	in := xlanguage.Make(lang)
	switch file {
	case "codes/country":
		if r, err := xlanguage.ParseRegion(code); err == nil {
			return display.Regions(in).Name(r)
		}
	case "codes/language":
		if b, err := xlanguage.ParseBase(code); err == nil {
			return display.Languages(in).Name(b)
		}
	}
	return ""
}
