// Package edge is the broker's face to the desks: HTTPS in, a named caller and
// bounded bytes out to the service behind it.
//
//	e := edge.New(edge.Config{Certificate: own, Identify: identify, Register: size,
//		Barred: barred, Quota: room, Service: router, Log: log, Metrics: registry})
//	go e.Serve(listener)
//	…
//	err := e.Shutdown(ctx)
//
// A connection is mutual TLS 1.3. Who calls is known by a finished handshake alone:
// before its end the peer has not proven the key of the certificate that it shows. So
// the edge makes the handshake itself, bounded in time and bytes. Those whose handshake
// is not over have few slots of their own, so strangers take none from a desk that is
// named. Then Identify turns the key that was shown into a desk's address, and the connection gets a
// place (places.go). What comes over it and no call reads is paced (pace.go). One that Identify refuses, or whose desk is barred, gets one
// answer from a handler of its own (door.go), and ends.
//
// Each request then passes, in this order:
//
//  1. Does the register still name the connection's key for this desk, and is the desk
//     not barred? This is asked each time, so a revocation, or new keys that replace
//     stolen ones, act at once on connections that are already there.
//  2. Does the desk have a slot free? One desk can't take all of the broker, and who
//     has not shown the locked ring takes none from who has.
//  3. Are headers, query, media type and body in their form and bounds? What is
//     read of bodies is bounded for each desk.
//  4. The service decides the rest, item by item where the body is a sequence.
//
// A final refusal of a sequence takes from its caller's budget (package quota), as one
// that the service logs does. Where nothing is left the answer is BUDGET_EXHAUSTED, and
// the caller comes again. What may pass waits for no budget.
//
// Whatever goes wrong is answered as a problem document of package api. A fault
// of the broker's own becomes INTERNAL with a request's name and nothing else;
// the log has the rest under that name. No body and no query is ever logged.
//
// What the edge itself refuses for good, and what is turned away for lack of
// budget, has no entry of its own in the audit log. It is counted by desk, and the
// sums are logged each interval (SPEC §7.1, kind refusals).
package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/signed"
)

// Bounds and pace of the edge.
const (
	maxHandshakes  = 512      // at once, of callers that are not named yet
	maxOfSource    = 64       // of these, from one address
	maxRefused     = 32       // at once, of callers that are turned away
	maxRefusedOf   = 8        // of these, from one address
	maxConnections = 4096     // at once, of all desks
	maxOfDesk      = 64       // of these, of one desk; those that have shown the locked ring apart
	maxRequests    = 64       // at once, of one desk, until their answers are written; apart likewise
	maxPages       = 8        // of these, feeds and register: their answers are large
	maxUnderway    = 16 << 20 // bytes of the bodies of these: four of the longest
	maxHeaders     = 16 << 10 // bytes of a request's header lines
	maxFrame       = 16 << 10 // bytes of a frame: what moves of a body is seen when a frame is whole

	maxHandshakeBytes = 32 << 10 // that a caller sends: a chain of some certificates

	handshakeTimeout = 10 * time.Second // where a line is slow and taken
	refusalTime      = 5 * time.Second  // from a finished handshake to the end of who is turned away
	leavingTime      = time.Second      // for the last answers of a connection whose place is another's
	movingTime       = 30 * time.Second // for a body, and for an answer; and more with each byte, by api.LeastRate
	serviceTimeout   = 30 * time.Second // beyond a long poll's wait
	idleTimeout      = 2 * time.Minute
)

// Config wires an Edge. All fields are needed.
type Config struct {
	// Certificate is the broker's own, asked at each handshake.
	Certificate func() (*tls.Certificate, error)

	// Identify turns the key of the first certificate into the address of a desk, or
	// refuses it, in words. It is asked after each handshake and at each request.
	Identify func(chain []*x509.Certificate) (signed.Address, error)

	// Register tells how many entries the register has.
	Register func() int64

	// Barred tells whether a desk's online ring is revoked now.
	Barred func(desk signed.Address) bool

	// Told hears by which time a desk calls, and Logged is the log's time.
	Told   func(desk signed.Address, at signed.Time)
	Logged func() signed.Time

	// Quota has the desks' budgets of refusals.
	Quota *quota.Room

	Service api.Service
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// An Edge serves desks.
type Edge struct {
	cfg        Config
	tls        *tls.Config
	metrics    *metrics
	handshakes *strangers // until they are over
	refused    *strangers // who are turned away
	desks      *desks
	callers    sync.Map // the remote address of a connection that is open → its signed.Address

	server, refusing *http.Server
	named, unnamed   *finished // what these serve
	serving          sync.WaitGroup

	polls    context.Context // ends when the edge stops: long polls wait for nothing then
	endPolls context.CancelFunc
}

// New makes an Edge and registers its metrics.
func New(cfg Config) *Edge {
	e := &Edge{
		cfg: cfg, tls: certs.ServerConfig(cfg.Certificate), metrics: newMetrics(cfg.Metrics),
		handshakes: newStrangers(maxHandshakes, maxOfSource), refused: newStrangers(maxRefused, maxRefusedOf),
		named: newFinished(), unnamed: newFinished(),
	}
	e.desks = newDesks(e.metrics)
	e.polls, e.endPolls = context.WithCancel(context.Background())
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	e.server = &http.Server{
		Handler: e.handler(),

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is no call of the contract
		Protocols:                    protocols,
		ReadHeaderTimeout:            handshakeTimeout, // over HTTP/2 it bounds nothing else
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaders,
		ConnContext:                  withCaller,
		ErrorLog:                     e.serverLog(),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxRequests,
			MaxReadFrameSize:     maxFrame,
			SendPingTimeout:      api.PingAfter,
			PingTimeout:          api.PingTimeout,
		},
	}
	e.refusing = e.refusingServer(protocols)
	return e
}

// Serve takes connections from ln until Shutdown, which makes it return nil.
func (e *Edge) Serve(ln net.Listener) error {
	e.serving.Go(func() { e.server.Serve(e.named) })
	e.serving.Go(func() { e.refusing.Serve(e.unnamed) })
	defer context.AfterFunc(e.polls, func() { ln.Close() })()
	err := e.accept(ln)
	if e.polls.Err() != nil {
		return nil
	}
	e.endPolls()
	ln.Close()
	return fmt.Errorf("serve desks: %w", errors.Join(err, e.server.Close(), e.refusing.Close()))
}

// Shutdown takes no more connections, ends the long polls, and waits for the other
// calls until ctx ends.
func (e *Edge) Shutdown(ctx context.Context) error {
	e.endPolls()
	e.handshakes.closeAll()
	e.refused.closeAll()
	err := e.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, e.server.Close())
	}
	err = errors.Join(err, e.refusing.Close())
	e.serving.Wait()
	return err
}
