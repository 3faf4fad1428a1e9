package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A schema is as much of a JSON Schema as the document uses.
type schema struct {
	Ref             string            `json:"$ref"`
	Type            string            `json:"type"`
	ContentEncoding string            `json:"contentEncoding"`
	Properties      map[string]schema `json:"properties"`
	Required        []string          `json:"required"`
	Items           *schema           `json:"items"`
	Enum            []string          `json:"enum"`
	Minimum         *int64            `json:"minimum"`
	Maximum         *int64            `json:"maximum"`
	MaxLength       int64             `json:"maxLength"`
	MinItems        int               `json:"minItems"`
	MaxItems        int               `json:"maxItems"`
	Default         *int64            `json:"default"`
	Statuses        map[string]int    `json:"x-statuses"`
}

type content map[string]struct{ Schema schema }

type operation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Ref string `json:"$ref"`
	}
	RequestBody *struct{ Content content }
	Responses   map[string]struct{ Content content }
}

type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]struct {
			Name, In string
			Schema   schema
		}
		Schemas map[string]schema
	}
}

func readDocument(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal(OpenAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// answers of each operation; nil: no content; absent: a document of another kind.
var answers = map[Operation]any{
	OpSubmit: SubmitAnswer{}, OpState: StateAnswer{}, OpInbox: InboxAnswer{}, OpProgress: ProgressAnswer{},
	OpWant: nil, OpShow: nil, OpRegister: RegisterAnswer{}, OpConsistency: ConsistencyAnswer{},
}

func TestDocumentHasTheRoutes(t *testing.T) {
	d := readDocument(t)
	found := 0
	for _, methods := range d.Paths {
		found += len(methods)
	}
	if found != len(Routes) {
		t.Errorf("the document has %d operations, the contract %d", found, len(Routes))
	}
	for _, r := range Routes {
		op, ok := d.Paths[r.Path][strings.ToLower(r.Method)]
		if !ok || op.OperationID != string(r.Operation) {
			t.Errorf("%s is operation %q in the document", r.Pattern(), op.OperationID)
			continue
		}
		checkParameters(t, d, r, op)
		checkBody(t, r, op)
		checkAnswer(t, r, op)
	}
}

func checkParameters(t *testing.T, d document, r Route, op operation) {
	t.Helper()
	got := map[string][]string{}
	for _, p := range op.Parameters {
		row := d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		got[row.In] = append(got[row.In], row.Name)
	}
	want := map[string][]string{"header": {AuditHeader, RegisterHeader}}
	if len(r.Query) > 0 {
		want["query"] = r.Query
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parameters of %s: %v, expected %v", r.Pattern(), got, want)
	}
}

func checkBody(t *testing.T, r Route, op operation) {
	t.Helper()
	if r.Request == "" {
		if op.RequestBody != nil {
			t.Errorf("%s has a body in the document", r.Pattern())
		}
		return
	}
	if op.RequestBody == nil || len(op.RequestBody.Content) != 1 {
		t.Errorf("%s has no single body in the document", r.Pattern())
		return
	}
	body, ok := op.RequestBody.Content[r.Request]
	if !ok {
		t.Errorf("the body of %s is not %s", r.Pattern(), r.Request)
	}
	if r.Request != JSONType && body.Schema.MaxLength != r.MaxBody {
		t.Errorf("the body of %s is bounded by %d, not %d", r.Pattern(), body.Schema.MaxLength, r.MaxBody)
	}
}

func checkAnswer(t *testing.T, r Route, op operation) {
	t.Helper()
	for _, status := range []string{"4XX", "5XX"} {
		if _, ok := op.Responses[status]; !ok {
			t.Errorf("%s has no answer %s", r.Pattern(), status)
		}
	}
	answer, typed := answers[r.Operation]
	if !typed {
		return
	}
	if answer == nil {
		if _, ok := op.Responses["204"]; !ok {
			t.Errorf("%s has no answer 204", r.Pattern())
		}
		return
	}
	want := "#/components/schemas/" + nameOf(reflect.TypeOf(answer))
	if got := op.Responses["200"].Content[JSONType].Schema.Ref; got != want {
		t.Errorf("%s answers %s, not %s", r.Pattern(), got, want)
	}
}

// nameOf is a type's name in the document.
func nameOf(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[SubmitAnswer]():
		return "SubmitAnswer"
	case reflect.TypeFor[StateAnswer]():
		return "StateAnswer"
	case reflect.TypeFor[InboxAnswer]():
		return "InboxAnswer"
	case reflect.TypeFor[ProgressAnswer]():
		return "ProgressAnswer"
	}
	return typ.Name()
}

func TestDocumentHasTheTypes(t *testing.T) {
	d := readDocument(t)
	for name, v := range map[string]any{
		"Catchup": Catchup{}, "AuditCatchup": AuditCatchup{}, "RegisterCatchup": RegisterCatchup{}, "LoggedEvent": LoggedEvent{},
		"SubmitAnswer": SubmitAnswer{}, "SubmitItem": SubmitItem{}, "StateAnswer": StateAnswer{}, "StateItem": StateItem{}, "InboxAnswer": InboxAnswer{}, "InboxItem": InboxItem{},
		"ProgressAnswer": ProgressAnswer{}, "ProgressItem": ProgressItem{}, "Again": Again{}, "Want": Want{},
		"RegisterAnswer": RegisterAnswer{}, "ConsistencyAnswer": ConsistencyAnswer{}, "Problem": Document{},
	} {
		t.Run(name, func(t *testing.T) {
			props, required := fields(reflect.TypeOf(v))
			s := d.Components.Schemas[name]
			if got, want := slices.Sorted(maps.Keys(s.Properties)), slices.Sorted(maps.Keys(props)); !slices.Equal(got, want) {
				t.Fatalf("properties %v, expected %v", got, want)
			}
			if got := slices.Sorted(slices.Values(s.Required)); !slices.Equal(got, required) {
				t.Errorf("required %v, expected %v", got, required)
			}
			for p, typ := range props {
				if got, want := s.Properties[p].shape(), shapeOf(typ); got != want {
					t.Errorf("%s is %s, expected %s", p, got, want)
				}
			}
		})
	}
}

// fields lists the members that a struct has in JSON, and those always there.
func fields(typ reflect.Type) (props map[string]reflect.Type, required []string) {
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

func (s schema) shape() string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case s.Type == "array":
		return "array of " + s.Items.shape()
	case s.ContentEncoding != "":
		return s.ContentEncoding
	default:
		return s.Type
	}
}

