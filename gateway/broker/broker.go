// Package broker is an exchange's broker: it takes sealed envelopes from desks,
// checks each by the law of the exchange, orders them in a log that
// outsiders verify, and hands them to the desks that they are for. It can't read
// what it carries: nothing in it can open an envelope.
//
// A broker's folder is made once. [Init] makes its keys and a card; the founders
// of the exchange make the federation file of that card; [Install] takes the
// file. Then one process owns the folder:
//
//	b, err := broker.New(broker.Config{Dir: "/var/lib/samband/broker"})
//	fmt.Println(b.Started())           // what the start met and settled
//	err = b.Run(ctx)                   // until ctx ends
//	err = b.Close()
//
// and a local [Client] brings it signed register entries through its socket.
//
// This package only wires. A call of a desk comes in by the edge, which knows
// who calls; the router leads a submission through its stages; the sequencer is
// the one writer, over the store (JOURNAL, the commit point), the records (its
// archive) and the two logs; the index remembers for all of them and can be
// thrown away. What a desk asks, the reader answers, and the prover writes the
// evidence for both answers. Catalogue bundles lie in a folder of their own.
package broker

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"samband/certs"
	"samband/gateway/broker/internal/edge"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/reader"
	"samband/gateway/broker/internal/records"
	"samband/gateway/broker/internal/router"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/broker/internal/store"
	"samband/gateway/durable"
	"samband/gateway/local"
	"samband/gateway/monitor"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// goodbye is how long calls under way have once Run is to end.
const goodbye = 10 * time.Second

// A Clock tells the time.
type Clock = sequencer.Clock

// A ClockState is how a broker's clock stands.
type ClockState = sequencer.ClockState

// Config of a broker. Dir alone must be given.
type Config struct {
	Dir   string       // the broker's folder, as Init and Install made it
	Log   *slog.Logger // nil: nothing is logged
	Clock Clock        // nil: the machine's
}

// A Broker is a running broker.
type Broker struct {
	cfg      Config
	settings Settings
	keys     *keyring
	metrics  *prometheus.Registry

	store    *store.Store
	archive  *records.Archive
	index    *index.Index
	quota    *quota.Room
	seq      *sequencer.Sequencer
	found    []sequencer.Finding
	reader   *reader.Reader
	router   *router.Router
	edge     *edge.Edge
	identity *identity

	desks, monitor, local net.Listener
	closers               []func() error // what stands, last built first taken down
}

// New opens a broker's folder, settles what a crash or a loss left, and listens.
// If records or log can't be repaired, the broker starts nevertheless, accepts
// nothing, and says why: see Started and /readyz. A start that fails leaves all files as they
// were; where [MayPass] says so, try again later.
func New(cfg Config) (*Broker, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = monitor.Limit(cfg.Log) // desks cause lines
	if cfg.Clock == nil {
		cfg.Clock = machine{time.Now()}
	}
	b := &Broker{cfg: cfg, metrics: prometheus.NewRegistry()}
	if err := b.open(context.Background()); err != nil {
		if full := b.fullDisk(); full != "" {
			err = fmt.Errorf("%w of %s: %w", durable.ErrNoRoom, full, err)
		}
		return nil, fmt.Errorf("open broker %q: %w", cfg.Dir, errors.Join(err, b.Close()))
	}
	return b, nil
}

// MayPass reports whether New failed by what may be over later: a disk that takes no writes or
// fails, another process that has locked the index, or too many open files.
func MayPass(err error) bool {
	return durable.MayPass(err) || index.Passes(err) || errors.Is(err, store.ErrNotTaken)
}

// fullDisk is a folder with data whose disk takes no writes; "" where there is none.
func (b *Broker) fullDisk() string {
	if b.keys == nil {
		return "" // it did not come to the data
	}
	for _, dir := range b.settings.disks() {
		if durable.NoRoom(durable.TryWrite(dir, 1<<16)) {
			return dir
		}
	}
	return ""
}

