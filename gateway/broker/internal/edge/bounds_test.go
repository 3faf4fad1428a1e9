package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/schema"
)

// raw is a client without manners.
func (b *bench) raw(conf *tls.Config) *http.Client {
	t := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	b.t.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

func TestBoundsAndForms(t *testing.T) {
	b := newBench(t)
	client := b.raw(b.tls("se.spoc"))
	envelopes := http.Header{"Content-Type": {api.EnvelopesType}}
	statements := http.Header{"Content-Type": {api.StatementsType}}
	want := http.Header{"Content-Type": {api.JSONType}}
	for _, c := range []struct {
		name, method, target string
		header               http.Header
		body                 string
		code                 problem.Code
	}{
		{"no such path", "GET", "/v1/nothing", nil, "", problem.NotFound},
		{"no such method", "DELETE", "/v1/envelopes", nil, "", problem.NotFound},
		{"body too long", "POST", "/v1/envelopes", envelopes, strings.Repeat("x", api.MaxSequence+1), problem.Oversize},
		{"no media type", "POST", "/v1/envelopes", nil, "x", problem.TextMalformed},
		{"other media type", "POST", "/v1/envelopes", want, "x", problem.TextMalformed},
		{"no items", "POST", "/v1/envelopes", envelopes, "", problem.TextMalformed},
		{"257 items", "POST", "/v1/envelopes", envelopes, strings.Repeat("\x00\x00\x00\x01x", api.MaxItems+1), problem.TextMalformed},
		{"a length past the end", "POST", "/v1/envelopes", envelopes, "\x00\x00\x00\x01x\x00\x00\x00\x02x", problem.TextMalformed},
		{"a length without end", "POST", "/v1/envelopes", envelopes, "\xff\xff\xff\xffx", problem.TextMalformed},
		{"cut in a length", "POST", "/v1/statements", statements, "\x00\x00\x00\x01x\x00\x00", problem.TextMalformed},
		{"an envelope by itself", "POST", "/v1/envelopes", envelopes, "samband/message/v1\n", problem.TextMalformed},
		{"a bundle without its hash", "GET", "/v1/catalogue/", nil, "", problem.NotFound},
		{"a bundle by another name", "GET", "/v1/catalogue/catalogue.zip", nil, "", problem.TextMalformed},
		{"a bundle by the register's spelling", "GET", "/v1/catalogue/" + url.PathEscape(schema.BundleHash{}.String()), nil, "", problem.TextMalformed},
		{"a bundle in capitals", "GET", "/v1/catalogue/" + strings.ToUpper(schema.BundleHash{0xab}.Hex()), nil, "", problem.TextMalformed},
		{"a bundle behind the bundle", "GET", "/v1/catalogue/" + schema.BundleHash{}.Hex() + "/..%2f..", nil, "", problem.NotFound},
		{"a bundle and a query", "GET", "/v1/catalogue/" + schema.BundleHash{}.Hex() + "?from=1", nil, "", problem.TextMalformed},
		{"a bundle that is not there", "GET", "/v1/catalogue/" + schema.BundleHash{}.Hex(), nil, "", problem.BundleMissing},
		{"consistency from nowhere", "GET", "/v1/consistency?to=1", nil, "", problem.TextMalformed},
		{"consistency to nowhere", "GET", "/v1/consistency?from=1", nil, "", problem.TextMalformed},
		{"consistency backward", "GET", "/v1/consistency?from=2&to=1", nil, "", problem.TextMalformed},
		{"consistency of no number", "GET", "/v1/consistency?from=-1&to=1", nil, "", problem.TextMalformed},
		{"head not a number", "POST", "/v1/envelopes", http.Header{"Content-Type": {api.EnvelopesType}, api.AuditHeader: {"-1"}}, "x", problem.TextMalformed},
		{"head twice", "GET", "/v1/progress", http.Header{api.AuditHeader: {"1", "1"}}, "", problem.TextMalformed},
		{"cursor malformed", "GET", "/v1/progress?after=01", nil, "", problem.TextMalformed},
		{"wait too long", "POST", "/v1/inbox?wait=56", http.Header{"Content-Type": {api.JSONType}}, "{}", problem.TextMalformed},
		{"inbox by a cursor", "POST", "/v1/inbox?after=1", http.Header{"Content-Type": {api.JSONType}}, "{}", problem.TextMalformed},
		{"held malformed", "POST", "/v1/inbox", http.Header{"Content-Type": {api.JSONType}}, `{"held":"AAAA"}`, problem.TextMalformed},
		{"inbox read as before", "GET", "/v1/inbox", nil, "", problem.NotFound},
		{"limit zero", "GET", "/v1/progress?limit=0", nil, "", problem.TextMalformed},
		{"limit too high", "GET", "/v1/progress?limit=101", nil, "", problem.TextMalformed},
		{"limit twice", "GET", "/v1/progress?limit=1&limit=1", nil, "", problem.TextMalformed},
		{"unknown name", "GET", "/v1/progress?offset=1", nil, "", problem.TextMalformed},
		{"query malformed", "GET", "/v1/progress?after=%zz", nil, "", problem.TextMalformed},
		{"query too long", "GET", "/v1/progress?after=" + strings.Repeat("1", maxQuery), nil, "", problem.Oversize},
		{"want with spaces", "POST", "/v1/want", want, `{"message": "KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`, problem.TextMalformed},
		{"want of two", "POST", "/v1/want", want, `{"message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s=","also":1}`, problem.TextMalformed},
		{"want of nothing", "POST", "/v1/want", want, `{}`, problem.TextMalformed},
		{"a media type in capitals, with a parameter", "POST", "/v1/want", http.Header{"Content-Type": {"Application/JSON; charset=utf-8"}}, `{"message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`, problem.UnknownMessage},
		{"cursor with two zeros", "GET", "/v1/progress?after=00", nil, "", problem.TextMalformed},
		{"entry as a statement", "POST", "/v1/entries", http.Header{"Content-Type": {api.StatementsType}}, "x", problem.TextMalformed},
		{"entry too long", "POST", "/v1/entries", http.Header{"Content-Type": {"application/vnd.samband.entry"}}, strings.Repeat("x", 1<<16), problem.Oversize},
		{"well formed want", "POST", "/v1/want", want, `{"message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`, problem.UnknownMessage},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := must(http.NewRequest(c.method, b.url+c.target, strings.NewReader(c.body)))(t)
			if c.header != nil {
				req.Header = c.header.Clone()
			}
			resp := must(client.Do(req))(t)
			defer resp.Body.Close()
			var d api.Document
			if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
				t.Fatal(err)
			}
			if d.Code != c.code || resp.StatusCode != c.code.Row().Status || resp.Header.Get("Content-Type") != api.ProblemType {
				t.Errorf("status %d, %s, %+v", resp.StatusCode, resp.Header.Get("Content-Type"), d)
			}
		})
	}
	if len(b.service.envelopes) != 0 {
		t.Error("something reached the service")
	}
	if err := b.handOn(context.Background()); err != nil || b.summed["se.spoc"] != 40 {
		t.Errorf("refusals handed on: %v, %v", b.summed, err)
	}
}

