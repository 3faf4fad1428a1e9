package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// passing are faults of accepting that pass: the peer is gone already, or no descriptor
// is free for a while.
var passing = []error{syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EMFILE, syscall.ENFILE}

// accept takes connections from ln until that is closed.
func (e *Edge) accept(ln net.Listener) error {
	for pause := time.Duration(0); ; {
		raw, err := ln.Accept()
		if err == nil {
			pause = 0
			e.meet(raw)
			continue
		}
		if !slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) }) {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-e.polls.Done():
		case <-time.After(pause):
		}
	}
}

// meet makes the handshake of a new connection, and then asks who it is.
func (e *Edge) meet(raw net.Conn) {
	c := &conn{Conn: raw, edge: e, source: sourceOf(raw.RemoteAddr()), left: maxHandshakeBytes}
	if goes := e.handshakes.begin(c); goes != nil {
		goes.Close()
	}
	go func() {
		t := tls.Server(c, e.tls)
		if err := c.handshake(t); err != nil || !e.handshakes.end(c) {
			// Noise of the open network: counted, never logged.
			e.metrics.tlsFailures.Inc()
			c.Close()
			return
		}
		if err := e.place(c); err != nil {
			e.turnAway(c, t, err)
			return
		}
		e.named.hand(t)
	}()
}

// place identifies who has finished a handshake, and gives the connection its place.
func (e *Edge) place(c *conn) (err error) {
	c.known = e.cfg.Register()
	if c.caller, err = e.cfg.Identify(c.chain); err != nil {
		return err
	}
	if e.cfg.Barred(c.caller) {
		return barred(c.caller)
	}
	e.callers.Store(c.RemoteAddr().String(), c.caller)
	goes, ok := e.desks.connect(c)
	for _, g := range goes {
		e.leaves(g)
	}
	if !ok {
		return problem.New(problem.BrokerBusy, "the broker has as many connections as it can")
	}
	e.Expect(c.caller)
	return nil
}

// leaves ends a connection whose place another has, if one does: at once where nothing is
// under way, else when its polls had time to say so.
func (e *Edge) leaves(c *conn) {
	if c == nil {
		return
	}
	if e.desks.quiet(c) {
		c.Close()
		return
	}
	time.AfterFunc(leavingTime, func() { c.Close() })
}

// turnAway gives a connection the one answer that it gets.
func (e *Edge) turnAway(c *conn, t *tls.Conn, refusal error) {
	e.metrics.tlsFailures.Inc()
	e.metrics.turnedAway.WithLabelValues(string(problem.CodeOf(refusal))).Inc()
	if len(c.chain) > 0 { // who shows no key is noise of the open network
		e.cfg.Log.Warn("connection turned away", "from", c.source, "why", refusal)
	}
	c.refusal = refusal
	if goes := e.refused.begin(c); goes != nil {
		goes.Close()
	}
	time.AfterFunc(refusalTime, func() { c.Close() })
	e.unnamed.hand(t)
}

// refusingServer answers those who are turned away, whatever they ask, and reads no body.
func (e *Edge) refusingServer(protocols *http.Protocols) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from := connOf(r.Context())
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Connection", "close")
			refusal := api.RefusalOf(from.refusal)
			if from.caller != "" { // its key is proven
				refusal = e.refusal(&api.Route{}, from.caller, e.counted(from.caller, from.refusal))
			}
			e.writeRefusal(w, refusal)
		}),
		DisableGeneralOptionsHandler: true,

		Protocols:         protocols,
		ReadHeaderTimeout: refusalTime,
		ReadTimeout:       refusalTime,
		WriteTimeout:      refusalTime,
		IdleTimeout:       refusalTime,
		MaxHeaderBytes:    maxHeaders,
		ConnContext:       withCaller,
		ErrorLog:          log.New(io.Discard, "", 0), // noise of the open network
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxPages, MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10},
	}
}

// finished is a listener that gives out connections whose handshake is over.
type finished struct {
	conns  chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func newFinished() *finished {
	f := &finished{conns: make(chan net.Conn)}
	f.closed, f.close = context.WithCancel(context.Background())
	return f
}

// hand gives a connection to who serves it; where nobody does any more it is closed.
func (f *finished) hand(c net.Conn) {
	select {
	case f.conns <- c:
	case <-f.closed.Done():
		c.Close()
	}
}

func (f *finished) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.closed.Done():
		return nil, net.ErrClosed
	}
}

func (f *finished) Close() error { f.close(); return nil }

func (f *finished) Addr() net.Addr { return &net.TCPAddr{} }
