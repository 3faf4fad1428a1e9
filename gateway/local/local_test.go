package local

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
)

type echo struct {
	Text string `json:"text"`
}

// serve answers "echo" with its own text, "refuse" with a problem, "fail" with a
// fault, and "much" with more than an answer may have.
func serve(t *testing.T, path string) *Client {
	t.Helper()
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	calls := Calls{
		"echo":   Answer(func(_ context.Context, in echo) (echo, error) { return in, nil }),
		"refuse": Answer(func(context.Context, echo) (*echo, error) { return nil, problem.New(problem.UnknownDesk, "xx.spoc") }),
		"fail":   Answer(func(context.Context, echo) (*echo, error) { return nil, errors.New("the disk is gone") }),
		"much":   Answer(func(context.Context, echo) (echo, error) { return echo{strings.Repeat("x", MaxAnswer)}, nil }),
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- Serve(ctx, ln, calls) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return NewClient("test", filepath.Dir(path), path)
}

func TestCalls(t *testing.T) {
	c := serve(t, filepath.Join(t.TempDir(), "socket"))
	const text = "<a & b>\u2028"
	if out, err := Ask[echo](t.Context(), c, "echo", echo{text}); err != nil || out.Text != text {
		t.Errorf("%q, %v", out, err)
	}
	for call, want := range map[string]string{
		"refuse": "UNKNOWN_DESK: xx.spoc", "fail": "LOCAL_FAULT: the disk is gone", "much": "OVERSIZE: the answer passes", "none": "NOT_FOUND: there is no such call",
	} {
		if _, err := Ask[echo](t.Context(), c, call, echo{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", call, err)
		}
	}
	for name, in := range map[string]any{
		"an unknown member": map[string]int{"texts": 1}, "another type": map[string]int{"text": 1}, "no object": "text", "no JSON": make(chan int),
	} {
		if _, err := Ask[echo](t.Context(), c, "echo", in); problem.CodeOf(err) != problem.BodyMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Ask[echo](t.Context(), c, "echo", echo{strings.Repeat("x", MaxCall)}); problem.CodeOf(err) != problem.Oversize {
		t.Errorf("too long a call: %v", err)
	}
	if err := read(strings.NewReader(`{} {}`), new(echo)); problem.CodeOf(err) != problem.BodyMalformed {
		t.Errorf("two values: %v", err)
	}
}

// A call is a POST to one exact path. All else is a problem in its form, not what a
// multiplexer makes of it.
func TestPathsAreExact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	serve(t, path)
	for _, line := range []string{
		"GET /v1/echo", "OPTIONS *", "CONNECT v1:80", "POST //v1//echo", "POST /v1/../v1/echo", "POST /v1/%65cho", "POST /v1/echo/", "POST /v1/echo?x=1",
		"POST http://test/v1/echo", "POST /v1/", "HEADS /v1/echo",
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", line)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var doc api.Document
		if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || doc.Code != problem.NotFound || resp.StatusCode != doc.Status {
			t.Errorf("%s: status %d, %+v, %v", line, resp.StatusCode, doc, err)
		}
		conn.Close()
	}
}

// A passphrase arrives as its own bytes, in a type of its own, within its bound, and
// nothing is left of it afterwards.
func TestPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	var last []byte
	var got string
	h := AnswerPassphrase(func(_ context.Context, passphrase []byte) error {
		last, got = passphrase, string(passphrase)
		return nil
	})
	go Serve(t.Context(), ln, h)
	c := NewClient("test", filepath.Dir(path), path)
	for name, want := range map[string]string{
		"words": "winter ferry lighthouse", "any bytes": "\x00\n\xff\"", "the longest": strings.Repeat("x", MaxPassphrase),
	} {
		if err := AskPassphrase(t.Context(), c, "unlock", []byte(want)); err != nil || got != want {
			t.Errorf("%s: %.20q arrives as %.20q, %v", name, want, got, err)
		}
	}
	if err := AskPassphrase(t.Context(), c, "unlock", make([]byte, MaxPassphrase+1)); problem.CodeOf(err) != problem.Oversize {
		t.Errorf("too long: %v", err)
	}
	if err := AskPassphrase(t.Context(), c, "unlock", nil); problem.CodeOf(err) != problem.BodyMalformed {
		t.Errorf("empty: %v", err)
	}
	if _, err := Ask[struct{}](t.Context(), c, "unlock", map[string][]byte{"passphrase": []byte("x")}); problem.CodeOf(err) != problem.BodyMalformed {
		t.Errorf("in JSON: %v", err)
	}
	r := httptest.NewRequest("POST", "/v1/unlock", strings.NewReader("winter"))
	r.Header.Set("Content-Type", PassphraseType)
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got != "winter" || strings.Trim(string(last), "\x00") != "" {
		t.Errorf("%q is left of %q", last, got)
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("win")), 6
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code == http.StatusOK {
		t.Error("half a passphrase is taken")
	}
}

// Who asks for the end gets his answer, and nobody is served after that.
func TestEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	calls := Calls{"end": Answer(func(ctx context.Context, in echo) (echo, error) {
		end()
		<-ctx.Done()
		return in, nil
	})}
	ended := make(chan error)
	go func() { ended <- Serve(ctx, ln, calls) }()
	c := NewClient("test", filepath.Dir(path), path)
	if out, err := Ask[echo](t.Context(), c, "end", echo{"x"}); err != nil || out.Text != "x" {
		t.Errorf("%v, %v", out, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := Ask[echo](t.Context(), c, "end", echo{}); !errors.Is(err, ErrNotServed) {
		t.Errorf("after the end: %v", err)
	}
}

// Only its owner may connect; what is served, or no socket, stays; what a process
// left that ended is replaced.
func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "socket")
	settings(t, dir)
	if _, err := Ask[echo](t.Context(), NewClient("desk", filepath.Dir(path), path), "echo", echo{}); !errors.Is(err, ErrNotServed) || !strings.Contains(err.Error(), "no process serves this desk") {
		t.Errorf("nobody serves: %v", err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	c := serve(t, path)
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("served twice: %v", err)
	}
	if _, err := Ask[echo](t.Context(), c, "echo", echo{}); err != nil {
		t.Errorf("after a second one tried: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("a note"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil || !strings.Contains(err.Error(), "another kind") {
		t.Errorf("over a file: %v", err)
	}
}
