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

// encoded is an answer as a broker writes it.
func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestARefusalCrossesTheWire(t *testing.T) {
	sent := &Refusal{Problem: problem.New(problem.BrokerBusy, "as many as one desk may"), RetryAfter: 7 * time.Second}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", FormatRetryAfter(sent.RetryAfter))
		answerWith(problem.BrokerBusy.Row().Status, ProblemType, encoded(t, sent.Document()))(w, r)
	})
	_, err := c.State(context.Background(), Heads{}, [][]byte{[]byte("note")})
	var got *Refusal
	if !errors.As(err, &got) || !reflect.DeepEqual(got, sent) {
		t.Errorf("received %+v, sent %+v", got, sent)
	}
}

// What refuses one item brings what stands beside it; the others are answered.
func TestARefusedItemCrossesTheWire(t *testing.T) {
	sent := &Refusal{
		Problem: problem.New(problem.AlreadyEnded, "it was handed over"), Accepted: signed.HashOf("text"), Proof: "proof",
		Stands: &LoggedEvent{envelope.HandedOver, []byte("note"), "its proof", Hashes{signed.HashOf("hash")}},
	}
	notes := [][]byte{[]byte("one"), []byte("two")}
	answer := &StateAnswer{
		Items: []StateItem{
			{Hash: signed.HashOf(notes[0]), Proof: "proof"},
			{Hash: signed.HashOf(notes[1]), Problem: sent.Document()},
		},
		Catchup: Catchup{Audit: AuditCatchup{Checkpoint: "checkpoint", Consistency: Hashes{signed.HashOf("hash")}}},
	}
	c := serve(t, answerWith(200, JSONType, encoded(t, answer)))
	a, err := c.State(context.Background(), Heads{}, notes)
	if err != nil || !reflect.DeepEqual(a, answer) {
		t.Fatalf("received %+v, %v, sent %+v", a, err, answer)
	}
	if err := a.Items[0].Refusal(); err != nil {
		t.Errorf("an item that stands is refused: %v", err)
	}
	var got *Refusal
	if err := a.Items[1].Refusal(); !errors.As(err, &got) || !reflect.DeepEqual(got, sent) {
		t.Errorf("received %+v, sent %+v", got, sent)
	}
	if p, ok := problem.Of(got); !ok || p.Class() != problem.Final {
		t.Errorf("%v is not a final problem", got)
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
		"proof malformed":     answerWith(200, JSONType, `{"catchup":{"audit":{"consistency":"AAAA"}}}`),
		"no items":            answerWith(200, JSONType, `{}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, answer).Submit(context.Background(), Heads{}, [][]byte{[]byte("x")})
			if p, ok := problem.Of(err); !ok || p.Code != problem.Internal || p.Class() != problem.Retry {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Nor must what refuses one item, if it is no problem of the contract.
func TestStrayItemsAreRetried(t *testing.T) {
	for name, edit := range map[string]func(*Document){
		"unknown code":      func(d *Document) { d.Code = "SOMETHING_NEW" },
		"class altered":     func(d *Document) { d.Class = problem.Retry },
		"status of another": func(d *Document) { d.Status = 400 },
		"no status":         func(d *Document) { d.Status = 0 },
		"nothing":           func(d *Document) { *d = Document{} },
	} {
		d := (&Refusal{Problem: problem.New(problem.NoAgreement, "none"), Proof: "proof"}).Document()
		edit(d)
		for _, err := range []error{(&SubmitItem{Problem: d}).Refusal(), (&StateItem{Problem: d}).Refusal()} {
			if p, ok := problem.Of(err); !ok || p.Code != problem.Internal || p.Class() != problem.Retry {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestDetailIsMadeSafe(t *testing.T) {
	d := (&Refusal{Problem: problem.New(problem.NoAgreement, "\x1b[2J%s", strings.Repeat("x", 5000))}).Document()
	_, whole := serve(t, answerWith(422, ProblemType, encoded(t, d))).Submit(context.Background(), Heads{}, [][]byte{nil})
	for _, err := range []error{whole, (&SubmitItem{Problem: d}).Refusal()} {
		p, _ := problem.Of(err)
		if strings.Contains(p.Detail, "\x1b") || len(p.Detail) != maxDetail {
			t.Errorf("a detail of %d bytes: %.20q", len(p.Detail), p.Detail)
		}
	}
}

// An answer within its bytes can't have items without end: it is refused before it
// is read.
func TestItemsWithoutEnd(t *testing.T) {
	longest := &InboxAnswer{Items: make([]InboxItem, 2*MaxLimit)}
	for i := range longest.Items {
		longest.Items[i] = InboxItem{Envelope: []byte(`{",[`), Acceptance: `"\"{{{{,,,,[[[[`, Consigned: &LoggedEvent{}}
	}
	longest.Catchup.Register.Entries = make([][]byte, MaxEntries)
	longest.Catchup.Audit.Consistency = make(Hashes, maxHashes)
	b, err := json.Marshal(longest)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := serve(t, answerWith(200, JSONType, string(b))).Inbox(context.Background(), Heads{}, Ask{}); err != nil || len(a.Items) != 2*MaxLimit {
		t.Errorf("the longest answer: %v", err)
	}
	refused := &SubmitAnswer{Items: make([]SubmitItem, MaxItems), Catchup: longest.Catchup}
	sent := make([][]byte, MaxItems)
	end := &LoggedEvent{envelope.HandedOver, []byte("note"), "proof", make(Hashes, maxHashes)}
	for i := range refused.Items {
		r := &Refusal{Problem: problem.New(problem.AlreadyEnded, `"\"{{{{,,,,[[[[`), Accepted: signed.HashOf("text"), Proof: "proof", Stands: end, Request: "name"}
		refused.Items[i] = SubmitItem{Hash: signed.HashOf(""), Problem: r.Document()}
	}
	body := encoded(t, refused)
	if a, err := serve(t, answerWith(200, JSONType, body)).Submit(context.Background(), Heads{}, sent); err != nil || len(a.Items) != MaxItems {
		t.Errorf("the longest answer to a sequence: %v", err)
	}
	if n := values([]byte(body)); n > maxValues/3 {
		t.Errorf("the longest answer has %d values, more than a third of %d", n, maxValues)
	}
	for _, endless := range []string{
		`{"items":[` + strings.Repeat(`{},`, maxValues) + `{}]}`,
		`{"again":[` + strings.Repeat(`"",`, maxValues) + `""]}`,
		`{"catchup":{"register":{"entries":[` + strings.Repeat(`"",`, maxValues) + `""]}}}`,
	} {
		_, err := serve(t, answerWith(200, JSONType, endless)).Inbox(context.Background(), Heads{}, Ask{})
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
	_, err := c.Inbox(context.Background(), Heads{}, Ask{})
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
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", JSONType)
		for r.Context().Err() == nil {
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			select {
			case <-time.After(10 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}
	slow := serve(t, drip)
	slow.timeout = 100 * time.Millisecond
	late, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	other := serve(t, answerWith(200, JSONType, "{}"))
	other.large.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
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
		"byte by byte":       {slow, context.Background()},
		"another's identity": {other, context.Background()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.client.Register(c.ctx, Heads{}, 987654321, 1, 1)
			if !errors.Is(err, ErrUnreachable) {
				t.Errorf("error %v", err)
			}
			if _, ok := problem.Of(err); ok || strings.Contains(err.Error(), "987654321") {
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
		b, _ := json.Marshal((&Refusal{Problem: problem.New(e.Code, "words"), RetryAfter: e.Pause}).Document())
		f.Add(e.Status, string(b), FormatRetryAfter(e.Pause))
	}
	f.Add(200, "{}", "-1")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		h := http.Header{"Content-Type": {ProblemType}, "Retry-After": {after}}
		r := parseRefusal(status, h, []byte(body))
		if _, ok := problem.Lookup(r.Problem.Code); !ok {
			t.Fatalf("code %q", r.Problem.Code)
		}
		if r.Problem.Code != problem.Internal && r.Problem.Code.Row().Status != status {
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
