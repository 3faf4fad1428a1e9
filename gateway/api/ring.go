package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// ExporterLabel is the label of the TLS exporter (RFC 8446 §7.5) whose 32 bytes, without
// a context, name a connection.
const ExporterLabel = "EXPORTER-samband-connection-v1"

// A Shown is what a desk signs with its statement key to show its locked ring on one
// connection.
type Shown struct {
	Exchange signed.Hash
	Signer   signed.Address
	Exporter signed.Hash
}

var shownForm = signed.Form[Shown]{Title: "samband/connection/v1", Lines: func(s *Shown, l *signed.Lines) {
	l.Exchange(&s.Exchange)
	l.Line("signer").Address(&s.Signer)
	l.Line("exporter").Hash(&s.Exporter)
}}

// Text writes it.
func (s *Shown) Text() string { return shownForm.Text(s) }

// ReadShown reads a whole note that shows a ring. It verifies no signature: that is the
// register's part.
func ReadShown(note []byte) (*signed.Note, *Shown, error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, nil, err
	}
	s, err := shownForm.Parse(n.Text)
	if err != nil {
		return nil, nil, err
	}
	return n, s, nil
}

// Tables lists the forms of this package for SPEC.
func Tables() []signed.Table { return []signed.Table{shownForm.Table(Shown{})} }

var ring = Route{
	Operation: "ring", Method: http.MethodPost, Path: "/v1/ring",
	Request: ringType, MaxBody: maxRing, Shows: true,
	Read: func(c *Call) (Action, error) {
		return func(ctx context.Context, s Service) (any, error) {
			return nil, s.Ring(ctx, c.Caller, c.Exporter, c.Body)
		}, nil
	},
}

// connections are those that a lane's calls went by.
type connections struct {
	mu    sync.Mutex
	last  net.Conn
	shown [2]net.Conn // whose ring the broker has judged, the newest first: a lane has one, and two for a moment
}

func (c *connections) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown[0], c.shown[1] = conn, c.shown[0]
}

// used notes that a call goes by a connection, and tells whether it is shown.
func (c *connections) used(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = conn
	return conn == c.shown[0] || conn == c.shown[1]
}

// any reports whether a call went by any connection.
func (c *connections) any() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last != nil
}

// Connected sets what is called, in the course of other calls, when one goes by a
// connection for which Ring had no answer yet.
func (c *Client) Connected(f func()) { c.fresh.Store(&f) }

// Ring shows the desk's locked ring on each connection that calls go by: sign makes
// the note for the exporter of one.
func (c *Client) Ring(ctx context.Context, sign func(exporter signed.Hash) ([]byte, error)) error {
	err := c.show(ctx, &c.small, sign)
	if c.large.connections.any() {
		err = errors.Join(err, c.show(ctx, &c.large, sign))
	}
	return err
}

func (c *Client) show(ctx context.Context, lane *lane, sign func(exporter signed.Hash) ([]byte, error)) error {
	body := &lateNote{sign: sign}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { body.conn = info.Conn }})
	req, err := http.NewRequestWithContext(ctx, ring.Method, c.base+ring.Path, body)
	if err != nil {
		return fmt.Errorf("make request %s: %w", ring.Operation, err)
	}
	req.Header.Set("Content-Type", ring.Request)
	status, header, answer, err := c.do(lane, req, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", ring.Operation, err)
	}
	_, err = read[struct{}](status, header, answer)
	if p, refused := problem.Of(err); err == nil || refused && p.Class() == problem.Final {
		lane.connections.add(body.conn) // what was refused for good is not asked again
	}
	return err
}

// A lateNote is a body that is made when it is first read: by then the connection is
// known that it goes by.
type lateNote struct {
	sign func(signed.Hash) ([]byte, error)
	conn net.Conn
	rest io.Reader
}

func (n *lateNote) Read(b []byte) (int, error) {
	if n.rest == nil {
		note, err := n.make()
		if err != nil {
			return 0, err
		}
		n.rest = bytes.NewReader(note)
	}
	return n.rest.Read(b)
}

func (n *lateNote) make() ([]byte, error) {
	conn, ok := n.conn.(*tls.Conn)
	if !ok {
		return nil, errors.New("the connection of a call is not known")
	}
	state := conn.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(ExporterLabel, nil, len(signed.Hash{}))
	if err != nil {
		return nil, fmt.Errorf("name a connection: %w", err)
	}
	return n.sign(signed.Hash(exporter))
}
