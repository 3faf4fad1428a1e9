package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// ErrUnreachable is in the chain of each error that tells of no answer: the
// network, the broker's host, its key, a connection cut in between.
// Whether the broker took the request in is unknown; repeat the same bytes.
var ErrUnreachable = errors.New("no answer from the broker")

// ErrBroken is beside it in the chain where a connection was there: this call broke on it,
// and another, shorter one may pass.
var ErrBroken = errors.New("the call broke off")

// Config of a Client.
type Config struct {
	URL     string        // https, host and port alone, such as https://broker.nordic.example:8443
	TLS     *tls.Config   // TLS 1.3 with the desk's key, and a check of the broker's
	Timeout time.Duration // for one call that moves nothing, a long poll's wait not counted; zero is 30 s
}

// A Client calls a broker as one desk. Its methods are those of a Service
// without the caller, which the key of the connection names. Their errors are a *Refusal
// or wrap ErrUnreachable.
//
// What is large has a connection of its own: envelopes of more than [MaxSmall] bytes, the
// large part of the inbox, the register and bundles. So no short message stands behind
// it in the buffers of one connection; where the line is slow, the two share it.
type Client struct {
	base         string
	small, large lane
	timeout      time.Duration

	fresh  atomic.Pointer[func()] // called for each connection that is not shown
	clocks atomic.Pointer[clocks]
}

// A lane is a connection at a time, over which calls go.
type lane struct {
	http        *http.Client
	connections connections
}

func (c *Client) lane(large bool) *lane {
	if large {
		return &c.large
	}
	return &c.small
}

// New makes a Client. It connects at the first call.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("the broker's URL is not https://host:port")
	}
	if c.TLS == nil || c.TLS.MinVersion < tls.VersionTLS13 {
		return nil, errors.New("the TLS settings do not ask for TLS 1.3")
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	client := &Client{base: "https://" + u.Host, timeout: c.Timeout, small: newLane(c.TLS), large: newLane(c.TLS)}
	client.Clocks(time.Now, func(signed.Time) {})
	return client, nil
}

func newLane(conf *tls.Config) lane {
	conf = conf.Clone()
	conf.NextProtos = []string{"h2"}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return NewLine(conn), nil // a dead path shows within 20 seconds, also in a long poll
		},
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    dialTimeout,
		Protocols:              protocols,
		MaxResponseHeaderBytes: 16 << 10,
		IdleConnTimeout:        2 * time.Minute,
		DisableCompression:     true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: PingAfter, PingTimeout: PingTimeout},
	}
	return lane{http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// clocks are the caller's clock, and who compares the log's with it.
type clocks struct {
	now   func() time.Time
	heard func(at signed.Time)
}

// Clocks sets the clock by which the caller tells the time in each call, and what is
// called, in the course of other calls, with the log's time in each answer. Before it
// the clock is the machine's, and nobody hears of the log's.
func (c *Client) Clocks(now func() time.Time, heard func(at signed.Time)) {
	c.clocks.Store(&clocks{now, heard})
}

// dialTimeout is for a connection, and then for its handshake.
const dialTimeout = 15 * time.Second

// Close lets go of idle connections.
func (c *Client) Close() {
	c.small.http.CloseIdleConnections()
	c.large.http.CloseIdleConnections()
}

func noAnswer(format string, args ...any) error {
	return &Refusal{Problem: problem.New(problem.Internal, format, args...)}
}

// A request is one call as it is sent.
type request struct {
	route *Route
	path  string // where it is not the route's
	query url.Values
	heads Heads
	body  []byte
	wait  time.Duration
	large bool // it goes by the connection for what is large
}

// call makes one call and reads its answer into an A.
func call[A any](ctx context.Context, c *Client, r request) (*A, error) {
	status, header, answer, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return read[A](status, header, answer)
}

// send sends the request of one call.
func (c *Client) send(ctx context.Context, r request) (int, http.Header, []byte, error) {
	path := cmp.Or(r.path, r.route.Path)
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	lane := c.lane(r.large)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if fresh := c.fresh.Load(); !lane.connections.used(info.Conn) && fresh != nil {
			(*fresh)()
		}
	}})
	req, err := http.NewRequestWithContext(ctx, r.route.Method, c.base+path, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("make request %s: %w", r.route.Operation, err)
	}
	if r.route.Request != "" {
		req.Header.Set("Content-Type", r.route.Request)
	}
	req.Header.Set(AuditHeader, signed.FormatInt(r.heads.Audit))
	req.Header.Set(RegisterHeader, signed.FormatInt(r.heads.Register))
	status, header, answer, err := c.do(lane, req, r.wait)
	if err != nil {
		err = fmt.Errorf("%s: %w", r.route.Operation, err)
	}
	return status, header, answer, err
}

