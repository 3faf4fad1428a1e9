// Package mail is the room where a desk's messages are worked on. It alone talks
// to the broker, and it alone writes what becomes of a message: row.go has the one
// function by which a row changes.
//
//	room, err := mail.Open(mail.Config{Desk: "se.spoc", Database: path, …})
//	go room.Run(ctx)
//	err = room.Queue(sending) // durable; sent by itself from here on
//
// What the broker answers is measured by package verify against what this desk
// knew before; what fails is kept as evidence, and the message stays where it was.
// The rest are workers. Each takes all that waits for it, makes one call of it and
// one write of the answer, and begins anew: a desk that is killed anywhere, locked,
// or cut off goes on by itself.
//
//	outbox.go      sends what is queued, the same bytes until they are answered;
//	               urgent messages have a worker of their own, and large ones
//	inbox.go       takes in what arrives, sealed; large messages have a worker of their own
//	open.go        opens it, when the ring is unlocked, and states what it is
//	statements.go  sends what was signed about messages, until it is proven
//	progress.go    learns what became of what was sent, and accounts for what was said in
//	               the desk's name (elsewhere.go)
//	erasures.go    states what was erased, and hides what the log says that it was
//	openings.go    destroys opening keys that nothing needs any more
//	owed.go        watches what others owe of what was sent
//	ring.go        shows the locked ring to the broker; sees who else uses the online one
//	disk.go        watches the disk, and keeps room on it for what must work
//	mend.go        finds what this desk's own disk damaged, and mends it (mendrows.go), or
//	               makes anew what is lost (mendlost.go)
//	entries.go     hands in register entries, until they have their place or a proven refusal;
//	               heeds revocations among them (heeded.go)
//	bundles.go     fetches the catalogues that the register names, and reads by them
//
// Workers share no lock: each has its own state, the two logs are a value that is
// replaced (logs.go), and the database has one writer.
package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// Broker is what a desk asks of a broker. An *api.Client is one.
type Broker interface {
	Submit(ctx context.Context, heads api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error)
	State(ctx context.Context, heads api.Heads, notes [][]byte) (*api.StateAnswer, error)
	Inbox(ctx context.Context, heads api.Heads, ask api.Ask) (*api.InboxAnswer, error)
	Progress(ctx context.Context, heads api.Heads, page api.Page) (*api.ProgressAnswer, error)
	Want(ctx context.Context, heads api.Heads, want api.Want) error
	Show(ctx context.Context, checkpoint []byte) error
	Register(ctx context.Context, heads api.Heads, from int64, limit, bytes int) (*api.RegisterAnswer, error)
	Consistency(ctx context.Context, from, to int64) (*api.ConsistencyAnswer, error)
	Catalogue(ctx context.Context, hash schema.BundleHash) (*schema.Bundle, error)
	Enter(ctx context.Context, heads api.Heads, entry []byte) (*api.EnterAnswer, error)

	// Ring shows the locked ring on the connection in use, and Connected sets what is
	// called when a call goes by one that it was not shown on.
	Ring(ctx context.Context, sign func(exporter signed.Hash) ([]byte, error)) error
	Connected(f func())

	// Clocks sets the clock that is told in each call, and what hears the log's time in
	// each answer.
	Clocks(now func() time.Time, heard func(at signed.Time))
}

var _ Broker = (*api.Client)(nil)

// Config of a Room. All of it must be given.
type Config struct {
	Desk       signed.Address
	Database   string // its path
	Reserve    int64  // bytes of the reserve beside it
	Bundles    string // the folder of catalogue bundles
	Keys       string // the folder of the rings
	Entries    string // the folder of the register entries that were handed in
	Federation []byte // the exchange's federation file
	Broker     Broker
	Online     *keys.OnlineKeys
	Ring       *keys.Ring
	Log        *slog.Logger
	Now        func() time.Time
	Retry      time.Duration // first pause after a failed call
	WarnAt     []float64     // fractions of a legal term after which the desk is warned
}

