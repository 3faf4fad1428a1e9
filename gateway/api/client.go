package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// ErrUnreachable is in the chain of each error that tells of no answer: the
// network, the broker's host, its certificate, a connection cut in between.
// Whether the broker took the request in is unknown; repeat the same bytes.
var ErrUnreachable = errors.New("no answer from the broker")

// Config of a Client.
type Config struct {
	URL     string        // https, host and port alone, such as https://broker.nordic.example:8443
	TLS     *tls.Config   // TLS 1.3 with the desk's certificate and the broker's CA
	Timeout time.Duration // for one call, a long poll's wait not counted; zero is 30 s
}

// A Client calls a broker as one desk. Its methods are those of a Service
// without the caller, which the certificate names. Their errors are a *Refusal
// or wrap ErrUnreachable.
type Client struct {
	base    string
	http    *http.Client
	timeout time.Duration

	connections connections
	clocks      atomic.Pointer[clocks]
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
	conf := c.TLS.Clone()
	conf.NextProtos = []string{"h2"}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    10 * time.Second,
		Protocols:              protocols,
		MaxResponseHeaderBytes: 16 << 10,
		IdleConnTimeout:        2 * time.Minute,
		DisableCompression:     true,
		// A dead path shows within a quarter of a minute, also in a long poll.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}
	client := &Client{
		base: "https://" + u.Host, timeout: c.Timeout,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	client.Clocks(time.Now, func(signed.Time) {})
	return client, nil
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

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func noAnswer(format string, args ...any) error {
	return &Refusal{Problem: problem.New(problem.Internal, format, args...)}
}

// call makes one call and reads its answer into an A.
func call[A any](ctx context.Context, c *Client, route *Route, heads Heads, query url.Values, body []byte, wait time.Duration) (*A, error) {
	path := route.Path
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	status, header, answer, err := c.send(ctx, route, path, heads, body, wait)
	if err != nil {
		return nil, err
	}
	return read[A](status, header, answer)
}

// send sends the request of one call, to a path with its query.
func (c *Client) send(ctx context.Context, route *Route, path string, heads Heads, body []byte, wait time.Duration) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout+wait)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { c.connections.used(info.Conn) }})
	req, err := http.NewRequestWithContext(ctx, route.Method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("make request %s: %w", route.Operation, err)
	}
	if route.Request != "" {
		req.Header.Set("Content-Type", route.Request)
	}
	req.Header.Set(AuditHeader, signed.FormatInt(heads.Audit))
	req.Header.Set(RegisterHeader, signed.FormatInt(heads.Register))
	status, header, answer, err := c.do(req)
	if err != nil {
		err = fmt.Errorf("%s: %w", route.Operation, err)
	}
	return status, header, answer, err
}

func (c *Client) do(req *http.Request) (int, http.Header, []byte, error) {
	clocks := c.clocks.Load()
	req.Header.Set(ClockHeader, signed.At(clocks.now()).String())
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, unreachable(err)
	}
	defer resp.Body.Close()
	if at, err := signed.ParseTime(resp.Header.Get(ClockHeader)); err == nil {
		clocks.heard(at)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil {
		return 0, nil, nil, unreachable(err)
	}
	return resp.StatusCode, resp.Header, b, nil
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
