package schema

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// base makes file names into the addresses that JSON Schema asks for; nothing
// is ever fetched from it.
const base = "samband:///"

// A bodySchema is a type's JSON Schema, compiled when first needed.
type bodySchema struct {
	url   string
	body  []byte
	parts map[string]part

	once     sync.Once
	compiled *jsonschema.Schema
	err      error
}

// Load gives the compiler the pinned parts and nothing else.
func (s *bodySchema) Load(url string) (any, error) {
	p, ok := s.parts[strings.TrimPrefix(url, base)]
	switch {
	case !ok:
		return nil, fmt.Errorf("%q is not pinned", url)
	case p.codes != nil:
		return p.codes.schema(), nil
	}
	return p.defs, nil
}

// ready compiles the schema once.
func (s *bodySchema) ready() error {
	s.once.Do(s.compile)
	return s.err
}

func (s *bodySchema) compile() {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.body))
	if err != nil {
		s.err = err
		return
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	registerFormats(c)
	c.AssertFormat()
	c.UseLoader(s)
	if s.err = c.AddResource(s.url, doc); s.err == nil {
		s.compiled, s.err = c.Compile(s.url)
	}
}

// check returns the faults of a body against its schema, in the order of their places.
func (s *bodySchema) check(doc any, shape *Shape) ([]Fault, error) {
	if err := s.ready(); err != nil {
		return nil, fmt.Errorf("compile %q: %w", s.url, err)
	}
	err := s.compiled.Validate(doc)
	var broken *jsonschema.ValidationError
	if !errors.As(err, &broken) {
		return nil, err
	}
	var faults []Fault
	for _, l := range leaves(broken) {
		f, ok := s.fault(l, doc, shape)
		if ok && !slices.ContainsFunc(faults, f.says) {
			faults = append(faults, f)
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Path+"\x00"+a.Rule, b.Path+"\x00"+b.Rule) })
	return faults, nil
}

// leaves are the faults themselves. Of alternatives that all failed only the
// choice is named, since nobody knows which one was meant.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Contains, *kind.PropertyNames:
		return []*jsonschema.ValidationError{e}
	}
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, c := range e.Causes {
		all = append(all, leaves(c)...)
	}
	return all
}

// fault puts a fault in words. Its path and rule come from the schema alone: the
// library's own words quote the value, so they are never used. A field that the schema
// doesn't know is a fault of the object that has it, so its name is only in the hint.
func (s *bodySchema) fault(e *jsonschema.ValidationError, doc any, shape *Shape) (Fault, bool) {
	path := e.InstanceLocation
	unknown := ""
	at, known := shape, true
	for _, step := range path {
		if at.Items != nil {
			at = at.Items
			continue
		}
		f := at.Field(step)
		if f == nil {
			unknown, known = step, false
			path = path[:len(path)-1]
			break
		}
		at = f.Shape
	}
	if _, closed := e.ErrorKind.(*kind.FalseSchema); closed && known && !strings.Contains(e.SchemaURL, "/else") && !strings.Contains(e.SchemaURL, "/then") {
		return Fault{}, false // a field that the schema knows, in an object with another fault
	}
	f := faultAt(pointerTo(path), "")
	if !known {
		f.Rule, f.name = unknownField, unknown
		f.Hint = "no field is called " + quoted(unknown) + at.meant(unknown)
		return f, true
	}
	if k, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		f.name = k.Properties[0]
	}
	f.Rule, f.Hint = s.rule(e, at, valueAt(doc, e.InstanceLocation))
	return f, true
}

func pointerTo(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return "/" + strings.Join(path, "/")
}

func valueAt(doc any, path []string) any {
	for _, step := range path {
		switch v := doc.(type) {
		case map[string]any:
			doc = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return nil
			}
			doc = v[i]
		}
	}
	return doc
}

// meant guesses which field of an object was meant, and else names them all.
func (s *Shape) meant(name string) string {
	if len(s.Fields) == 0 {
		return ""
	}
	best, least := "", 3
	var names []string
	for _, f := range s.Fields {
		names = append(names, f.Name)
		if d := distance(strings.ToLower(name), f.Name); d < least {
			best, least = f.Name, d
		}
	}
	if best != "" {
		return ": did you mean " + best + "?"
	}
	return "; there are " + strings.Join(names, ", ")
}

const unknownField = "has a field that this type does not have"

// maxQuoted bounds what a hint repeats of a body.
const maxQuoted = 40

