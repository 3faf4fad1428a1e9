// Package sequencer is the one writer: it alone orders what happens in an
// exchange, makes it durable, and says so under the log's own key.
//
// Many callers wait at once, each with one act: a message to accept, a
// statement, a register entry, a refusal to log. The writer takes all that wait
// as one [Group], decides each act in turn, and then walks one way that never
// changes:
//
//	order     index, time and salt for each record; both tree heads after it
//	JOURNAL   one fenced write: from here on it has happened
//	records   the same records in the archive, synced
//	trees     both heads in memory, one checkpoint for each that moved
//	answer    each caller gets its entry, and with it a proof
//	behind    the index, the desks that wake, the tiles, groups that may go
//
// A caller sees one call:
//
//	done, err := seq.Do(ctx, sequencer.Submission{Envelope: e, Raw: raw})
//	entry, err := seq.Entry(ctx, done.Event)
//	proof, err := seq.Prove(entry, seq.Checkpoints())
//
// or [Sequencer.DoAll] for acts that are to be ordered one behind the other. What
// an act refuses for good has its entry in the act's own place.
//
// A crash anywhere leaves one of few differences between JOURNAL, records,
// tiles and index. [Open] finds and settles each in one switch, in start.go.
// What the writer must not do without is named there too: it then stops, says
// why, and destroys nothing.
package sequencer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/records"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Journal is the commit point: numbered groups, written fenced. Any error of
// Append but [journal.ErrFenced] and [journal.ErrFull] leaves in doubt whether it was
// written. After a write that failed Reopen may be what the next one needs.
type Journal interface {
	Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error)
	Read(ctx context.Context, number uint64) ([]byte, error)
	Last(ctx context.Context) (uint64, error)
	Delete(ctx context.Context, number uint64) error
	Usage(ctx context.Context) (used, limit int64, err error)
	Reopen(ctx context.Context) error
}

// A Clock tells the time; the difference of two readings of Wall that is not
// one of Elapsed is a clock that was set.
type Clock interface {
	Wall() time.Time
	Elapsed() time.Duration // since some moment, never set by anyone
}

// Config is what a Sequencer is made of.
type Config struct {
	Register    *register.Register // begun with the federation file
	AuditKey    *signed.PrivateKey
	RegisterKey *signed.PrivateKey
	MAC         []byte // the key of the groups' authentication; JOURNAL never sees it

	Journal     Journal
	Archive     *records.Archive
	AuditDir    string // folders of the two logs' tiles
	RegisterDir string
	ShownDir    string // folder of the checkpoints of ours that proved a loss
	Alarms      string // file of the alarms that stand
	Index       *index.Index
	Disks       []string // a folder on each file system that any of these lies on
	Reserve     int64    // bytes of each of them that only ends may use; see room.go
	Clock       Clock
	Quota       *quota.Room
	Log         *slog.Logger
	Metrics     *Metrics

	// Wake tells desks that something lies ready for them.
	Wake func([]signed.Address)
	// TimedOut hears of each message that expired or lapsed.
	TimedOut func(*journal.Message)
}

// A Sequencer is the writer with its queue. Its methods may be called from many
// goroutines.
type Sequencer struct {
	cfg      Config
	exchange signed.Hash
	queue    chan []*waiting // acts that stand together
	quit     chan struct{}   // closed when the writer has ended
	stopped  atomic.Pointer[Stop]
	clock    logClock
	over     *overlay
	alarms   alarms
	cache    *cache
	behind   chan trailing // from the writer to the applier; full, it makes the writer wait,
	// and so does what it has in bytes
	behindRoom *semaphore.Weighted

	tree         *tree.Tree // of the audit log
	registerTree *tree.Tree

	// What JOURNAL has and may have, in bytes.
	used, limit atomic.Int64
	full        atomic.Bool // JOURNAL refused a group

	space atomic.Pointer[shortage] // of the disks, at the last look; nil: there is room
	halts [haltKinds]atomic.Pointer[halt]

	tiles atomic.Pointer[error] // of the last flush
	grew  atomic.Int64          // when the audit log last grew, as Clock.Elapsed tells it

	// The writer's own: nobody else reads them.
	number   uint64 // of the last group
	audit    *auditlog.Range
	register *auditlog.Range
	doubted  *groupDraft // its write failed: whether it stands shows when the writer has healed
	rest     []*waiting  // taken from the queue, and not ordered yet

	mu          sync.RWMutex
	checkpoints Checkpoints // newest of both logs
	recent      recent
}

