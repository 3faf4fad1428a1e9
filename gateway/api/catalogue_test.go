package api

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/problem"
	"samband/schema"
)

// A client takes the bundle that it asked for, and nothing else in its place.
func TestCatalogue(t *testing.T) {
	own := schema.EmbeddedBundle()
	other, err := schema.NewBundle(fstest.MapFS{"codes/colour-1.json": {Data: []byte(`"red"`)}})
	if err != nil {
		t.Fatal(err)
	}
	missing := (&Refusal{Problem: problem.New(problem.BundleMissing, "it has none")}).Document()
	for what, c := range map[string]struct {
		want   problem.Code
		answer http.HandlerFunc
	}{
		"as asked":      {"", answerWith(200, BundleType, string(own.Zip))},
		"missing":       {problem.BundleMissing, answerWith(503, ProblemType, encoded(t, missing))},
		"another":       {problem.BundleInvalid, answerWith(200, BundleType, string(other.Zip))},
		"half of it":    {problem.BundleInvalid, answerWith(200, BundleType, string(own.Zip[:len(own.Zip)/2]))},
		"nothing":       {problem.BundleInvalid, answerWith(200, BundleType, "")},
		"too long":      {problem.Oversize, answerWith(200, BundleType, strings.Repeat("x", schema.MaxBundle+1))},
		"of no end":     {problem.Oversize, answerWith(200, BundleType, strings.Repeat("x", MaxAnswer+2))},
		"other type":    {problem.Internal, answerWith(200, "text/html", string(own.Zip))},
		"JSON":          {problem.Internal, answerWith(200, JSONType, encoded(t, Bundle(own.Zip)))},
		"no content":    {problem.Internal, answerWith(204, BundleType, "")},
		"some redirect": {problem.Internal, answerWith(302, BundleType, "")},
	} {
		t.Run(what, func(t *testing.T) {
			var path string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				path = r.URL.EscapedPath()
				c.answer(w, r)
			})
			got, err := client.Catalogue(t.Context(), own.Hash)
			if c.want == "" && (err != nil || !bytes.Equal(got.Zip, own.Zip)) || c.want != "" && problem.CodeOf(err) != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
			if path != "/v1/catalogue/"+own.Hash.Hex() {
				t.Errorf("it asked for %s", path)
			}
		})
	}
}
