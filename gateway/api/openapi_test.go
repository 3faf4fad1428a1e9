package api

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/internal/openapitest"
	"samband/gateway/signed"
	"samband/schema"
)

func readDocument(t *testing.T) *openapitest.Document {
	d := openapitest.Read(t, OpenAPI)
	d.Names[reflect.TypeFor[SubmitAnswer]()] = "SubmitAnswer"
	d.Names[reflect.TypeFor[StateAnswer]()] = "StateAnswer"
	d.Names[reflect.TypeFor[EnterAnswer]()] = "EnterAnswer"
	d.Names[reflect.TypeFor[Document]()] = "Problem"
	return d
}

func TestDocumentHasTheRoutes(t *testing.T) {
	d := readDocument(t)
	d.CheckOperations(t, len(Routes))
	for _, r := range Routes {
		op, ok := d.Paths[r.Path][strings.ToLower(r.Method)]
		if !ok || op.OperationID != r.Operation {
			t.Errorf("%s is operation %q in the document", r.Pattern(), op.OperationID)
			continue
		}
		checkParameters(t, d, r, op)
		checkBody(t, r, op)
		checkAnswer(t, d, r, op)
	}
}

func checkParameters(t *testing.T, d *openapitest.Document, r Route, op openapitest.Operation) {
	t.Helper()
	got := map[string][]string{}
	for _, p := range op.Parameters {
		row := d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		got[row.In] = append(got[row.In], row.Name)
	}
	want := map[string][]string{"header": {AuditHeader, RegisterHeader, ClockHeader}}
	if len(r.Query) > 0 {
		want["query"] = r.Query
	}
	if strings.HasSuffix(r.Path, hashInPath) {
		want["path"] = []string{HashName}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parameters of %s: %v, expected %v", r.Pattern(), got, want)
	}
}

func checkBody(t *testing.T, r Route, op openapitest.Operation) {
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

func checkAnswer(t *testing.T, d *openapitest.Document, r Route, op openapitest.Operation) {
	t.Helper()
	if r.Operation == "openapi" {
		return
	}
	if r.Answer == nil {
		if _, ok := op.Responses["204"]; !ok {
			t.Errorf("%s has no answer 204", r.Pattern())
		}
		return
	}
	if r.AnswerType != "" {
		if got := op.Responses["200"].Content[r.AnswerType].Schema; got.Type != "string" || got.MaxLength != schema.MaxBundle {
			t.Errorf("%s answers %+v", r.Pattern(), got)
		}
		return
	}
	want := d.ShapeOf(reflect.TypeOf(r.Answer))
	if got := op.Responses["200"].Content[JSONType].Schema.Shape(); got != want {
		t.Errorf("%s answers %s, not %s", r.Pattern(), got, want)
	}
}

func TestDocumentHasTheTypes(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[Want](), reflect.TypeFor[inboxBody](), reflect.TypeFor[Document]()}
	for _, r := range Routes {
		if r.Answer != nil {
			types = append(types, reflect.TypeOf(r.Answer))
		}
	}
	readDocument(t).CheckTypes(t, types...)
}

func TestDocumentHasTheCodes(t *testing.T) {
	d := readDocument(t)
	d.CheckProblems(t, "Problem")
	// What a LoggedEvent may name.
	openapitest.CheckEnum(t, d, "Event", []envelope.Event{envelope.Consigned, envelope.HandedOver, envelope.Refused, envelope.Withdrawn, envelope.Expired, envelope.Lapsed})
}

func TestDocumentHasTheBounds(t *testing.T) {
	p := readDocument(t).Components.Parameters
	for name, want := range map[string][3]int64{
		"wait":    {0, int64(MaxWait / time.Second), 0},
		"limit":   {1, MaxLimit, DefaultLimit},
		"entries": {1, MaxEntries, MaxEntries},
		"bytes":   {1, MaxPage, MaxPage},
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
	if s := d.Components.Schemas["Held"]; s.MaxLength != int64(base64.StdEncoding.EncodedLen(MaxHeld*len(signed.Hash{}))) {
		t.Errorf("what is held has %d characters at most", s.MaxLength)
	}
}

func ExampleCursor() {
	c := Past(4711)
	fmt.Println(c, c.Leaf())
	// Output: 4712 4712
}
