// Package store is the broker's one door to NATS JetStream: the JOURNAL, which
// is the commit point of everything, and the wake-ups between processes.
//
// The JOURNAL has opaque groups of bytes, numbered by JetStream from 1. A
// group is written fenced: the writer names the number that it believes to be
// the last, and the write counts only if that is so. Two writers can therefore
// never both believe that they are alone:
//
//	st, err := store.Open(ctx, store.Config{Dir: "data/nats", Log: log})
//	last, err := st.Last(ctx)              // 41
//	seq, err := st.Append(ctx, group, last)
//	switch {
//	case err == nil:                         // 42, and it is on the disk
//	case errors.Is(err, journal.ErrFenced):  // someone else wrote: read, rebuild
//	case errors.Is(err, journal.ErrFull):    // nothing written; remove groups first
//	default:                                 // written or not: read what is there
//	}
//
// A group whose envelopes have all ended is removed with [Store.Delete]; the
// numbers of the others never change and the last number never falls.
//
// NATS runs inside the process and listens on nothing; nobody but the broker
// speaks to it. It syncs every write to the disk before it answers: with its
// default, lazy sync, a power cut loses what was already acknowledged. It checks
// what it reads, but what it finds bent it leaves out as if it had been deleted,
// so whoever reads the groups must compare them with the records.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"samband/gateway/durable"
	"samband/gateway/signed"
)

// answerTimeout bounds one question to JetStream when the caller sets no bound.
// A disk that takes longer than this for one write is in trouble.
const answerTimeout = 10 * time.Second

var (
	// errNoJournal: the folder has no JOURNAL, and none was to be created.
	errNoJournal = errors.New("no JOURNAL in this folder")
	// errForeign: the JOURNAL isn't kept as this package would keep it.
	errForeign = errors.New("JOURNAL is configured otherwise")
)

// Config says where the JOURNAL lies and how large it may grow.
type Config struct {
	// Dir is the folder of the embedded server, 0700, of one process.
	Dir string
	// Log receives what the embedded server has to say; nil discards it.
	Log *slog.Logger
	// MaxBytes is the limit of the JOURNAL in bytes as NATS counts them: the
	// groups that are there, not the holes between them. 0 keeps the limit that
	// the JOURNAL has; at creation, 0 is 40 % of the disk.
	MaxBytes int64
	// Create makes the JOURNAL if it is missing. Only initialisation sets it:
	// afterwards a missing JOURNAL is a loss, never an empty start.
	Create bool
	// First is the number of the first group of a JOURNAL that is made: 0 is 1. One that is
	// made anew begins behind the last group of the records.
	First uint64
}

// A Store is an open JOURNAL. Its methods may be called from many goroutines;
// only the fence of [Store.Append] orders writers.
type Store struct {
	cfg  Config
	lock *os.File
	open atomic.Pointer[opened]

	mu    sync.Mutex
	heard []*hearing // who listens for wake-ups, over each opening
}

// opened is the server as it was started once.
type opened struct {
	server *server.Server
	conn   *nats.Conn
	stream jetstream.Stream
	js     jetstream.JetStream
	log    *serverLog
	takes  context.Context // until the disk refuses a write: then it takes no other
}

// A hearing is told of each desk that is woken.
type hearing struct {
	do  func(desk signed.Address)
	sub *nats.Subscription
}

// Open takes the folder for this process, starts the embedded server and checks
// that the JOURNAL is there and is kept as durably as it must be. Errors:
// [durable.ErrLocked], [errNoJournal], [ErrNotTaken], [errForeign], and those of disk and server.
func Open(ctx context.Context, cfg Config) (s *Store, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s = &Store{cfg: cfg}
	if s.lock, err = durable.LockDir(cfg.Dir); err == nil {
		err = s.start(ctx)
	}
	s.cfg.Create = false
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open store %q: %w", cfg.Dir, err)
	}
	return s, nil
}

// start builds the store from the disk upwards. Where that fails, the files are what they
// were: see keep.
func (s *Store) start(ctx context.Context) (err error) {
	if err := keep(s.cfg.Dir); err != nil {
		return fmt.Errorf("look through the files of JOURNAL before the start: %w", err)
	}
	var o *opened
	defer func() {
		if err == nil {
			return
		}
		if o != nil {
			o.close()
		}
		if _, back := putBack(s.cfg.Dir); back != nil {
			err = errors.Join(err, fmt.Errorf("the next start does this again: %w", back))
		}
	}()
	if err := rewriteLast(s.cfg.Dir); err != nil {
		return err
	}
	if o, err = s.takeUp(ctx); err != nil {
		return err
	}
	if err := forget(s.cfg.Dir); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.Store(o)
	for _, h := range s.heard {
		if err := h.listen(o); err != nil {
			return err
		}
	}
	return nil
}

// Reopen starts the server anew from what lies on the disk: after a write that failed it
// takes no other. The folder stays this process's.
func (s *Store) Reopen(ctx context.Context) error {
	if o := s.open.Load(); o != nil {
		o.close()
	}
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("open store %q anew: %w", s.cfg.Dir, err)
	}
	return nil
}

// close takes down as much as stands.
func (o *opened) close() {
	o.log.refuses()
	if o.conn != nil {
		o.conn.Close()
	}
	if o.server != nil {
		o.server.Shutdown()
		o.server.WaitForShutdown()
	}
}

// Close stops the embedded server and gives the folder free. A process that is
// killed instead loses nothing that Append had returned.
func (s *Store) Close() {
	if o := s.open.Load(); o != nil {
		o.close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
}
