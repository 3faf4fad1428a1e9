// Package desk is one contact point of an exchange: what its officers send and
// receive, and what it can prove of it.
//
// A desk's folder is made once, with [Init] and [Install]. Then one process
// owns it:
//
//	d, err := desk.New(desk.Config{Dir: "/var/lib/samband/se.spoc"})
//	go d.Run(ctx)                      // the mail, the local socket
//	err = d.Unlock(ctx, passphrase)    // till then it consigns what arrives, and opens nothing
//	sending, err := d.Send(ctx, client.Draft{To: …, Type: "INFO_REQUEST", Body: …})
//
// and everyone else speaks to it through its local socket with a [client.Client],
// which has the same methods ([client.Service]): the command line, and an
// organisation's case-management system.
//
// Here is what people and programs ask of a desk: they compose, look, explain and
// prove. What becomes of a message, from the moment when it is queued or arrives,
// is the work of desk/internal/mail, which alone talks to the broker.
//
// An unlocked desk opens what arrives and makes one statement of it, handed-over or
// refused. It shows content once the log has proven the handover; until then it
// shows the header, what it stated, and since when ([client.Item]).
//
// A query is answered by machine while the desk is unlocked, from a [hit.Source]: the
// file hits.db of its folder, or Config.Hits. The answer passes everything that an
// officer's does. What can't be answered so, or not yet, waits for a person, and the
// inbox says why.
package desk

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/durable"
	"samband/gateway/hit"
	"samband/gateway/local"
	"samband/gateway/monitor"
	"samband/gateway/signed"
)

// Broker is what a desk asks of a broker. An *api.Client is one.
type Broker = mail.Broker

// Config of a desk. Dir alone must be given.
type Config struct {
	Dir    string           // the desk's folder, as Init and Install made it
	Broker Broker           // nil: the one that the settings name, over mutual TLS
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
	Retry  time.Duration    // first pause after a failed call; zero: half a second
	Hits   hit.Source       // what queries are answered from; nil: hits.db in the folder, once it is there

	// LockEnds says that Run returns ErrLocked after a lock, since Go can clear no memory
	// for certain: the process then executes itself anew, or ends.
	LockEnds bool
	// Kept is the lock of the folder that the process kept when it executed itself anew,
	// from Leave; nil: New takes the lock.
	Kept *os.File
}

// ErrLocked is what Run returns after a lock, if the Config says so.
var ErrLocked = errors.New("the desk was locked, and this process has its keys in memory still")

var _ client.Service = (*Desk)(nil)

// A Desk is a running contact point.
type Desk struct {
	settings Settings
	dir      folder
	log      *slog.Logger
	now      func() time.Time
	online   *keys.OnlineKeys
	ring     keys.Ring
	locking  sync.Mutex // by whoever locks or unlocks
	locks    int        // under locking: how often the desk was locked
	lock     *os.File
	lockEnds bool
	ended    context.Context // by the lock, if it ends Run
	end      context.CancelCauseFunc
	broker   Broker
	server   *server // nil where the Config has the broker
	room     *mail.Room
	subjects subjects
	hits     *hits
	metrics  *metrics
}

// New opens a desk's folder. One process at a time locks it.
func New(c Config) (*Desk, error) {
	d := &Desk{dir: folder(c.Dir), log: monitor.Limit(cmp.Or(c.Log, slog.New(slog.DiscardHandler))), now: c.Now, broker: c.Broker, lockEnds: c.LockEnds}
	d.ended, d.end = context.WithCancelCause(context.Background())
	if d.now == nil {
		d.now = time.Now
	}
	if err := d.open(c.Kept, c.Hits, cmp.Or(c.Retry, 500*time.Millisecond)); err != nil {
		d.Close()
		return nil, fmt.Errorf("open desk %q: %w", c.Dir, err)
	}
	return d, nil
}

