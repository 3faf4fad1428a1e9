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

func FuzzClock(f *testing.F) {
	f.Add("2026-11-23T03:12:00Z")
	f.Add("2026-11-23T03:12:00+01:00")
	f.Add("1970-01-01T00:00:00Z")
	f.Add("2026-11-23T03:12:00.5Z")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseClock(http.Header{api.ClockHeader: {text}})
		if named(t, err) && at.String() != text {
			t.Errorf("%q is read as %s", text, at)
		}
		if _, err := parseClock(http.Header{api.ClockHeader: {text, text}}); err == nil {
			t.Error("two are read as one")
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