func quoted(s string) string {
	if r := []rune(s); len(r) > maxQuoted {
		s = string(r[:maxQuoted]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// rule says what must be so, and for whoever wrote the body what would be right.
func (s *bodySchema) rule(e *jsonschema.ValidationError, at *Shape, value any) (rule, hint string) {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "must be " + kinds(k.Want), wrongKind(k, value)
	case *kind.Required:
		return "needs " + strings.Join(k.Missing, ", "), ""
	case *kind.AdditionalProperties:
		return unknownField, "no field is called " + quoted(k.Properties[0]) + at.meant(k.Properties[0])
	case *kind.DependentRequired:
		return "needs " + strings.Join(k.Missing, ", ") + " beside " + k.Prop, ""
	case *kind.Enum:
		return s.codeRule(e, value)
	case *kind.FalseSchema:
		return "has no place here", ""
	case *kind.Format:
		if f, ok := formats[k.Want]; ok {
			return f.words, formatHint(k.Want, value)
		}
		return "must be a " + k.Want, ""
	case *kind.Pattern:
		if value == "" {
			return "must be of the form " + k.Want, emptyHint
		}
		return "must be of the form " + k.Want, patternWords[k.Want]
	case *kind.MinLength:
		if k.Got == 0 {
			return fmt.Sprintf("needs at least %d characters", k.Want), emptyHint
		}
		return fmt.Sprintf("needs at least %d characters", k.Want), fmt.Sprintf("it has %d", k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("has at most %d characters", k.Want), fmt.Sprintf("it has %d", k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("needs at least %d items", k.Want), ""
	case *kind.MaxItems:
		return fmt.Sprintf("has at most %d items", k.Want), fmt.Sprintf("it has %d", k.Got)
	case *kind.UniqueItems:
		return "has an item twice", fmt.Sprintf("items %d and %d are alike", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString(), ""
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString(), ""
	case *kind.AnyOf, *kind.OneOf:
		return "needs " + strings.Join(alternatives(e), " or "), ""
	}
	return "breaks " + strings.Join(e.ErrorKind.KeywordPath(), "/"), ""
}

// patternWords say what the catalogue's patterns mean.
var patternWords = map[string]string{
	`^[A-Z]{1,3}[0-9]{1,4}$`:  "write one to three capital letters and one to four digits, such as P1",
	`^[A-HJ-NPR-Z0-9]{6,17}$`: "write 6 to 17 capital letters and digits without spaces; a vehicle identification number has no I, O or Q",
	`^[A-Za-z0-9+/]{43}=$`:    "write the hash as it is shown: 44 characters, the last of them =",
	`^[0-9a-f]{64}$`:          "write the SHA-256 as 64 small hexadecimal digits",
}

// alternatives are the fields of which an object needs one.
func alternatives(e *jsonschema.ValidationError) (names []string) {
	for _, c := range e.Causes {
		for _, l := range leaves(c) {
			if k, ok := l.ErrorKind.(*kind.Required); ok {
				names = append(names, strings.Join(k.Missing, " and "))
			}
		}
	}
	if len(names) == 0 {
		return []string{"one of its forms"}
	}
	return names
}

// codeRule names the list, and guesses the code that was meant.
func (s *bodySchema) codeRule(e *jsonschema.ValidationError, value any) (rule, hint string) {
	file, _, _ := strings.Cut(strings.TrimPrefix(e.SchemaURL, base), "#")
	list := s.parts[file].codes
	if list == nil {
		return "must be one of those that the schema names", ""
	}
	word, _ := value.(string)
	rule = "must be a code of " + file
	if word == "" {
		return rule, emptyHint
	}
	if near := list.near(word); near != "" {
		return rule, fmt.Sprintf("%s is none: did you mean %s?", quoted(word), near)
	}
	if len(list.Codes) <= maxFewCodes {
		return rule, fmt.Sprintf("%s is none; the codes are %s", quoted(word), strings.Join(list.words(), ", "))
	}
	return rule, quoted(word) + " is none"
}

// emptyHint is what to do about a place that a draft has and nobody filled in.
const emptyHint = "it is empty: fill it in"

// maxFewCodes is how many codes a hint names.
const maxFewCodes = 40

var kindWords = map[string]string{
	"object": "an object in { }", "array": "a list in [ ]", "string": "text in quotation marks", "integer": "a whole number",
	"number": "a number", "boolean": "true or false", "null": "null",
}

func kinds(want []string) string {
	var words []string
	for _, w := range want {
		words = append(words, kindWords[w])
	}
	return strings.Join(words, " or ")
}

func wrongKind(k *kind.Type, value any) string {
	if text, ok := value.(string); ok && len(k.Want) == 1 && k.Want[0] != "string" && k.Want[0] != "object" && k.Want[0] != "array" {
		return "remove the quotation marks around " + quoted(text)
	}
	if value == nil {
		return emptyHint
	}
	return "it is " + kindWords[k.Got]
}