func (d *Desk) open(kept *os.File, source hit.Source, retry time.Duration) (err error) {
	if d.settings, err = readSettings(d.dir); err != nil {
		return err
	}
	if err := durable.CheckOwner(string(d.dir)); err != nil {
		return err // SQLite and the socket would make files that the owner can't use
	}
	if d.lock, err = d.dir.lock(kept); err != nil {
		return err
	}
	if err := d.dir.private(); err != nil {
		return err
	}
	federation, _, err := d.dir.readFederation()
	if err != nil {
		return err
	}
	if d.online, err = keys.OpenOnlineKeys(d.dir.keys()); err != nil {
		return err
	}
	if d.broker == nil {
		if d.broker, d.server, err = dial(d.dir, d.online); err != nil {
			return err
		}
	}
	d.room, err = mail.Open(mail.Config{
		Desk: d.settings.Address, Database: d.dir.database(), Reserve: d.settings.Reserve, Bundles: d.dir.bundles(), Keys: d.dir.keys(), Entries: d.dir.entries(), Federation: federation, Broker: d.broker,
		Online: d.online, Ring: &d.ring, Log: d.log, Now: d.now, Retry: retry, WarnAt: d.settings.WarnAt,
	})
	if err != nil {
		return wayOut(err)
	}
	if d.server != nil {
		d.server.follow(d.room)
	}
	if err := d.noteFiles(); err != nil {
		return err
	}
	d.hits = newHits(d, source)
	d.metrics = newMetrics(d)
	return nil
}

// Dial makes the client of the broker that a desk's folder names, as that desk.
func Dial(dir string) (*api.Client, error) {
	online, err := keys.OpenOnlineKeys(folder(dir).keys())
	if err != nil {
		return nil, err
	}
	client, _, err := dial(folder(dir), online)
	return client, err
}

func dial(f folder, online *keys.OnlineKeys) (*api.Client, *server, error) {
	settings, err := readSettings(f)
	if err != nil {
		return nil, nil, err
	}
	_, fed, err := f.readFederation()
	if err != nil {
		return nil, nil, err
	}
	server, err := openServer(f, fed)
	if err != nil {
		return nil, nil, err
	}
	conf := certs.ClientConfig(server.check, func() (*tls.Certificate, error) {
		return f.shown(settings.Address, online.Show(server.refusesKey()).TLS)
	})
	client, err := api.New(api.Config{URL: settings.Broker, TLS: conf})
	return client, server, err
}

// Run works until ctx ends: it follows the feeds, sends what is queued, serves
// the local socket and, if the settings name an address, metrics. After a lock it returns
// ErrLocked, if the Config says so.
func (d *Desk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(d.ended, func() { cancel(context.Cause(d.ended)) })
	defer stop()
	ln, err := local.Listen(d.dir.path(client.Socket))
	if err != nil {
		return err
	}
	socket := &socket{Listener: ln, closed: make(chan struct{})}
	serving := []func(context.Context) error{
		func(ctx context.Context) error { return local.Serve(ctx, socket, client.Handler(served{d, socket})) },
	}
	if d.settings.Metrics != "" {
		ln, err := net.Listen("tcp", d.settings.Metrics)
		if err != nil {
			socket.Close()
			return fmt.Errorf("listen for metrics: %w", err)
		}
		serving = append(serving, func(ctx context.Context) error {
			return monitor.Serve(ctx, ln, monitor.Handler(d.metrics.registry, d.checks(), d.settings.MetricsHosts))
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
	all.Go(func() { d.room.Run(ctx) })
	all.Go(func() { d.followSubjects(ctx) })
	all.Go(func() { d.hits.run(ctx) })
	d.log.Info("desk runs", "desk", d.settings.Address, "broker", d.settings.Broker)
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close lets go of the folder. Run must have returned.
func (d *Desk) Close() error {
	lock, err := d.Leave()
	if lock != nil {
		err = errors.Join(err, lock.Close())
	}
	return err
}

// Leave closes all but the folder's lock, and returns that: it stays with the process that
// executes itself anew, as Config.Kept. Run must have returned.
func (d *Desk) Leave() (lock *os.File, err error) {
	var errs []error
	if c, ok := d.broker.(interface{ Close() }); ok {
		c.Close()
	}
	if d.room != nil {
		errs = append(errs, d.room.Close())
	}
	if d.hits != nil {
		errs = append(errs, d.hits.close())
	}
	return d.lock, errors.Join(errs...)
}

// Address is the desk's own.
func (d *Desk) Address() signed.Address { return d.settings.Address }
