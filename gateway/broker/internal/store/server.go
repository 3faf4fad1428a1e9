package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// maxPayload is the most that NATS takes in one message, headers included.
	maxPayload = 8 << 20
	// storeCeiling keeps the server's own limit out of the way. Left to itself it
	// would take three quarters of what is free at each start, and so might find
	// no room for the JOURNAL after a full disk. The JOURNAL's limit counts.
	storeCeiling = 1 << 60
)

// startServer runs nats-server inside this process: no listener, no signals, and
// every write on the disk before it is answered.
func startServer(dir string, log *serverLog) (*server.Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:             "samband-broker",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               dir,
		SyncAlways:             true,
		JetStreamMaxStore:      storeCeiling,
		MaxPayload:             maxPayload,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("configure embedded server: %w", err)
	}
	srv.SetLoggerV2(log, false, false, false)
	// Without a listener Start returns when all streams are recovered.
	srv.Start()
	if err := checkServer(srv); err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, err
	}
	return srv, nil
}

// checkServer compares what runs with what was asked for: the sync setting is the
// difference between an acknowledged write and a hope.
func checkServer(srv *server.Server) error {
	if !srv.JetStreamEnabled() {
		return errors.New("start embedded server: JetStream is not running; the log says why")
	}
	if !srv.JetStreamConfig().SyncAlways {
		return errors.New("start embedded server: it doesn't sync every write")
	}
	return nil
}

// connect joins the embedded server without a socket. Nothing is buffered while
// the connection is down: a write that arrives late, after its writer has given
// up on it, helps nobody.
func connect(srv *server.Server) (*nats.Conn, error) {
	conn, err := nats.Connect(nats.DefaultURL,
		nats.InProcessServer(srv),
		nats.Name("samband-broker"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond),
		nats.ReconnectBufSize(-1),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to embedded server: %w", err)
	}
	return conn, nil
}

// serverLog passes the embedded server's words on to the broker's log. What it
// notes in passing is debug to us. It is never asked to trace, so no bytes of a
// message reach a line.
type serverLog struct {
	*slog.Logger
	warned  atomic.Pointer[string] // of what, last
	refuses context.CancelFunc     // called where the disk refused a write
}

// writeFailed begins what the server says where the disk refused a write, which it does not
// answer: in its stream.go, processJetStreamMsg.
var writeFailed = []string{"JetStream failed to store a msg", "Filesystem permission denied while writing msg"}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	text := strings.TrimSpace(fmt.Sprintf(format, v...))
	if level >= slog.LevelWarn {
		l.warned.Store(&text)
	}
	for _, begin := range writeFailed {
		if level >= slog.LevelWarn && strings.HasPrefix(text, begin) {
			l.refuses()
		}
	}
	l.Log(context.Background(), level, "nats: "+text)
}

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *serverLog) Fatalf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