// open builds the broker from the keys upward.
func (b *Broker) open(ctx context.Context) (err error) {
	if b.settings, err = ReadSettings(b.cfg.Dir); err != nil {
		return err
	}
	if err := durable.CheckOwner(b.cfg.Dir); err != nil {
		return err // the libraries would make files that the owner can't read
	}
	if err := b.settings.present(); err != nil {
		return err
	}
	if err := b.settings.private(b.cfg.Dir); err != nil {
		return err
	}
	federation, err := durable.ReadFile(b.settings.key(federationFile), durable.MaxSmall)
	if err != nil {
		return fmt.Errorf("read the federation file: %w", err)
	}
	if b.keys, err = loadKeys(b.settings, federation); err != nil {
		return err
	}
	b.metrics.MustRegister(buildInfo(), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []func(context.Context) error{b.openStore, b.openIndex, b.openWriter, b.listen, b.openEdge} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) openStore(ctx context.Context) (err error) {
	b.store, err = store.Open(ctx, store.Config{Dir: b.settings.nats(), Log: b.cfg.Log, MaxBytes: b.settings.JournalBytes})
	if err != nil {
		return err
	}
	b.later(func() error { b.store.Close(); return nil })
	b.metrics.MustRegister(b.store)
	if b.archive, err = records.Open(b.settings.records()); err != nil {
		return err
	}
	b.later(b.archive.Close)
	if damage := b.archive.Damaged(); damage != nil {
		b.cfg.Log.Error("the records are damaged", "error", damage)
	}
	if b.archive.PutRight() {
		b.cfg.Log.Error("one bit of the last record was wrong, and is put right: test the disk")
	}
	if cut := b.archive.Cut(); cut > 0 {
		b.cfg.Log.Info("a torn end of the records was cut off", "bytes", cut)
	}
	return nil
}

// openIndex opens the index, or an empty one if it can't be trusted.
func (b *Broker) openIndex(context.Context) (err error) {
	b.index, err = index.Open(b.settings.index())
	if errors.Is(err, index.ErrUnsound) {
		b.cfg.Log.Warn("the index is unsound and is made anew", "error", err)
		b.index, err = index.Create(b.settings.index())
	}
	if err != nil {
		return err
	}
	b.later(b.index.Close)
	return nil
}

func (b *Broker) openWriter(ctx context.Context) (err error) {
	traffic := router.NewMetrics(b.metrics)
	b.quota = quota.New(b.settings.Quotas.Filled(), b.cfg.Clock.Elapsed)
	b.seq, b.found, err = sequencer.Open(ctx, sequencer.Config{
		Register:    b.keys.register,
		AuditKey:    b.keys.auditKey,
		RegisterKey: b.keys.registerKey,
		MAC:         b.keys.mac,
		Journal:     b.store,
		Archive:     b.archive,
		AuditDir:    b.settings.auditLog(),
		RegisterDir: b.settings.registerLog(),
		ShownDir:    b.settings.shown(),
		Alarms:      b.settings.alarms(),
		Index:       b.index,
		Disks:       b.settings.disks(),
		Reserve:     b.settings.ReserveBytes,
		Clock:       b.cfg.Clock,
		Quota:       b.quota,
		Log:         b.cfg.Log,
		Metrics:     sequencer.NewMetrics(b.metrics),
		Wake:        b.wakeAll,
		TimedOut:    traffic.TimedOut,
	})
	if err != nil {
		return err
	}
	b.reader = reader.New(b.seq, b.index, b.store, b.quota)
	b.router = router.New(b.seq, b.quota, traffic, b.grown)
	cancel, err := b.store.Woken(b.reader.Wake)
	if err != nil {
		return err
	}
	b.later(func() error { cancel(); return nil })
	return nil
}

func (b *Broker) wakeAll(desks []signed.Address) {
	for _, desk := range desks {
		if err := b.store.Wake(desk); err != nil {
			b.cfg.Log.Warn("a desk is not woken; its poll finds what there is", "desk", desk, "error", err)
		}
	}
}

func (b *Broker) listen(context.Context) (err error) {
	if b.desks, err = net.Listen("tcp", b.settings.Listen); err != nil {
		return err
	}
	b.later(closeListener(b.desks))
	if b.settings.Metrics != "" {
		if b.monitor, err = net.Listen("tcp", b.settings.Metrics); err != nil {
			return err
		}
		b.later(closeListener(b.monitor))
	}
	if b.local, err = local.Listen(b.settings.socket()); err != nil {
		return err
	}
	b.later(closeListener(b.local))
	return nil
}

func (b *Broker) openEdge(context.Context) error {
	b.identity = newIdentity(b.settings, b.keys.register, b.cfg.Log)
	if _, err := b.identity.current(); err != nil {
		return err
	}
	b.metrics.MustRegister(gauges{b})
	b.edge = edge.New(edge.Config{
		Certificate: b.identity.current,
		Identify:    b.identify,
		Register:    b.keys.register.Size,
		Barred:      func(desk signed.Address) bool { return b.view().Revoked(desk, register.Online) },
		Told:        b.seq.Agree,
		Logged:      b.seq.Now,
		Quota:       b.quota,
		Service: struct {
			*router.Router
			*reader.Reader
			shelf
		}{b.router, b.reader, shelf{b.settings.bundles(), b.quota, b.cfg.Log}},
		Log:     b.cfg.Log,
		Metrics: b.metrics,
	})
	b.expect()
	_, damaged := b.lacks()
	for _, why := range damaged {
		b.cfg.Log.Error("a catalogue bundle is lacking", "problem", why)
	}
	return nil
}

// expect tells the edge which desks there are.
func (b *Broker) expect() {
	for _, desk := range b.view().Desks() {
		b.edge.Expect(desk.Address)
	}
}

func (b *Broker) view() register.View { return b.keys.register.Now() }

// identify asks the register which desk's connections a key makes.
func (b *Broker) identify(chain []*x509.Certificate) (signed.Address, error) {
	key, err := certs.KeyOf(chain)
	if err != nil {
		return "", err
	}
	return b.view().Caller(key, b.seq.Now())
}

// tallyEvery is how often the sums of refusals are logged.
const tallyEvery = time.Minute

// sumRefusals logs the sums each interval until ctx ends.
func (b *Broker) sumRefusals(ctx context.Context) error {
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := b.quota.HandOn(ctx, b.tally); err != nil {
				b.cfg.Log.Error("refusals not handed on", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// tally logs how often a desk was refused beyond its budget.
func (b *Broker) tally(ctx context.Context, desk signed.Address, count int64) error {
	if err := b.seq.Room(); err != nil {
		return err
	}
	_, err := b.seq.Do(ctx, sequencer.Tally{Caller: desk, Count: count})
	return err
}

// Run serves until ctx ends or a listener fails, then lets calls under way end,
// and returns when all that was committed is in index and tiles.
func (b *Broker) Run(ctx context.Context) error {
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	var writer, servers sync.WaitGroup
	writer.Go(func() { b.seq.Run(writing) })

	serving, stopServing := context.WithCancelCause(ctx)
	defer stopServing(nil)
	for _, serve := range []func(context.Context) error{b.serveDesks, b.serveMonitor, b.serveLocal, b.sumRefusals} {
		servers.Go(func() {
			if err := serve(serving); err != nil {
				stopServing(err)
			}
		})
	}
	<-serving.Done()
	err := context.Cause(serving)
	if ctx.Err() != nil {
		err = nil
	}
	servers.Wait()
	err = errors.Join(err, b.lastSums(context.WithoutCancel(ctx)))
	stopWriting()
	writer.Wait()
	return err
}

// lastSums logs what was refused since the last interval, before the writer ends. A
// writer that has stopped logs nothing any more.
func (b *Broker) lastSums(ctx context.Context) error {
	if b.seq.Stopped() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	return b.quota.HandOn(ctx, b.tally)
}

// serveDesks ends with the last call under way.
func (b *Broker) serveDesks(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- b.edge.Serve(b.desks) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	err := b.edge.Shutdown(patient)
	return errors.Join(err, <-served)
}

func (b *Broker) serveMonitor(ctx context.Context) error {
	if b.monitor == nil {
		return nil
	}
	return monitor.Serve(ctx, b.monitor, monitor.Handler(b.metrics, b.checks(), b.settings.MetricsHosts))
}

// Close gives the folder free. Call it after Run has returned.
func (b *Broker) Close() error {
	var errs []error
	for len(b.closers) > 0 {
		last := len(b.closers) - 1
		errs = append(errs, b.closers[last]())
		b.closers = b.closers[:last]
	}
	return errors.Join(errs...)
}

func (b *Broker) later(f func() error) { b.closers = append(b.closers, f) }

// Address is where desks connect; MetricsAddress where the operator asks, ""
// for nowhere.
func (b *Broker) Address() string { return b.desks.Addr().String() }

func (b *Broker) MetricsAddress() string {
	if b.monitor == nil {
		return ""
	}
	return b.monitor.Addr().String()
}

// closeListener closes what the server that it was given to may have closed.
func closeListener(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// machine is the machine's own clock.
type machine struct{ began time.Time }

func (m machine) Wall() time.Time        { return time.Now().Round(0) }
func (m machine) Elapsed() time.Duration { return time.Since(m.began) }
