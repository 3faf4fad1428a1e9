package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"samband/certs"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A listener gives out TLS connections, each with its own check of the caller.
type listener struct {
	net.Listener
	edge *Edge
}

func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, edge: l.edge, source: sourceOf(raw.RemoteAddr())}
	if goes := l.edge.handshakes.begin(c); goes != nil {
		goes.Close()
	}
	conf := certs.ServerConfig(l.edge.cfg.Certificate, c.identify)
	// A resumed session would bring back a caller that was checked long ago.
	conf.SessionTicketsDisabled = true
	return tls.Server(c, conf), nil
}

// A conn is the bytes beneath a TLS connection, and who is at its other end.
type conn struct {
	net.Conn
	edge   *Edge
	source netip.Prefix

	mu     sync.Mutex
	caller signed.Address // "" before the handshake named it
	chain  []*x509.Certificate
	known  int64 // size of the register that the caller was identified by
	closed bool
}

// identify is called in the handshake.
func (c *conn) identify(chain []*x509.Certificate) error {
	size := c.edge.cfg.Register()
	caller, err := c.edge.cfg.Identify(chain)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if !c.edge.desks.connect(caller) {
		return problem.New(problem.BrokerBusy, "%s has as many connections as one desk may, or the broker as many as it can", caller)
	}
	if !c.edge.handshakes.end(c) {
		c.edge.desks.disconnect(caller)
		return net.ErrClosed
	}
	c.caller, c.chain, c.known = caller, chain, size
	c.edge.callers.Store(c.RemoteAddr().String(), caller)
	c.edge.Expect(caller)
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
	if c.caller != "" {
		c.edge.callers.Delete(c.RemoteAddr().String())
		c.edge.desks.disconnect(c.caller)
		c.edge.Expect(c.caller)
	}
	return err
}

// named returns who called.
func (c *conn) named() signed.Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.caller
}

// still refuses a caller whose certificate ended, or who would not be let in by
// the register as it is now: its party may have replaced a CA that was stolen.
func (c *conn) still() error {
	size := c.edge.cfg.Register()
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().After(c.chain[0].NotAfter) {
		return problem.New(problem.CertificateRefused, "the certificate of %s has expired", c.caller)
	}
	if c.known == size {
		return nil
	}
	if _, err := c.edge.cfg.Identify(c.chain); err != nil {
		return err
	}
	c.known = size
	return nil
}

type connKey struct{}

// withCaller lets the requests of a connection find it. The handshake comes
// later than this, but before any request.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn())
}

func connOf(ctx context.Context) *conn { return ctx.Value(connKey{}).(*conn) }

// serverLog takes what net/http has to say. Failed handshakes are noise of the
// open network: counted, never logged. The faults of a connection are counted for the
// desk at its other end, which the line names by its address alone.
func (e *Edge) serverLog() *log.Logger {
	return log.New(lines(func(line string) {
		if strings.Contains(line, "TLS handshake error") {
			e.metrics.tlsFailures.Inc()
			return
		}
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
