// Package desk is one contact point of an exchange: what its officers send and
// receive, and what it can prove of it.
//
// A desk's folder is made once, with [Init] and [Install]. Then one process
// owns it:
//
//	d, err := desk.New(desk.Config{Dir: "/var/lib/samband/se.spoc"})
//	go d.Run(ctx)                      // feeds, outbox, the local socket
//	err = d.Unlock(ctx, passphrase)    // till then it stores and consigns only
//	sending, err := d.Send(ctx, desk.Draft{To: …, Type: "INFO_REQUEST", Body: …})
//
// and everyone else speaks to it through its local socket with a [Client],
// which has the same methods ([Service]): the command line, and an
// organisation's case-management system.
//
// The desk believes nobody on their word: what the broker answers is measured by
// package verify against what this desk knew before; what fails is kept as
// evidence, and the message stays where it was. The rest are five workers that
// read the database, do one thing, and write down that it is done, so a desk that
// is killed anywhere, locked, or cut off goes on by itself:
//
//	outbox.go      sends what is queued, the same bytes until they are answered
//	statements.go  sends what was signed about received messages
//	inbox.go       takes in what arrives, sealed, and says so
//	progress.go    learns what became of what was sent
//	open.go        when unlocked: opens, checks, hands over
package desk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/monitor"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// Broker is what a desk asks of a broker. An *api.Client is one.
type Broker interface {
	Submit(ctx context.Context, heads api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error)
	State(ctx context.Context, heads api.Heads, notes [][]byte) (*api.StateAnswer, error)
	Inbox(ctx context.Context, heads api.Heads, page api.Page) (*api.InboxAnswer, error)
	Progress(ctx context.Context, heads api.Heads, page api.Page) (*api.ProgressAnswer, error)
	Want(ctx context.Context, heads api.Heads, want api.Want) error
	Show(ctx context.Context, checkpoint []byte) error
	Register(ctx context.Context, heads api.Heads, from int64, limit int) (*api.RegisterAnswer, error)
}

var _ Broker = (*api.Client)(nil)

// Config of a desk. Dir alone must be given.
type Config struct {
	Dir    string           // the desk's folder, as Init and Install made it
	Broker Broker           // nil: the one that the settings name, over mutual TLS
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
	Retry  time.Duration    // first pause after a failed call; zero: half a second
}

// A Desk is a running contact point.
type Desk struct {
	settings Settings
	dir      folder
	log      *slog.Logger
	now      func() time.Time
	retry    time.Duration
	broker   Broker
	store    *store.Store
	online   *keys.Online
	lock     *os.File
	metrics  *metrics

	logs  atomic.Pointer[verify.Logs]
	calls sync.Mutex // over each short call to the broker and what is learned from it

	// refused are statements that the broker refused for good, by the register's
	// size then. calls guards it.
	refused map[word]int64

	ring changing[*keys.Locked] // nil while locked

	reachable atomic.Bool
	workers   workers

	changes changes
	ends    ends
}

// New opens a desk's folder. One process at a time holds it.
func New(c Config) (*Desk, error) {
	d := &Desk{dir: folder(c.Dir), log: c.Log, now: c.Now, retry: c.Retry, broker: c.Broker}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.retry == 0 {
		d.retry = 500 * time.Millisecond
	}
	d.workers = newWorkers()
	d.refused = map[word]int64{}
	if err := d.open(); err != nil {
		d.Close()
		return nil, fmt.Errorf("open desk %q: %w", c.Dir, err)
	}
	return d, nil
}

func (d *Desk) open() (err error) {
	if d.settings, err = readSettings(d.dir); err != nil {
		return err
	}
	if d.lock, err = d.dir.hold(); err != nil {
		return err
	}
	federation, err := os.ReadFile(d.dir.federation())
	if err != nil {
		return fmt.Errorf("read the federation file: %w", err)
	}
	if d.online, err = keys.OpenOnline(d.dir.keys()); err != nil {
		return err
	}
	if d.store, err = store.Open(d.dir.database(), d.ends.moved); err != nil {
		return err
	}
	l, err := loadLogs(d.store, federation)
	if err != nil {
		return err
	}
	d.logs.Store(l)
	d.metrics = newMetrics(d)
	if err := d.recallVerified(); err != nil {
		return err
	}
	if d.broker != nil {
		return nil
	}
	c, err := Dial(string(d.dir))
	if err != nil {
		return err
	}
	d.broker = c
	return nil
}

// Dial makes the client of the broker that a desk's folder names, as that desk.
// The certificate is read again for each connection, so a renewed one needs no
// restart.
func Dial(dir string) (*api.Client, error) {
	f := folder(dir)
	settings, err := readSettings(f)
	if err != nil {
		return nil, err
	}
	note, err := os.ReadFile(f.federation())
	if err != nil {
		return nil, fmt.Errorf("read the federation file: %w", err)
	}
	fed, err := register.ParseFederation(note)
	if err != nil {
		return nil, fmt.Errorf("read the federation file: %w", err)
	}
	ca, err := certs.ParseCA(fed.BrokerCA)
	if err != nil {
		return nil, err
	}
	online, err := keys.OpenOnline(f.keys())
	if err != nil {
		return nil, err
	}
	conf := certs.ClientConfig(ca, func() (*tls.Certificate, error) {
		cert, err := f.readCertificate()
		if err != nil {
			return nil, err
		}
		pair := certs.Pair(cert, online.TLS)
		return &pair, nil
	})
	return api.New(api.Config{URL: settings.Broker, TLS: conf})
}

// Run works until ctx ends: it follows the feeds, sends what is queued, serves
// the local socket and, where the settings name an address, metrics.
func (d *Desk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	socket, err := d.listen()
	if err != nil {
		return err
	}
	serving := []func(context.Context) error{
		func(ctx context.Context) error { return serveSocket(ctx, socket, d) },
		d.untilWriteFails,
	}
	if d.settings.Metrics != "" {
		ln, err := net.Listen("tcp", d.settings.Metrics)
		if err != nil {
			socket.Close()
			return fmt.Errorf("listen for metrics: %w", err)
		}
		serving = append(serving, func(ctx context.Context) error {
			return monitor.Serve(ctx, ln, monitor.Handler(d.metrics.registry, d.checks()))
		})
	}
	var all sync.WaitGroup
	for _, serve := range serving {
		all.Go(func() {
			if err := serve(ctx); err != nil {
				cancel(err)
			}
		})
	}
	for _, w := range d.jobs() {
		all.Go(func() { d.work(ctx, w) })
	}
	d.log.Info("desk runs", "desk", d.settings.Address, "broker", d.settings.Broker)
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// untilWriteFails ends the desk when a commit failed: nobody knows then what the
// disk has, so whoever starts the desk again goes on from what is there.
func (d *Desk) untilWriteFails(ctx context.Context) error {
	select {
	case <-d.store.Failed():
		return d.store.Failure()
	case <-ctx.Done():
		return nil
	}
}

// Close lets go of the folder. Run must have returned.
func (d *Desk) Close() error {
	var errs []error
	if c, ok := d.broker.(interface{ Close() }); ok {
		c.Close()
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// Address is the desk's own.
func (d *Desk) Address() signed.Address { return d.settings.Address }

// listen makes the local socket anew: whoever held the folder before is gone.
func (d *Desk) listen() (net.Listener, error) {
	path := d.dir.socket()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make socket %q: %w", path, err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("make socket %q: %w", filepath.Base(path), err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("make socket %q: %w", path, err)
	}
	return ln, nil
}