// do sends a request, and reads its answer. It ends when too little moves.
func (c *Client) do(lane *lane, req *http.Request, wait time.Duration) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	spell := NewSpell(c.timeout+wait, func() { cancel(ErrTooSlow) })
	defer spell.Stop()
	connected := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = moving{req.Body, spell}
	}
	if body := req.GetBody; body != nil && req.Body != http.NoBody {
		req.GetBody = func() (io.ReadCloser, error) {
			again, err := body()
			return moving{again, spell}, err
		}
	}
	clocks := c.clocks.Load()
	req.Header.Set(ClockHeader, signed.At(clocks.now()).String())
	resp, err := lane.http.Do(req)
	var b []byte
	if err == nil {
		defer resp.Body.Close()
		if at, err := signed.ParseTime(resp.Header.Get(ClockHeader)); err == nil {
			clocks.heard(at)
		}
		b, err = io.ReadAll(io.LimitReader(moving{resp.Body, spell}, MaxAnswer+1))
	}
	if err != nil {
		if context.Cause(ctx) == ErrTooSlow {
			err = ErrTooSlow
		}
		return 0, nil, nil, unreachable(err, connected)
	}
	return resp.StatusCode, resp.Header, b, nil
}

// A moving body says what is read of it.
type moving struct {
	io.ReadCloser
	spell *Spell
}

func (m moving) Read(b []byte) (int, error) {
	n, err := m.ReadCloser.Read(b)
	m.spell.Moved(n)
	return n, err
}

// read turns an answer into an A or a Refusal.
func read[A any](status int, header http.Header, body []byte) (*A, error) {
	if len(body) > MaxAnswer {
		return nil, noAnswer("an answer passes the bound of %d bytes", MaxAnswer)
	}
	if values(body) > maxValues {
		return nil, noAnswer("an answer has more than %d values", maxValues)
	}
	switch {
	case status == http.StatusNoContent:
		return new(A), nil
	case status != http.StatusOK:
		return nil, parseRefusal(status, header, body)
	case mediaType(header.Get("Content-Type")) != JSONType:
		return nil, stray(status)
	}
	a := new(A)
	if err := json.Unmarshal(body, a); err != nil {
		return nil, stray(status)
	}
	return a, nil
}

// maxValues bounds the values of an answer: of two bytes each, MaxAnswer would take
// millions, and each needs a hundred times as much once it is read. The longest
// answer has less than a third of it: 256 refused items, each at most 17 values
// (2 of the item, its place in the list, 10 of the problem, 4 of the end), 1,000
// entries of the register beside them, and a dozen of the catchup. A page of a
// feed, with 100 items of at most 12 values and 100 messages asked for again, has
// fewer.
const maxValues = 16 << 10

// values counts what an answer in JSON has at most: brackets and commas outside
// strings. It reads nothing into them.
func values(body []byte) (n int) {
	quoted := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case !quoted:
			if c == ',' || c == '[' || c == '{' {
				n++
			}
		case c == '\\':
			i++
		}
	}
	return n
}

func mediaType(contentType string) string {
	m, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return m
}
