package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// serve runs a handler over HTTP/2 and TLS 1.3 on loopback and returns a Client
// of it.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c, err := New(Config{URL: s.URL, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answerWith(status int, mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

func TestARefusalCrossesTheWire(t *testing.T) {
	sent := &Refusal{
		Problem: problem.New(problem.AlreadyEnded, "it was handed over"), Accepted: signed.HashOf("text"), Proof: "proof",
		End:     &Fact{envelope.HandedOver, []byte("note"), "its proof", nil},
		Catchup: &Catchup{Audit: AuditCatchup{Checkpoint: "checkpoint", Consistency: []signed.Hash{signed.HashOf("hash")}}},
	}
	body, err := json.Marshal(sent.Document())
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, answerWith(Status(problem.AlreadyEnded), ProblemType, string(body)))
	_, err = c.State(context.Background(), Heads{}, []byte("note"))
	var got *Refusal
	if !errors.As(err, &got) || !reflect.DeepEqual(got, sent) {
		t.Errorf("received %+v, sent %+v", got, sent)
	}
	if p, ok := problem.Of(err); !ok || p.Class() != problem.Final {
		t.Errorf("%v is not a final problem", err)
	}
}

// What is not a problem of the contract must never end a message: it is
// INTERNAL, to be tried again.
func TestStrayAnswersAreRetried(t *testing.T) {
	document := func(edit func(*Document)) string {
		d := (&Refusal{Problem: problem.New(problem.NoAgreement, "none")}).Document()
		edit(d)
		b, _ := json.Marshal(d)
		return string(b)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"page of a proxy":     answerWith(502, "text/html", "<h1>Bad gateway</h1>"),
		"other media type":    answerWith(422, JSONType, document(func(*Document) {})),
		"unknown code":        answerWith(422, ProblemType, document(func(d *Document) { d.Code = "SOMETHING_NEW" })),
		"class altered":       answerWith(422, ProblemType, document(func(d *Document) { d.Class = problem.Retry })),
		"status of another":   answerWith(400, ProblemType, document(func(d *Document) { d.Status = 400 })),
		"two statuses":        answerWith(422, ProblemType, document(func(d *Document) { d.Status = 400 })),
		"not JSON":            answerWith(422, ProblemType, "no"),
		"success, not JSON":   answerWith(200, JSONType, "no"),
		"success, other type": answerWith(200, "text/html", "{}"),
		"redirect":            answerWith(302, "text/html", ""),
		"hash malformed":      answerWith(200, JSONType, `{"catchup":{"audit":{"consistency":["AAAA"]}}}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, answer).Submit(context.Background(), Heads{}, []byte("x"))
			if p, ok := problem.Of(err); !ok || p.Code != problem.Internal || p.Class() != problem.Retry {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestDetailIsMadeSafe(t *testing.T) {
	d := (&Refusal{Problem: problem.New(problem.NoAgreement, "\x1b[2J%s", strings.Repeat("x", 5000))}).Document()
	b, _ := json.Marshal(d)
	_, err := serve(t, answerWith(422, ProblemType, string(b))).Submit(context.Background(), Heads{}, nil)
	p, _ := problem.Of(err)
	if strings.Contains(p.Detail, "\x1b") || len(p.Detail) != maxDetail {
		t.Errorf("a detail of %d bytes: %.20q", len(p.Detail), p.Detail)
	}
}

// An answer within its bytes can't hold items without end: it is refused before it
// is read.
func TestItemsWithoutEnd(t *testing.T) {
	longest := &InboxAnswer{Items: make([]InboxItem, 2*MaxLimit)}
	for i := range longest.Items {
		longest.Items[i] = InboxItem{Envelope: []byte(`{",[`), Acceptance: `"\"{{{{,,,,[[[[`, Consigned: &Fact{}}
	}
	longest.Catchup.Register.Entries = make([][]byte, MaxEntries)
	longest.Catchup.Audit.Consistency = make([]signed.Hash, 64)
	b, err := json.Marshal(longest)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := serve(t, answerWith(200, JSONType, string(b))).Inbox(context.Background(), Heads{}, Page{}); err != nil || len(a.Items) != 2*MaxLimit {
		t.Errorf("the longest answer: %v", err)
	}
	for _, endless := range []string{
		`{"items":[` + strings.Repeat(`{},`, maxValues) + `{}]}`,
		`{"again":[` + strings.Repeat(`"",`, maxValues) + `""]}`,
		`{"catchup":{"register":{"entries":[` + strings.Repeat(`"",`, maxValues) + `""]}}}`,
	} {
		_, err := serve(t, answerWith(200, JSONType, endless)).Inbox(context.Background(), Heads{}, Page{})
		if p, ok := problem.Of(err); !ok || p.Code != problem.Internal || !strings.Contains(p.Detail, "values") {
			t.Errorf("%.30s…: error %v", endless, err)
		}
	}
}

func TestEndlessAnswerIsCutOff(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", JSONType)
		for chunk := make([]byte, 1<<20); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := c.Inbox(context.Background(), Heads{}, Page{})
	if p, ok := problem.Of(err); !ok || p.Code != problem.Internal {
		t.Errorf("error %v", err)
	}
}

func TestNoAnswerIsUnreachable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "https://" + ln.Addr().String()
	ln.Close()
	cut := func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	late, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	other := serve(t, answerWith(200, JSONType, "{}"))
	other.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
	nobody, err := New(Config{URL: closed, TLS: &tls.Config{MinVersion: tls.VersionTLS13}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client *Client
		ctx    context.Context
	}{
		"nobody listens":     {nobody, context.Background()},
		"cut off":            {serve(t, cut), context.Background()},
		"too late":           {serve(t, hang), late},
		"another's identity": {other, context.Background()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.client.Register(c.ctx, Heads{}, 77, 1)
			if !errors.Is(err, ErrUnreachable) {
				t.Errorf("error %v", err)
			}
			if _, ok := problem.Of(err); ok || strings.Contains(err.Error(), "77") {
				t.Errorf("error %v is a problem or shows the query", err)
			}
		})
	}
	if late.Err() == nil {
		t.Error("the late call came back early")
	}
}

func TestNewRefusesUnsafeSettings(t *testing.T) {
	good := &tls.Config{MinVersion: tls.VersionTLS13}
	for name, c := range map[string]Config{
		"plain HTTP": {URL: "http://broker.nordic.example", TLS: good},
		"path":       {URL: "https://broker.nordic.example/v1", TLS: good},
		"user":       {URL: "https://se.spoc@broker.nordic.example", TLS: good},
		"no TLS":     {URL: "https://broker.nordic.example"},
		"old TLS":    {URL: "https://broker.nordic.example", TLS: &tls.Config{}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestRefusalOfHidesFaults(t *testing.T) {
	if d := RefusalOf(errors.New("open /secret")).Document(); d.Code != problem.Internal || strings.Contains(d.Detail, "secret") {
		t.Errorf("document %+v", d)
	}
}

func FuzzRefusal(f *testing.F) {
	for _, e := range problem.List() {
		b, _ := json.Marshal((&Refusal{Problem: problem.New(e.Code, "words"), RetryAfter: RetryAfter(e.Code)}).Document())
		f.Add(Status(e.Code), string(b), FormatRetryAfter(RetryAfter(e.Code)))
	}
	f.Add(200, "{}", "-1")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		h := http.Header{"Content-Type": {ProblemType}, "Retry-After": {after}}
		r := parseRefusal(status, h, []byte(body))
		if _, ok := problem.Lookup(r.Problem.Code); !ok {
			t.Fatalf("code %q", r.Problem.Code)
		}
		if r.Problem.Code != problem.Internal && Status(r.Problem.Code) != status {
			t.Errorf("status %d is read as %s", status, r.Problem.Code)
		}
		if r.Problem.Code == problem.Internal {
			return
		}
		written, err := json.Marshal(r.Document())
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(parseRefusal(status, h, written).Document())
		if err != nil || string(again) != string(written) {
			t.Errorf("%s is read and written as %s", written, again)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("0")
	f.Add("4712")
	f.Add("9007199254740991")
	f.Add("007")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err == nil && s != "" && c.String() != s {
			t.Errorf("%q is read as %s", s, c)
		}
	})
}
