package schema

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"samband/gateway/problem"
)

// base makes file names into the addresses that JSON Schema asks for; nothing
// is ever fetched from it.
const base = "samband:///"

// maxFaults is how many faults of one body a problem names.
const maxFaults = 5

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

func (s *bodySchema) compile() {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.body))
	if err != nil {
		s.err = err
		return
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(s)
	if s.err = c.AddResource(s.url, doc); s.err == nil {
		s.compiled, s.err = c.Compile(s.url)
	}
}

func (s *bodySchema) check(doc any) error {
	s.once.Do(s.compile)
	if s.err != nil {
		return fmt.Errorf("compile %q: %w", s.url, s.err)
	}
	err := s.compiled.Validate(doc)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return problem.New(problem.BodyInvalid, "%s", faults(invalid))
	}
	return err
}

// faults puts a validation error in words: places and rules, in a fixed order.
func faults(e *jsonschema.ValidationError) string {
	leaves := leaves(e)
	var words []string
	for _, l := range leaves {
		words = append(words, fmt.Sprintf("at %s: %s", pointer(l), rule(l)))
	}
	slices.SortFunc(words, cmp.Compare)
	words = slices.Compact(words)
	if more := len(words) - maxFaults; more > 0 {
		words = append(words[:maxFaults], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
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

// pointer is where a fault lies. Its names are the schema's own: every object
// is closed, so a fault is never inside a field that the schema doesn't know.
func pointer(e *jsonschema.ValidationError) string {
	if len(e.InstanceLocation) == 0 {
		return "/"
	}
	return "/" + strings.Join(e.InstanceLocation, "/")
}

// rule says what must be so, from the schema alone. The library's own words
// quote the value, so they are never used.
func rule(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "must be " + strings.Join(k.Want, " or ")
	case *kind.Required:
		return "needs " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		return fmt.Sprintf("has unknown fields: %d", len(k.Properties))
	case *kind.Enum:
		list, _, _ := strings.Cut(strings.TrimPrefix(e.SchemaURL, base), "#")
		return "must be a code of " + list
	case *kind.FalseSchema:
		return "has no place here"
	case *kind.Format:
		return "must be a " + k.Want
	case *kind.Pattern:
		return "must match " + k.Want
	case *kind.MinLength:
		return fmt.Sprintf("needs at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("has at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("needs at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has at most %d items", k.Want)
	case *kind.UniqueItems:
		return "holds an item twice"
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	}
	return "breaks " + strings.Join(e.ErrorKind.KeywordPath(), "/")
}
