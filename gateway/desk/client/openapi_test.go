package client

import (
	"maps"
	"os"
	"reflect"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/internal/openapi"
	"samband/gateway/local"
	"samband/schema"
)

func readDocument(t *testing.T) *openapi.Document {
	b, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	d := openapi.Read(t, b)
	d.Names[reflect.TypeFor[Problem]()] = "Problem"
	d.Names[reflect.TypeFor[refusal]()] = "Refusal"
	return d
}

// A refusal is what local answers with: an api.Document with nothing of the wire.
type refusal struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`
	Class  string `json:"class"`
}

func TestDocumentHasTheCalls(t *testing.T) {
	d := readDocument(t)
	d.CheckOperations(t, len(calls))
	for _, c := range calls {
		op := d.Paths["/v1/"+c.name]["post"]
		if op.OperationID != c.name || op.RequestBody == nil {
			t.Errorf("%s is operation %q in the document", c.name, op.OperationID)
			continue
		}
		if got, want := op.RequestBody.Content[api.JSONType].Schema.Shape(), d.ShapeOf(reflect.TypeOf(c.in)); got != want {
			t.Errorf("%s takes %s, not %s", c.name, got, want)
		}
		if got, want := op.Responses["200"].Content[api.JSONType].Schema.Shape(), d.ShapeOf(reflect.TypeOf(c.out)); got != want {
			t.Errorf("%s answers %s, not %s", c.name, got, want)
		}
	}
}

func TestDocumentHasTheTypes(t *testing.T) {
	roots := []any{refusal{}}
	for _, c := range calls {
		roots = append(roots, c.in, c.out)
	}
	readDocument(t).CheckTypes(t, roots...)
}

func TestDocumentHasTheWords(t *testing.T) {
	d := readDocument(t)
	d.CheckProblems(t, "Refusal", api.Status)
	openapi.CheckEnum(t, d, "State", SentStates)
	openapi.CheckEnum(t, d, "Access", []schema.Access{schema.Direct, schema.Indirect})
}

func TestDocumentHasTheBounds(t *testing.T) {
	d := readDocument(t)
	want := map[string]any{"call": float64(local.MaxCall), "answer": float64(local.MaxAnswer), "wait": time.Duration(maxWait).String()}
	if !maps.Equal(d.Bounds, want) {
		t.Errorf("bounds %v, expected %v", d.Bounds, want)
	}
	if limit := d.Components.Schemas["Query"].Properties["limit"]; *limit.Default != DefaultLimit {
		t.Errorf("%d are listed by default, expected %d", *limit.Default, DefaultLimit)
	}
}
