package client

import (
	"maps"
	"os"
	"reflect"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/internal/openapitest"
	"samband/gateway/local"
	"samband/schema"
)

func readDocument(t *testing.T) *openapitest.Document {
	b, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	d := openapitest.Read(t, b)
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

// formsOf are the name, the argument and the answer of each call.
func formsOf(t *testing.T) map[string][2]reflect.Type {
	forms := map[string][2]reflect.Type{}
	for _, c := range calls {
		v := reflect.ValueOf(c)
		do := v.FieldByName("do").Type()
		form := [2]reflect.Type{do.In(2), do.Out(0)}
		if _, is := c.(passphraseCall); is {
			form[1] = reflect.TypeFor[none]() // all that it returns is an error
		}
		forms[v.FieldByName("name").String()] = form
	}
	if methods := reflect.TypeFor[Service]().NumMethod(); len(forms) != methods {
		t.Errorf("there are %d calls, and %d methods of a Service", len(forms), methods)
	}
	return forms
}

func TestDocumentHasTheCalls(t *testing.T) {
	d, forms := readDocument(t), formsOf(t)
	d.CheckOperations(t, len(forms))
	for name, form := range forms {
		op := d.Paths["/v1/"+name]["post"]
		if op.OperationID != name || op.RequestBody == nil {
			t.Errorf("%s is operation %q in the document", name, op.OperationID)
			continue
		}
		if form[0] == reflect.TypeFor[[]byte]() {
			if body := op.RequestBody.Content[local.PassphraseType].Schema; body.Type != "string" || body.MaxLength != local.MaxPassphrase {
				t.Errorf("%s takes %+v", name, body)
			}
		} else if got, want := op.RequestBody.Content[api.JSONType].Schema.Shape(), d.ShapeOf(form[0]); got != want {
			t.Errorf("%s takes %s, not %s", name, got, want)
		}
		if got, want := op.Responses["200"].Content[api.JSONType].Schema.Shape(), d.ShapeOf(form[1]); got != want {
			t.Errorf("%s answers %s, not %s", name, got, want)
		}
	}
}

func TestDocumentHasTheTypes(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[refusal]()}
	for _, form := range formsOf(t) {
		types = append(types, form[:]...)
	}
	readDocument(t).CheckTypes(t, types...)
}

func TestDocumentHasTheWords(t *testing.T) {
	d := readDocument(t)
	d.CheckProblems(t, "Refusal")
	openapitest.CheckEnum(t, d, "State", SentStates)
	openapitest.CheckEnum(t, d, "Step", []Step{Acceptance, Consignment, Handover, End})
	openapitest.CheckEnum(t, d, "Hindrance", []Hindrance{Unreachable, Locked, Damaged, DiskFull})
	openapitest.CheckEnum(t, d, "Access", []schema.Access{schema.Direct, schema.Indirect})
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
