// Package local is the socket through which the programs of one machine ask the
// process that serves a folder: a broker's or a desk's.
//
//	ln, err := local.Listen(path)
//	err = local.Serve(ctx, ln, local.Calls{"status": local.Answer(status)})
//
//	c := local.NewClient("desk", dir, path)
//	answer, err := local.Ask[map[string]any](ctx, c, "status", struct{}{})
//
// Every call is a POST with JSON in and JSON out; a refusal is an RFC 9457 document. A
// passphrase alone comes as its own bytes ([AnswerPassphrase]): JSON would leave copies of
// it in memory that nobody can clear.
// Whoever may write to the socket's file is the folder's owner, so he is told the
// text of a fault, which no other machine is.
package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// Bounds of a call and of its answer. A call takes an envelope's worth of
// attachments in base64 and more; an answer takes every proof of a long listing.
const (
	MaxCall   = 6 << 20
	MaxAnswer = 64 << 20
)

// PassphraseType is the media type of a call that is a passphrase, of MaxPassphrase bytes
// at most.
const (
	PassphraseType = "application/vnd.samband.passphrase"
	MaxPassphrase  = 64 << 10
)

// maxGrace is how long calls that run have to end when serving ends.
const maxGrace = 2 * time.Second

// Bounds of a connection: a caller that says nothing, or takes nothing, keeps no place for
// ever, and when all places are taken the newest caller gets the least used one.
const (
	maxIdle    = 2 * time.Minute
	idleHere   = 30 * time.Second // after which a Client closes its own, before the server does
	maxReading = 30 * time.Second // of one call
	maxWriting = time.Minute      // of one answer
	maxCallers = 128
)

// Listen opens the socket. What a process that ended left there is removed; what
// somebody serves is not. The socket has its mode before it has its name, so there
// is no moment at which another user could connect.
func Listen(path string) (net.Listener, error) {
	at, err := reach(path)
	if err != nil {
		return nil, fmt.Errorf("open the local socket: %w", err)
	}
	if err := removeStale(path, at.path); err != nil {
		at.Close()
		return nil, fmt.Errorf("open the local socket: %w", err)
	}
	conf := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) { err = ownersOnly(fd) }), err)
	}}
	ln, err := conf.Listen(context.Background(), "unix", at.path)
	if err != nil {
		at.Close()
		return nil, fmt.Errorf("open the local socket: %w", err)
	}
	return &listener{Listener: ln, at: at}, nil
}

// A listener removes its socket by the path that it has it by.
type listener struct {
	net.Listener
	once sync.Once
	at   *place
}

func (l *listener) Close() error {
	err := l.Listener.Close()
	l.once.Do(l.at.Close)
	return err
}

// removeStale removes what is left at a path; at is the path by which to reach it.
func removeStale(path, at string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is a file of another kind: move it away", path)
	}
	conn, err := net.Dial("unix", at)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another process serves %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// Serve answers on the socket until ctx ends. Calls that run then see it end too, and may
// still answer for a moment: the socket takes no further call before they do.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: maxIdle, DisableGeneralOptionsHandler: true,
		ConnState:   newPlaces(maxCallers).changed,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
	})
	err := server.Serve(ln)
	if !stop() {
		<-ended
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the local socket: %w", err)
	}
	return nil
}

// Calls are the handlers of calls by their names. A call is the POST to one exact path,
// and everything else is a problem too.
type Calls map[string]http.Handler

const prefix = "/v1/"

func (c Calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, under := strings.CutPrefix(r.RequestURI, prefix)
	if h := c[name]; h != nil && under && r.Method == http.MethodPost {
		h.ServeHTTP(w, r)
		return
	}
	answer(w, nil, problem.New(problem.NotFound, "there is no such call"))
}

// Answer makes the handler of a call.
func Answer[In, Out any](call func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		taken := reading(w)
		err := read(http.MaxBytesReader(w, r.Body, MaxCall), &in)
		taken()
		if err != nil {
			answer(w, nil, err)
			return
		}
		out, err := call(r.Context(), in)
		answer(w, out, err)
	})
}

// AnswerPassphrase makes the handler of a call that is a passphrase. It clears the
// passphrase when the call has returned.
func AnswerPassphrase(call func(context.Context, []byte) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, MaxPassphrase+1)
		defer clear(buffer)
		taken := reading(w)
		passphrase, err := readPassphrase(r, buffer)
		taken()
		if err == nil {
			err = call(r.Context(), passphrase)
		}
		answer(w, struct{}{}, err)
	})
}

