// Package openapitest checks the documents of our contracts against the Go code that
// speaks them. Tests alone use it.
//
//	d := openapitest.Read(t, document)
//	d.CheckTypes(t, reflect.TypeFor[api.SubmitAnswer](), reflect.TypeFor[api.Want]())
//	d.CheckProblems(t, "Problem")
package openapitest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"samband/gateway/problem"
)

// A Schema is as much of a JSON Schema as the documents use.
type Schema struct {
	Ref                  string            `json:"$ref"`
	Type                 string            `json:"type"`
	ContentEncoding      string            `json:"contentEncoding"`
	Properties           map[string]Schema `json:"properties"`
	AdditionalProperties *Schema           `json:"additionalProperties"`
	Required             []string          `json:"required"`
	Items                *Schema           `json:"items"`
	Enum                 []string          `json:"enum"`
	Minimum              *int64            `json:"minimum"`
	Maximum              *int64            `json:"maximum"`
	MaxLength            int64             `json:"maxLength"`
	MinItems             int               `json:"minItems"`
	MaxItems             int               `json:"maxItems"`
	Default              *int64            `json:"default"`
	Statuses             map[string]int    `json:"x-statuses"`
}

// Content is a body by its media type.
type Content map[string]struct{ Schema Schema }

// An Operation is one method of a path.
type Operation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Ref string `json:"$ref"`
	}
	RequestBody *struct{ Content Content }
	Responses   map[string]struct{ Content Content }
}

// A Document is as much of an OpenAPI document as we use.
type Document struct {
	Bounds     map[string]any `json:"x-bounds"`
	Paths      map[string]map[string]Operation
	Components struct {
		Parameters map[string]struct {
			Name, In string
			Schema   Schema
		}
		Schemas map[string]Schema
	}
	Names map[reflect.Type]string `json:"-"` // of types that the document calls otherwise
}

// Read reads a document.
func Read(t *testing.T, document []byte) *Document {
	t.Helper()
	d := &Document{Names: map[reflect.Type]string{}}
	if err := json.Unmarshal(document, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// CheckOperations checks that the document has so many operations, and an answer to
// each that is refused.
func (d *Document) CheckOperations(t *testing.T, want int) {
	t.Helper()
	found := 0
	for path, methods := range d.Paths {
		found += len(methods)
		for _, op := range methods {
			for _, status := range []string{"4XX", "5XX"} {
				if _, ok := op.Responses[status]; !ok {
					t.Errorf("%s has no answer %s", path, status)
				}
			}
		}
	}
	if found != want {
		t.Errorf("the document has %d operations, the contract %d", found, want)
	}
}

// CheckTypes checks that the objects of the document are those of which the roots
// are made, member by member.
func (d *Document) CheckTypes(t *testing.T, roots ...reflect.Type) {
	t.Helper()
	reached := map[string]reflect.Type{}
	for _, r := range roots {
		d.reach(r, reached)
	}
	for name, s := range d.Components.Schemas {
		if _, ok := reached[name]; !ok && s.Type == "object" {
			t.Errorf("no call has a %s", name)
		}
	}
	for name, typ := range reached {
		t.Run(name, func(t *testing.T) {
			s := d.Components.Schemas[name]
			props, required := members(typ)
			if got, want := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(maps.Keys(props)); !slices.Equal(got, want) {
				t.Fatalf("properties %v, expected %v", got, want)
			}
			if got := slices.Sorted(slices.Values(s.Required)); !slices.Equal(got, required) {
				t.Errorf("required %v, expected %v", got, required)
			}
			for p, typ := range props {
				if got, want := s.Properties[p].Shape(), d.ShapeOf(typ); got != want {
					t.Errorf("%s is %s, expected %s", p, got, want)
				}
			}
		})
	}
}

// reach collects the structs of which a type is made and whose JSON is an object.
func (d *Document) reach(typ reflect.Type, reached map[string]reflect.Type) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		d.reach(typ.Elem(), reached)
	case reflect.Struct:
		name := d.name(typ)
		if _, known := reached[name]; known || d.Components.Schemas[name].Type == "string" {
			return
		}
		reached[name] = typ
		props, _ := members(typ)
		for _, p := range props {
			d.reach(p, reached)
		}
	}
}

// members lists the members that a struct has in JSON, and those always there.
func members(typ reflect.Type) (props map[string]reflect.Type, required []string) {
	props = map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		props[name] = f.Type
		if options == "" {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return props, required
}

// name is a type's name in the document.
func (d *Document) name(typ reflect.Type) string {
	if name, ok := d.Names[typ]; ok || typ.Name() == "" {
		return name
	}
	return strings.ToUpper(typ.Name()[:1]) + typ.Name()[1:]
}

// Shape says in a word what a schema describes.
func (s Schema) Shape() string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Type == "array":
		return "array of " + s.Items.Shape()
	case s.AdditionalProperties != nil:
		return "object of " + s.AdditionalProperties.Shape()
	case s.ContentEncoding != "":
		return s.ContentEncoding
	default:
		return s.Type
	}
}

// ShapeOf is the shape that the schema of a type must have.
func (d *Document) ShapeOf(typ reflect.Type) string {
	if name := d.name(typ); d.Components.Schemas[name].Type != "" {
		return name
	}
	switch typ {
	case reflect.TypeFor[[]byte]():
		return "base64"
	case reflect.TypeFor[json.RawMessage]():
		return "object"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return d.ShapeOf(typ.Elem())
	case reflect.Slice:
		return "array of " + d.ShapeOf(typ.Elem())
	case reflect.Map:
		return "object of " + d.ShapeOf(typ.Elem())
	case reflect.Struct:
		return d.name(typ)
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	default:
		return typ.Kind().String()
	}
}

// CheckProblems checks that a schema, of a refusal, lists each problem code with its
// status.
func (d *Document) CheckProblems(t *testing.T, name string) {
	t.Helper()
	s := d.Components.Schemas[name]
	listed := map[string]int{}
	for _, e := range problem.List() {
		listed[string(e.Code)] = e.Status
	}
	if !maps.Equal(s.Statuses, listed) {
		t.Errorf("statuses in the document: %v, in the table: %v", s.Statuses, listed)
	}
	if got, want := slices.Sorted(slices.Values(s.Properties["code"].Enum)), slices.Sorted(maps.Keys(listed)); !slices.Equal(got, want) {
		t.Errorf("codes in the document: %v, in the list: %v", got, want)
	}
	if got := s.Properties["class"].Enum; !slices.Equal(got, []string{string(problem.Retry), string(problem.Reseal), string(problem.Final)}) {
		t.Errorf("classes in the document: %v", got)
	}
}

// CheckEnum checks that a schema lists exactly these words.
func CheckEnum[S ~string](t *testing.T, d *Document, name string, want []S) {
	t.Helper()
	got := d.Components.Schemas[name].Enum
	if !slices.EqualFunc(got, want, func(g string, w S) bool { return g == string(w) }) {
		t.Errorf("%s in the document: %v, expected %v", name, got, want)
	}
}