func shapeOf(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[[]byte]():
		return "base64"
	case reflect.TypeFor[*Document]():
		return "Problem"
	case reflect.TypeFor[signed.Hash](), reflect.TypeFor[Hashes](), reflect.TypeFor[signed.ID](), reflect.TypeFor[Cursor](), reflect.TypeFor[envelope.Event]():
		return typ.Name()
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return shapeOf(typ.Elem())
	case reflect.Slice:
		return "array of " + shapeOf(typ.Elem())
	case reflect.Struct:
		return typ.Name()
	case reflect.Int:
		return "integer"
	default:
		return typ.Kind().String()
	}
}

func TestDocumentHasTheCodes(t *testing.T) {
	d := readDocument(t)
	s := d.Components.Schemas["Problem"]
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
	var events []string // what a LoggedEvent may name
	for _, e := range []envelope.Event{envelope.Consigned, envelope.HandedOver, envelope.Refused, envelope.Withdrawn, envelope.Expired} {
		events = append(events, string(e))
	}
	if got := d.Components.Schemas["Event"].Enum; !slices.Equal(got, events) {
		t.Errorf("events in the document: %v, expected %v", got, events)
	}
}

func TestDocumentHasTheBounds(t *testing.T) {
	p := readDocument(t).Components.Parameters
	for name, want := range map[string][3]int64{
		"wait":    {0, int64(MaxWait / time.Second), 0},
		"limit":   {1, MaxLimit, DefaultLimit},
		"entries": {1, MaxEntries, MaxEntries},
	} {
		s := p[name].Schema
		if got := [3]int64{*s.Minimum, *s.Maximum, *s.Default}; got != want {
			t.Errorf("%s has bounds and default %v, expected %v", name, got, want)
		}
	}
}

func TestDocumentBoundsSequences(t *testing.T) {
	d := readDocument(t)
	for _, name := range []string{"SubmitAnswer", "StateAnswer"} {
		if s := d.Components.Schemas[name].Properties["items"]; s.MinItems != 1 || s.MaxItems != MaxItems {
			t.Errorf("%s has %d to %d items, expected 1 to %d", name, s.MinItems, s.MaxItems, MaxItems)
		}
	}
	if s := d.Components.Schemas["Hashes"]; s.MaxLength != int64(base64.StdEncoding.EncodedLen(maxHashes*len(signed.Hash{}))) {
		t.Errorf("Hashes have %d characters at most", s.MaxLength)
	}
}

func ExampleCursor() {
	c := Past(4711)
	fmt.Println(c, c.Leaf())
	// Output: 4712 4712
}