// readPassphrase reads a passphrase into a buffer, which is one byte longer than a
// passphrase may be.
func readPassphrase(r *http.Request, buffer []byte) ([]byte, error) {
	if t := r.Header.Get("Content-Type"); t != PassphraseType {
		return nil, problem.New(problem.BodyMalformed, "this call is a passphrase of the type %s, not of the type %q", PassphraseType, t)
	}
	n, err := io.ReadFull(r.Body, buffer)
	switch {
	case err == nil:
		return nil, problem.New(problem.Oversize, "a passphrase passes the bound of %d bytes", MaxPassphrase)
	case n == 0, r.ContentLength >= 0 && int64(n) != r.ContentLength, !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, problem.New(problem.BodyMalformed, "the passphrase is empty or did not arrive whole")
	}
	return buffer[:n], nil
}

// answer writes what a call returned.
func answer(w http.ResponseWriter, out any, err error) {
	var b []byte
	if err == nil {
		b, err = encode(out)
	}
	if err == nil && len(b) > MaxAnswer {
		err = problem.New(problem.Oversize, "the answer passes the bound of %d bytes: ask for less", MaxAnswer)
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(maxWriting)) // a test's writer has none
	w.Header().Set("Content-Type", api.JSONType)
	if err != nil {
		doc := refusal(err).Document()
		w.Header().Set("Content-Type", api.ProblemType)
		w.WriteHeader(doc.Status)
		b, _ = encode(doc) // strings and numbers always encode
	}
	_, _ = w.Write(b)
}

// read reads a call: one JSON value, whose members are all known.
func read(body io.Reader, in any) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return problem.New(problem.Oversize, "a call passes the bound of %d bytes", MaxCall)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(in)
	if err == nil && len(bytes.TrimSpace(b[d.InputOffset():])) > 0 {
		err = errors.New("it is more than one JSON value")
	}
	if err != nil {
		return problem.New(problem.BodyMalformed, "the call is not in its form: %v", err)
	}
	return nil
}

// encode writes JSON without the escapes that only a web page needs: a body that
// passes through keeps its bytes, but for white space between them.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// reading bounds how long a call may take to arrive, until it is told that it has.
func reading(w http.ResponseWriter) (taken func()) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(maxReading)) // a test's writer has none
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}

// A Fault is an error that is told as a refusal to whoever asked by the socket, and is none
// inside of the program.
type Fault interface {
	error
	Refusal() *problem.Problem
}

// refusal is the problem in err's chain, or that of a [Fault], or LOCAL_FAULT with the text of the fault. What
// only the wire may say, that it is tried again, is not said of a command.
func refusal(err error) *api.Refusal {
	p, refused := problem.Of(err)
	fault, ok := errors.AsType[Fault](err)
	switch {
	case !refused && ok:
		p = fault.Refusal()
	case !refused:
		p = problem.New(problem.LocalFault, "%v%s", err, whose(err))
	case p.Code == problem.Internal:
		p = problem.New(problem.LocalFault, "%s", p.Detail)
	}
	return &api.Refusal{Problem: p}
}

// A Client asks through a socket. It connects at the first call.
type Client struct {
	what string // that is served: "desk"
	http *http.Client
}

// NewClient makes a Client of what is served at a socket, which lies in the folder dir or
// was named by the settings there, what.yaml.
func NewClient(what, dir, path string) *Client {
	return &Client{what, &http.Client{Transport: &http.Transport{
		IdleConnTimeout: idleHere,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx, path)
			if err != nil {
				return nil, unreachable(what, dir, err)
			}
			return conn, nil
		},
	}}}
}

// Close closes the connections that no call uses. The Client may be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ask makes one call. A refusal is a problem, ErrNotServed says that nobody answers.
func Ask[Out any](ctx context.Context, c *Client, call string, in any) (out Out, err error) {
	b, err := encode(in)
	if err != nil {
		return out, problem.New(problem.BodyMalformed, "the call is not in its form: %v", err)
	}
	answer, err := c.post(ctx, call, api.JSONType, b)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("read the answer of the %s to %s: %w", c.what, call, err)
	}
	return out, nil
}

// AskPassphrase makes a call that is a passphrase. The caller clears it.
func AskPassphrase(ctx context.Context, c *Client, call string, passphrase []byte) error {
	_, err := c.post(ctx, call, PassphraseType, passphrase)
	return err
}

func (c *Client) post(ctx context.Context, call, mediaType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.what+prefix+call, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the %s: %w", c.what, err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := c.http.Do(req)
	if u, ok := errors.AsType[*Unreachable](err); ok {
		return nil, u
	}
	if err != nil {
		return nil, fmt.Errorf("ask the %s: %w", c.what, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask the %s: %w", c.what, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.refused(resp.StatusCode, answer)
	}
	return answer, nil
}

func (c *Client) refused(status int, answer []byte) error {
	var doc api.Document
	_ = json.Unmarshal(answer, &doc) // what is no document has no code
	if _, known := problem.Lookup(doc.Code); !known {
		return fmt.Errorf("the %s answered with status %d", c.what, status)
	}
	return problem.New(doc.Code, "%s", doc.Detail)
}
