package edge

import (
	"encoding/json"
	"net/http"
	"net/url"
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

func FuzzPage(f *testing.F) {
	f.Add("after=4712&wait=55&limit=20")
	f.Add("")
	f.Add("after=")
	f.Add("limit=1&limit=2")
	f.Add("after=1;wait=2")
	f.Add("after=%31")
	f.Add("wait=99999999999999999999")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := parseQuery(raw, api.RouteOf(api.OpInbox).Query)
		if !named(t, err) {
			return
		}
		p, err := parsePage(query)
		if !named(t, err) {
			return
		}
		if p.Wait < 0 || p.Wait > api.MaxWait || p.Limit < 1 || p.Limit > api.MaxLimit || p.After < 0 {
			t.Errorf("%q is read as %+v", raw, p)
		}
		again, err := parsePage(url.Values{"after": {p.After.String()}, "wait": {signed.FormatInt(int64(p.Wait.Seconds()))}, "limit": {signed.FormatInt(int64(p.Limit))}})
		if err != nil || again != p {
			t.Errorf("%+v is read again as %+v, %v", p, again, err)
		}
	})
}

func FuzzWant(f *testing.F) {
	f.Add([]byte(`{"message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`))
	f.Add([]byte(`{"message":"","message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		want, err := parseWant(body)
		if !named(t, err) {
			return
		}
		if again, err := json.Marshal(want); err != nil || string(again) != string(body) {
			t.Errorf("%q is read and written as %q", body, again)
		}
	})
}