// Checkpoints are the newest of both logs, with the heads that they sign.
type Checkpoints struct {
	Audit, Register         []byte
	AuditHead, RegisterHead signed.Head

	number uint64 // of the group that led to them
}

// A Stop is why the writer accepts nothing any more.
type Stop struct {
	kind   stopKind
	detail string // for the operator
}

// A stopKind is one of the closed list below.
type stopKind string

const (
	stopFenced      stopKind = "fenced-out"      // another writer wrote to JOURNAL
	stopArchive     stopKind = "archive-failed"  // records can't be written, and not for want of room
	stopHole        stopKind = "journal-hole"    // groups are gone that records don't have
	stopBent        stopKind = "group-bent"      // a group is not what we wrote
	stopRecordsLost stopKind = "records-lost"    // tiles know leaves that records don't
	stopContradicts stopKind = "log-contradicts" // records and tiles tell two histories
	stopCheckpoint  stopKind = "checkpoint-bent" // a log's checkpoint on disk is not what we signed
	stopTailLost    stopKind = "tail-lost"       // a checkpoint we signed reaches beyond the log
	stopIndex       stopKind = "index-failed"    // the index does not take a group
	stopFault       stopKind = "fault"           // a fault of the program
)

// stopKinds is the closed list, for metrics.
var stopKinds = []stopKind{stopFenced, stopArchive, stopHole, stopBent, stopRecordsLost, stopContradicts, stopCheckpoint, stopTailLost, stopIndex, stopFault}

func (s *Stop) Error() string { return string(s.kind) + ": " + s.detail }

// stop ends accepting for as long as the process lives; the first reason stands.
func (s *Sequencer) stop(reason *Stop) error {
	if s.stopped.CompareAndSwap(nil, reason) {
		s.cfg.Metrics.alarm(alarmKind(reason.kind), "")
		s.cfg.Log.Error("the writer has stopped and accepts nothing", "kind", reason.kind, "why", reason.detail)
	}
	return s.Ready()
}

// Stopped returns why the writer stopped; nil while it works.
func (s *Sequencer) Stopped() *Stop { return s.stopped.Load() }

// Ready refuses with BROKER_STOPPED once the writer has stopped.
func (s *Sequencer) Ready() error {
	if reason := s.Stopped(); reason != nil {
		return problem.New(problem.BrokerStopped, "the broker has stopped: %s", reason.kind)
	}
	return nil
}

// Records returns why the archive of records is not what it should be; nil while
// it is.
func (s *Sequencer) Records() error {
	if r := s.Stopped(); r != nil && (r.kind == stopArchive || r.kind == stopBent || r.kind == stopRecordsLost) {
		return r
	}
	return s.Halted(HaltRecords)
}

// Tiles returns why the last flush of tiles went wrong; nil when it went well.
func (s *Sequencer) Tiles() error {
	if err := s.tiles.Load(); err != nil {
		return *err
	}
	return nil
}

// Register is the register as far as it is committed.
func (s *Sequencer) Register() *register.Register { return s.cfg.Register }

// Now is logged time as it would be given to a record at this moment.
func (s *Sequencer) Now() signed.Time { return s.clock.now() }

// Checkpoints returns the newest checkpoints.
func (s *Sequencer) Checkpoints() Checkpoints {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.checkpoints
}

// Prove writes the proof that an entry of either log stands under a checkpoint
// that Checkpoints returned after the entry was committed.
func (s *Sequencer) Prove(e auditlog.Entry, c Checkpoints) ([]byte, error) {
	log, checkpoint, size := s.tree, c.Audit, c.AuditHead.Size
	if e.Record.Tree() == auditlog.Register {
		log, checkpoint, size = s.registerTree, c.Register, c.RegisterHead.Size
	}
	hashes, err := log.Prove(e.Record.Index, size)
	if err != nil {
		return nil, err
	}
	return auditlog.MakeProof(e, hashes, checkpoint), nil
}
