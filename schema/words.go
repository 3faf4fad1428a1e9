package schema

import (
	"slices"
	"strings"
)

// Words are a type's labels in one language. Where a catalogue has none in it, the
// first of Languages stands in, and then the name itself: there is always something to
// show.
type Words struct {
	t    *Type
	lang string
}

// In returns the type's labels in a language.
func (t *Type) In(lang string) Words { return Words{t, lang} }

// Type is the label of the type itself.
func (w Words) Type() Label { return w.Outcome(w.t.Name) }

// Outcome is the label of an outcome of the type, or of the type itself.
func (w Words) Outcome(name string) Label {
	return w.first(name, func(lang string) Label { return w.t.OutcomeLabel(name, lang) })
}

// Field is the label of a place in the type's body that has a name there.
func (w Words) Field(name string, s *Shape) Label {
	return w.first(strings.ReplaceAll(name, "_", " "), func(lang string) Label { return w.t.FieldLabel(s, lang) })
}

// Item is the label of one item of a list, such as Person where the list is Persons;
// that of the list where its items have none of their own.
func (w Words) Item(name string, list *Shape) Label {
	own := &Shape{}
	for _, k := range list.Items.labels {
		if !slices.Contains(list.labels, k) {
			own.labels = append(own.labels, k)
		}
	}
	if len(own.labels) == 0 {
		return w.Field(name, list)
	}
	return w.Field(name, own)
}

// Code is the label of a code at a place with a code list.
func (w Words) Code(s *Shape, code string) Label {
	return w.first(code, func(lang string) Label { return w.t.CodeLabel(s, code, lang) })
}

func (w Words) first(otherwise string, in func(lang string) Label) Label {
	for _, lang := range []string{w.lang, Languages[0]} {
		if l := in(lang); l.Label != "" {
			return l
		}
	}
	return Label{Label: otherwise}
}

// Path says in words where a JSON pointer into the body leads: "Person 1, Identity 2,
// Family name".
func (w Words) Path(pointer string) string {
	var steps []string
	at, name := w.t.Shape, ""
	for _, step := range strings.Split(pointer, "/")[1:] {
		if at.Items != nil {
			if n := len(steps) - 1; n >= 0 {
				steps[n] = w.Item(name, at).Label + " " + itemNumber(step)
			}
			at = at.Items
			continue
		}
		f := at.Field(step)
		if f == nil {
			break
		}
		at, name = f.Shape, f.Name
		steps = append(steps, w.Field(name, at).Label)
	}
	return strings.Join(steps, ", ")
}

// At is the shape of the place where a JSON pointer into the body leads; nil where there
// is no such place.
func (t *Type) At(pointer string) *Shape {
	at := t.Shape
	for _, step := range strings.Split(pointer, "/")[1:] {
		if at.Items != nil {
			at = at.Items
			continue
		}
		f := at.Field(step)
		if f == nil {
			return nil
		}
		at = f.Shape
	}
	return at
}

// CodeLists are the names of the code lists that a body of the type draws on, such as
// country.
func (t *Type) CodeLists() (names []string) {
	t.Shape.each(func(s *Shape) {
		if name := s.ListName(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	return names
}

// CodeList is a place of the body with the codes of that list; nil where there is none.
func (t *Type) CodeList(name string) (found *Shape) {
	t.Shape.each(func(s *Shape) {
		if found == nil && name != "" && s.ListName() == name {
			found = s
		}
	})
	return found
}

// ListName is the name of a place's code list, such as country of codes/country-1.json;
// "" where it has none.
func (s *Shape) ListName() string {
	if s.List == "" {
		return ""
	}
	return strings.TrimPrefix(labelFile(s.List), "codes/")
}
