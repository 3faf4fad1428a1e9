package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/internal/openapitest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func readDocument(t *testing.T) *openapitest.Document {
	d := openapitest.Read(t, OpenAPI)
	d.Names[reflect.TypeFor[SubmitAnswer]()] = "SubmitAnswer"
	d.Names[reflect.TypeFor[StateAnswer]()] = "StateAnswer"
	d.Names[reflect.TypeFor[InboxAnswer]()] = "InboxAnswer"
	d.Names[reflect.TypeFor[ProgressAnswer]()] = "ProgressAnswer"
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
	want := map[string][]string{"header": {AuditHeader, RegisterHeader}}
	if len(r.Query) > 0 {
		want["query"] = r.Query
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
	want := d.ShapeOf(reflect.TypeOf(r.Answer))
	if got := op.Responses["200"].Content[JSONType].Schema.Shape(); got != want {
		t.Errorf("%s answers %s, not %s", r.Pattern(), got, want)
	}
}

func TestDocumentHasTheTypes(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[Want](), reflect.TypeFor[Document]()}
	for _, r := range Routes {
		if r.Answer != nil {
			types = append(types, reflect.TypeOf(r.Answer))
		}
	}
	readDocument(t).CheckTypes(t, types...)
}

func TestDocumentHasTheCodes(t *testing.T) {
	d := readDocument(t)
	d.CheckProblems(t, "Problem", Status)
	openapitest.CheckEnum(t, d, "Event", Events)
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

func TestEveryCodeHasOneStatus(t *testing.T) {
	seen := map[problem.Code]bool{}
	for _, row := range statuses {
		if http.StatusText(row.status) == "" || row.status < 400 {
			t.Errorf("%d is no status of a refusal", row.status)
		}
		for _, c := range row.codes {
			if seen[c] {
				t.Errorf("%s stands twice", c)
			}
			seen[c] = true
			if !slices.Contains(Codes(Status(c)), c) {
				t.Errorf("%s has status %d, which does not have it", c, Status(c))
			}
		}
	}
	for _, e := range problem.List() {
		if !seen[e.Code] {
			t.Errorf("%s has no status", e.Code)
		}
		if RetryAfter(e.Code) > 0 && e.Class != problem.Retry {
			t.Errorf("%s is %s and yet says when to try again", e.Code, e.Class)
		}
	}
}

func ExampleCursor() {
	c := Past(4711)
	fmt.Println(c, c.Leaf())
	// Output: 4712 4712
}