// A Room works on a desk's messages. Its methods may be called at once.
type Room struct {
	Config
	Store   *store.Store
	Metrics *Metrics

	logs    atomic.Pointer[verify.Logs]
	growing sync.Mutex // over writing register entries and going by them
	catchup catchup
	absence struct {
		sync.Mutex
		since int64       // how long the audit log was when this process began
		noted atomic.Bool // how long it was in its first answer
	}

	mendings sync.Mutex  // over mending the database
	feedAnew atomic.Bool // the progress feed is to be read from its beginning

	inspected struct { // by who would accuse somebody
		sync.Mutex
		at time.Time
	}
	amissAt atomic.Pointer[time.Time] // when something was found damaged last

	hearing   hearing
	reachable atomic.Bool
	unheard   atomic.Value // a lastError: of the last call
	offset    atomic.Int64 // of the log's time from this desk's clock, in nanoseconds
	scrubbing atomic.Bool  // something was erased that may still lie in the write-ahead log
	shows     atomic.Bool  // all erasures that the log has were read, or a person decided: see erasures.go
	readAll   atomic.Bool  // progress was read to its end since the start: what a lost copy of this desk did is known
	workers   workers
	again     wanted
	sharing   sharing
	opener    opener
	bundles   *bundles
	handed    handed

	changes changes
	ends    ends
	owed    owed
}

// Open opens the database; store.ErrNone when there is none.
func Open(c Config) (*Room, error) {
	m := &Room{Config: c, Metrics: NewMetrics(), bundles: newBundles(c.Bundles), handed: handed{folder: c.Entries}}
	m.changes.n = time.Now().UnixMicro() // more than any process of this desk counted before
	m.workers = newWorkers()
	m.catchup.load = firstPage
	m.opener = newOpener(m)
	s, err := store.Open(c.Database, c.Desk, c.Reserve, m.ends.moved)
	if err != nil {
		return nil, err
	}
	m.Store = s
	if _, err = m.mend(trusted...); err == nil {
		err = m.load()
	}
	if err == nil {
		m.absence.since = m.logs.Load().Audit().Size
		err = errors.Join(m.openBundles(), m.openEntries(), m.resumeAlarm())
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.OnDamage(func() error {
		_, err := m.mend()
		return err
	})
	return m, nil
}

// Close closes the database. Run must have returned.
func (m *Room) Close() error { return m.Store.Close() }

// Logs are both logs as this desk has verified them.
func (m *Room) Logs() *verify.Logs { return m.logs.Load() }

// Reachable reports whether the broker answered the last call.
func (m *Room) Reachable() bool { return m.reachable.Load() }

// Unheard is why the broker did not answer the last call, or refused this desk's
// connection; nil if it did answer.
func (m *Room) Unheard() error {
	last, _ := m.unheard.Load().(lastError)
	return last.err
}

// A lastError is an error, or nil, as an atomic.Value takes it.
type lastError struct{ err error }

// Unlocked tells the room that the ring was unlocked: what waited for it goes on.
func (m *Room) Unlocked() {
	m.sayMissingKeys()
	m.opener.lookAgain()
	m.wakeOutboxes()
	for _, w := range []chan struct{}{m.workers.urgentStatements, m.workers.statements, m.workers.open, m.workers.erasures, m.workers.keys, m.workers.ring} {
		wake(w)
	}
	m.Touch()
}

// withRing lends the locked ring to f; DESK_LOCKED when it is locked.
func (m *Room) withRing(f func(*keys.Locked) error) error { return WithRing(m.Ring, m.Desk, f) }

// WithRing lends a desk's locked ring to f; DESK_LOCKED when it is locked.
func WithRing(ring *keys.Ring, desk signed.Address, f func(*keys.Locked) error) error {
	err := ring.Use(f)
	if errors.Is(err, keys.ErrLocked) {
		return problem.New(problem.DeskLocked, "the ring of %s is locked", desk)
	}
	return err
}
