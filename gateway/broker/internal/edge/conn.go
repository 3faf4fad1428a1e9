package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A conn is the bytes beneath a TLS connection, and who is at its other end.
type conn struct {
	net.Conn
	edge   *Edge
	source netip.Prefix
	left   int // bytes that it may send before its handshake is over

	// Known when the handshake is over, before any request, and not changed then.
	named    bool
	line     *api.Line      // the bytes beneath, which end when nothing moves
	caller   signed.Address // "" where the certificate names no desk
	chain    []*x509.Certificate
	exporter signed.Hash // names this very connection (SPEC §11.6)
	began    time.Time
	refusal  error // why it is turned away

	mu     sync.Mutex
	known  int64  // size of the register that the caller was identified by
	note   []byte // by which it has shown the locked ring
	closed bool

	// Under the lock of edge.desks.
	shown    bool // the locked ring, which is in force
	showing  bool // a call that shows it is under way
	leaving  bool // another has its place
	requests int  // under way
	waiting  int  // of these, polls that wait
	last     time.Time
	doubts   int // polls that took the place of its own, before it called again
}

// What ends a handshake beside what crypto/tls finds.
var (
	errTooLong  = fmt.Errorf("a handshake has more than %d bytes", maxHandshakeBytes)
	errNotHTTP2 = errors.New("the peer does not speak HTTP/2")
)

// Read bounds what is read before the handshake is over, and paces what comes then.
func (c *conn) Read(b []byte) (int, error) {
	switch {
	case c.named && c.refusal == nil:
		return c.paced(b)
	case c.named:
		return c.line.Read(b)
	}
	if c.left == 0 {
		return 0, errTooLong
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if c.named {
		return c.line.Write(b)
	}
	return c.Conn.Write(b)
}

// handshake makes the TLS connection, and names it by what the peer has proven: with
// this over, it has signed with the key of its certificate. From then on the connection
// ends when nothing moves on it.
func (c *conn) handshake(t *tls.Conn) error {
	c.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := t.Handshake(); err != nil {
		return err
	}
	state := t.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(api.ExporterLabel, nil, len(c.exporter))
	if err != nil {
		return err
	}
	if state.NegotiatedProtocol != "h2" {
		return errNotHTTP2
	}
	c.SetDeadline(time.Time{})
	c.line = api.NewLine(c.Conn)
	c.named, c.chain, c.exporter, c.began = true, state.PeerCertificates, signed.Hash(exporter), time.Now()
	return nil
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return err
	}
	c.closed = true
	c.edge.handshakes.end(c)
	c.edge.refused.end(c)
	if c.caller != "" {
		c.edge.callers.Delete(c.RemoteAddr().String())
	}
	if c.edge.desks.disconnect(c) {
		c.edge.Expect(c.caller)
	}
	return err
}

// still refuses a caller whom the register as it is now would not let in. It asks anew,
// too, whether the locked ring that was shown is in force.
func (c *conn) still() error {
	size := c.edge.cfg.Register()
	c.mu.Lock()
	defer c.mu.Unlock()
	caller, err := c.edge.cfg.Identify(c.chain)
	if err == nil && caller != c.caller {
		err = problem.New(problem.CertificateRefused, "the connection's key is no longer that of %s", c.caller)
	}
	if c.note != nil && (err != nil || c.known != size && c.edge.cfg.Service.Ring(context.Background(), c.caller, c.exporter, c.note) != nil) {
		c.note = nil
		c.edge.desks.mark(c, false)
	}
	if err == nil {
		c.known = size
	}
	return err
}

// show marks the connection as one that has shown the locked ring by a note. It returns
// the connection that goes for it, if one does.
func (c *conn) show(note []byte) (goes *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.note = note
	return c.edge.desks.mark(c, true)
}

type connKey struct{}

// withCaller lets the requests of a connection find it.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn())
}

func connOf(ctx context.Context) *conn { return ctx.Value(connKey{}).(*conn) }

// serverLog takes what net/http has to say. The faults of a connection are counted for the
// desk at its other end, which the line names by its address alone.
func (e *Edge) serverLog() *log.Logger {
	return log.New(lines(func(line string) {
		var desk signed.Address
		for _, word := range strings.Fields(line) {
			if caller, there := e.callers.Load(strings.TrimRight(word, ":,;")); there {
				desk = caller.(signed.Address)
				break
			}
		}
		e.metrics.faults.WithLabelValues(string(desk)).Inc()
		e.cfg.Log.Warn("http server", "desk", desk, "says", strings.TrimSpace(line))
	}), "", 0)
}

// lines is a writer of a logger's lines.
type lines func(string)

func (f lines) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}
