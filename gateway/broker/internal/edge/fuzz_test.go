package edge

import (
	"net/http"
	"slices"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// named fails on an error that is not a problem of the closed list.
func named(t *testing.T, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	if _, ok := problem.Of(err); !ok {
		t.Fatalf("%v is not a problem", err)
	}
	return false
}

func FuzzHeads(f *testing.F) {
	f.Add("0", "0")
	f.Add("4711", "9007199254740991")
	f.Add("04711", "")
	f.Add("-1", "9007199254740992")
	f.Add(" 1", "1e3")
	f.Fuzz(func(t *testing.T, audit, register string) {
		h := http.Header{}
		h.Set(api.AuditHeader, audit)
		h.Set(api.RegisterHeader, register)
		heads, err := parseHeads(h)
		if named(t, err) && (signed.FormatInt(heads.Audit) != audit || signed.FormatInt(heads.Register) != register) {
			t.Errorf("%q and %q are read as %+v", audit, register, heads)
		}
	})
}

func FuzzQuery(f *testing.F) {
	names := []string{"after", "wait", "limit"}
	f.Add("after=4712&wait=55&limit=20")
	f.Add("")
	f.Add("after=")
	f.Add("limit=1&limit=2")
	f.Add("after=1;wait=2")
	f.Add("after=%31")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := parseQuery(raw, names)
		if !named(t, err) {
			return
		}
		for name, values := range query {
			if !slices.Contains(names, name) || len(values) != 1 {
				t.Errorf("%q is read as %v", raw, query)
			}
		}
	})
}