// A body without a length is bounded as it is read.
func TestEndlessBodyIsCutOff(t *testing.T) {
	b := newBench(t)
	endless := io.MultiReader(strings.NewReader("x"), endlessReader{})
	req := must(http.NewRequest("POST", b.url+"/v1/statements", endless))(t)
	req.Header.Set("Content-Type", api.StatementsType)
	resp, err := b.raw(b.tls("se.spoc")).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

type endlessReader struct{}

func (endlessReader) Read(b []byte) (int, error) { return len(b), nil }

// A marker in bodies, queries and headers appears in no log line.
func TestNothingOfARequestIsLogged(t *testing.T) {
	const marker = "Hemlig-Åkesson"
	b := newBench(t)
	client := b.raw(b.tls("se.spoc"))
	b.service.failWith(errors.New("disk on fire"))
	for _, target := range []string{"/v1/envelopes", "/v1/want?x=Hemlig", "/v1/Hemlig"} {
		req := must(http.NewRequest("POST", b.url+target, bytes.NewReader(api.AppendItem(nil, []byte(marker)))))(t)
		req.Header.Set("Content-Type", api.EnvelopesType)
		req.Header.Set("X-Note", "Hemlig")
		resp := must(client.Do(req))(t)
		resp.Body.Close()
	}
	if !strings.Contains(b.log.String(), "disk on fire") {
		t.Error("the fault is not in the log")
	}
	if strings.Contains(b.log.String(), "Hemlig") {
		t.Errorf("the log repeats the request: %s", b.log.String())
	}
}

func TestContractIsServed(t *testing.T) {
	b := newBench(t)
	resp := must(b.raw(b.tls("se.spoc")).Get(b.url + "/v1/openapi.json"))(t)
	defer resp.Body.Close()
	var doc struct{ OpenAPI string }
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("document of version %q, %v", doc.OpenAPI, err)
	}
	if resp.ProtoMajor != 2 {
		t.Errorf("served over %s", resp.Proto)
	}
}
