package sequencer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// A Finding is what a start met and settled: one arm of the switch.
type Finding string

const (
	foundJournalAhead Finding = "journal-ahead" // a crash between JOURNAL and records: records completed
	foundJournalLost  Finding = "journal-lost"  // NATS lost acknowledged groups: written back without envelopes
	foundTilesBehind  Finding = "tiles-behind"  // leaves without tiles: written
	foundTilesGone    Finding = "tiles-gone"    // tiles missing or bent: rebuilt
	foundIndexBehind  Finding = "index-behind"  // index brought up
	foundIndexLost    Finding = "index-lost"    // index of another past: rebuilt
)

// An opening is a start: what records, JOURNAL, tiles and index say, until they
// say the same.
type opening struct {
	s     *Sequencer
	runs  bool // the writer runs, and heals: see heal.go
	found []Finding

	journal   uint64         // last group of JOURNAL
	last      *journal.Group // last group of the records
	time      signed.Time
	grew      signed.Time // when the audit log last grew; of an empty one the first record of all
	bent      []uint64    // groups in JOURNAL that we did not write
	audit     *logState
	register  *logState
	index     journal.Position
	indexFits bool // its sizes are those of the records at that group
}

// A logState is one log during a start: the records' side and the tiles' side.
type logState struct {
	dir   string
	key   *signed.PublicKey
	kind  auditlog.Tree
	side  *auditlog.Range // as the records have it
	tiles *tree.Tree      // nil while they must be rebuilt
	ahead [][]byte        // leaves that the tiles lack
	other bool            // the tiles' head is none that the records had
}

// Open settles what a crash or a loss left, proves by a fenced write that it is
// the only writer, and returns the writer ready to Run. Where records and log
// can't be made whole again, the writer it returns has stopped and says why; an
// error is a fault of disk or program.
func Open(ctx context.Context, cfg Config) (*Sequencer, []Finding, error) {
	s := &Sequencer{
		cfg:      cfg,
		exchange: cfg.Register.Exchange(),
		queue:    make(chan []*waiting, maxActs),
		quit:     make(chan struct{}),
		clock:    logClock{clock: cfg.Clock},
		over:     newOverlay(),
		cache:    newCache(),
		behind:   make(chan trailing, maxBehind), behindRoom: semaphore.NewWeighted(maxBehindBytes),
		audit:    &auditlog.Range{},
		register: &auditlog.Range{},
	}
	s.alarms.cfg = &s.cfg
	s.alarms.read()
	s.clock.begin(signed.Time{}) // a writer that stops at its start has a clock all the same
	o := &opening{
		s:        s,
		audit:    &logState{dir: cfg.AuditDir, key: cfg.AuditKey.Public, kind: auditlog.Audit, side: s.audit},
		register: &logState{dir: cfg.RegisterDir, key: cfg.RegisterKey.Public, kind: auditlog.Register, side: s.register},
	}
	err := o.open(ctx)
	if reason, stops := errors.AsType[*Stop](err); stops {
		s.stop(reason)
	}
	if s.Stopped() != nil { // now, or by the write that failed
		err = nil
	}
	return s, o.found, err
}

func (o *opening) open(ctx context.Context) error {
	shown, err := o.s.readShown() // before anything is changed
	if err != nil {
		return err
	}
	if err := o.look(ctx); err != nil {
		return err
	}
	if err := o.settle(ctx); err != nil {
		return err
	}
	s := o.s
	s.cfg.Log.Debug("records, JOURNAL, tiles and index agree", "group", s.number)
	s.over.added, s.over.dropped = s.number, s.number
	s.clock.begin(o.time)
	s.grew.Store(int64(s.cfg.Clock.Elapsed() - stillFor(o.grew, s.cfg.Clock.Wall())))
	s.tree, s.registerTree = o.audit.tiles, o.register.tiles
	if err := s.sign(); err != nil {
		return err
	}
	if err := s.cfg.Index.Unconsigned(s.cfg.Quota.Load); err != nil {
		return err
	}
	for _, c := range shown {
		if err := s.contradicted(c); err != nil {
			return err
		}
	}
	if s.look(); s.endsWait() {
		s.halt(HaltJournal, s.Space()) // nothing is in doubt; heal begins as this start would
		return nil
	}
	if err := s.opened(ctx); err != nil && !s.mustHeal() {
		return err
	}
	s.measure(ctx)
	// A checkpoint that is missing shows up as missing tiles, but not that of an
	// empty log, whose broker was killed before it wrote any.
	if slices.Contains(o.found, foundTilesGone) || s.audit.Size() == 0 {
		s.flush(true)
	}
	return nil
}

// look reads the records from the first group to the last and compares tiles and
// index with them on the way.
func (o *opening) look(ctx context.Context) (err error) {
	for _, l := range []*logState{o.audit, o.register} {
		if err := l.open(); err != nil {
			return err
		}
	}
	o.index = o.s.cfg.Index.Position()
	o.indexFits = o.index.Group == 0
	err = o.s.cfg.Archive.Each(1, func(number uint64, payload []byte) error {
		g, err := o.s.decode(number, payload)
		if err != nil {
			return &Stop{stopBent, err.Error()}
		}
		return o.follow(g)
	})
	if _, stops := errors.AsType[*Stop](err); err != nil && !stops {
		err = &Stop{stopBent, err.Error()}
	}
	if err != nil {
		return err
	}
	o.journal, err = o.s.cfg.Journal.Last(ctx)
	return err
}

// settle is the start switch. Each turn settles one difference; when none is
// left, records, JOURNAL, tiles and index tell the same story. A torn end of the
// records was cut when they were opened, and nothing here deletes anything.
func (o *opening) settle(ctx context.Context) error {
	s := o.s
	for {
		same, err := o.sameEnd(ctx)
		if err != nil {
			return err
		}
		switch {
		case o.journal > s.number:
			// Killed between JOURNAL and records. What JOURNAL has is committed,
			// and nobody was answered: the records get it now.
			if err := o.completeRecords(ctx); err != nil {
				return err
			}
			o.report(foundJournalAhead)

		case o.journal < s.number:
			// NATS lost groups that were acknowledged. The records keep their
			// leaves: the groups go back under their numbers, without envelopes,
			// and the senders are asked for what is still open.
			if err := o.writeBack(ctx); err != nil {
				return err
			}
			s.alarms.raise(Alarm{Kind: alarmJournalLost, Detail: "NATS had lost groups that it had acknowledged"})
			o.report(foundJournalLost)
			o.indexFits = o.runs // it believes that the envelopes are there; see writeBack

		case !same:
			// Both end with the same number and not with the same group: one of
			// them is of another past.
			return &Stop{stopContradicts, fmt.Sprintf("JOURNAL and records differ in group %d", s.number)}

		case o.audit.reachesBeyond() || o.register.reachesBeyond():
			// The tiles know leaves whose records are lost, and with them ids that
			// were accepted: to go on could accept one twice.
			return &Stop{stopRecordsLost, o.lost()}

		case o.audit.other || o.register.other:
			return &Stop{stopContradicts, "the records don't give the root of the checkpoint on disk"}

		case o.audit.tiles == nil || o.register.tiles == nil:
			// Missing or bent tiles are made anew from the records, byte for byte;
			// but where a checkpoint is bent, nothing says how far they must reach.
			if err := o.rebuildTiles(); err != nil {
				return err
			}
			o.report(foundTilesGone)

		case len(o.audit.ahead)+len(o.register.ahead) > 0:
			// Killed before the tiles were written: the next flush writes them.
			if err := o.catchUpTiles(); err != nil {
				return err
			}
			o.report(foundTilesBehind)

		case !o.indexFits:
			// The index is gone, or was derived from another past.
			if err := s.cfg.Index.Reset(); err != nil {
				return err
			}
			o.index, o.indexFits = journal.Position{}, true
			o.report(foundIndexLost)

		case o.index.Group < s.number:
			// Killed before the index had all. A group that it refuses doesn't fit
			// those before, or its disk does not write: to accept without it could
			// accept an id twice.
			if err := o.catchUpIndex(ctx); err != nil {
				return err
			}
			o.report(foundIndexBehind)

		default:
			return nil
		}
	}
}

// stillFor is for how long the audit log has stood still at a start. A record that lies
// well ahead of the wall clock tells nothing: then it is long enough.
func stillFor(grew signed.Time, wall time.Time) time.Duration {
	still := wall.Sub(grew.AsTime())
	switch {
	case grew.IsZero():
		return 0
	case still < -maxJump:
		return quietFor
	}
	return max(still, 0)
}

func (o *opening) report(f Finding) {
	o.found = append(o.found, f)
	o.s.cfg.Log.Info("start settled a difference", "found", f)
}

// follows checks that a group continues those before.
func (o *opening) follows(g *journal.Group) error {
	s := o.s
	if g.Number != s.number+1 || g.Before != s.sizes() {
		return &Stop{stopBent, fmt.Sprintf("group %d doesn't follow group %d", g.Number, s.number)}
	}
	return nil
}

// follow takes in one more group of the records.
func (o *opening) follow(g *journal.Group) error {
	if err := o.follows(g); err != nil {
		return err
	}
	s := o.s
	for i := range g.Entries {
		e := &g.Entries[i]
		if err := o.enter(e); err != nil {
			return err
		}
		o.time = e.Record.Time // the newest: by an entry of the founders it may be earlier than one before
		if e.Record.Tree() == auditlog.Audit || o.grew.IsZero() {
			o.grew = e.Record.Time
		}
	}
	if g.After != s.sizes() {
		return &Stop{stopBent, fmt.Sprintf("group %d doesn't lead where it says", g.Number)}
	}
	s.number, o.last = g.Number, g
	if g.Number == o.index.Group {
		o.indexFits = o.index.Sizes == g.After
	}
	return nil
}

// enter takes one record into its log, and a register entry into the register.
func (o *opening) enter(e *auditlog.Entry) error {
	switch e.Record.Tree() {
	case auditlog.Audit:
		o.audit.add(e.Leaf())
	case auditlog.Register:
		note := e.Record.Entry
		if o.register.side.Size() == 0 {
			if string(note) != string(o.s.cfg.Register.Entries(0)[0]) {
				return &Stop{stopContradicts, "the records begin with another federation file than the one in keys"}
			}
		} else if _, err := o.s.cfg.Register.Append(note); err != nil {
			return &Stop{stopBent, fmt.Sprintf("register entry %d: %v", e.Record.Index, err)}
		}
		o.register.add(note)
	}
	return nil
}

// completeRecords appends what JOURNAL has beyond the records.
func (o *opening) completeRecords(ctx context.Context) error {
	s := o.s
	for n := s.number + 1; n <= o.journal; n++ {
		data, err := s.cfg.Journal.Read(ctx, n)
		if errors.Is(err, journal.ErrGone) {
			return &Stop{stopHole, fmt.Sprintf("records end with group %d, JOURNAL with %d, and group %d is in neither", s.number, o.journal, n)}
		}
		if err != nil {
			return err
		}
		g, err := s.decode(n, data)
		if err != nil {
			return &Stop{stopBent, err.Error()}
		}
		if err := o.follows(g); err != nil {
			return err
		}
		if err := s.cfg.Archive.Append(n, g.Payload(s.cfg.MAC)); err != nil {
			return err
		}
		if err := o.follow(g); err != nil {
			return err
		}
	}
	return nil
}

// writeBack puts the records' groups that JOURNAL lost into it again. Each write
// is fenced, so it goes wrong where another writer is at work.
func (o *opening) writeBack(ctx context.Context) error {
	s := o.s
	return s.cfg.Archive.Each(o.journal+1, func(number uint64, payload []byte) error {
		if err := s.journal(ctx, number, payload); err != nil {
			return err
		}
		o.journal = number
		if o.runs { // the index is in use, and can't be made anew
			return s.cfg.Index.Lost(number)
		}
		return nil
	})
}

// sameEnd compares the last group of both, where it still lies in JOURNAL. While
// their numbers differ there is nothing to compare.
func (o *opening) sameEnd(ctx context.Context) (bool, error) {
	if o.last == nil || o.journal != o.last.Number {
		return true, nil
	}
	data, err := o.s.cfg.Journal.Read(ctx, o.journal)
	if errors.Is(err, journal.ErrGone) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	g, err := o.s.decode(o.journal, data)
	return err == nil && g.Before == o.last.Before && g.After == o.last.After, nil
}

func (o *opening) lost() string {
	for _, l := range []*logState{o.audit, o.register} {
		if l.reachesBeyond() {
			return fmt.Sprintf("the records of entries %d to %d of %s are lost; restore the records", l.side.Size(), l.tiles.Head().Size-1, l.key.Name)
		}
	}
	return ""
}

func (o *opening) rebuildTiles() error {
	for _, l := range []*logState{o.audit, o.register} {
		if l.tiles != nil {
			continue
		}
		t, err := tree.Rebuild(l.dir, l.key, o.leaves(l.kind))
		var c *tree.Contradiction
		var bent *auditlog.Damage
		switch {
		case errors.As(err, &bent):
			return &Stop{stopCheckpoint, fmt.Sprintf("%v; see what bent it, then delete this file: it is made anew from the records", err)}
		case errors.As(err, &c) && c.Got.Size < c.Disk.Size:
			return &Stop{stopRecordsLost, err.Error()}
		case errors.As(err, &c):
			return &Stop{stopContradicts, err.Error()}
		case err != nil:
			return err
		}
		l.tiles = t
	}
	return nil
}

// leaves reads a log's entries from the records.
func (o *opening) leaves(kind auditlog.Tree) iter.Seq2[[]byte, error] {
	stop := errors.New("enough")
	return func(yield func([]byte, error) bool) {
		err := o.s.cfg.Archive.Each(1, func(number uint64, payload []byte) error {
			g, err := o.s.decode(number, payload)
			if err != nil {
				return err
			}
			for i := range g.Entries {
				if e := &g.Entries[i]; e.Record.Tree() == kind && !yield(e.Leaf(), nil) {
					return stop
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield(nil, err)
		}
	}
}

func (o *opening) catchUpTiles() error {
	for _, l := range []*logState{o.audit, o.register} {
		if _, err := l.tiles.Append(l.ahead...); err != nil {
			return err
		}
		l.ahead = nil
	}
	return nil
}

// catchUpIndex applies the groups that the index lacks: from JOURNAL, with their
// blobs, where they lie there.
func (o *opening) catchUpIndex(ctx context.Context) error {
	s := o.s
	var batch []*journal.Group
	size := 0
	err := s.cfg.Archive.Each(o.index.Group+1, func(number uint64, payload []byte) error {
		g, err := o.whole(ctx, number, payload)
		if err != nil {
			return err
		}
		for _, b := range g.Blobs {
			size += len(b.Bytes)
		}
		if batch = append(batch, g); len(batch) < atOnce && size < cacheBytes {
			return nil
		}
		err = s.index(batch)
		batch, size = nil, 0
		return err
	})
	if err != nil {
		return err
	}
	if err := s.index(batch); err != nil {
		return err
	}
	o.index.Group = s.number
	return s.cfg.Index.Lost(o.bent...)
}

func (s *Sequencer) index(groups []*journal.Group) error {
	err := s.cfg.Index.Apply(groups)
	if err != nil && !s.lacksRoom(err) {
		return &Stop{stopIndex, err.Error()}
	}
	return err
}

// whole reads a group from JOURNAL; one that is gone or bent there is what the
// archive has of it.
func (o *opening) whole(ctx context.Context, number uint64, payload []byte) (*journal.Group, error) {
	s := o.s
	data, err := s.cfg.Journal.Read(ctx, number)
	if err == nil {
		g, err := s.decode(number, data)
		if err == nil {
			return g, nil
		}
		s.bent(err)
		o.bent = append(o.bent, number)
	} else if !errors.Is(err, journal.ErrGone) {
		return nil, err
	}
	g, err := s.decode(number, payload)
	if err == nil {
		g.Bare = true
	}
	return g, err
}

// opened commits that this writer has begun. Only a fenced write that succeeds
// proves that it saw the end and is alone, so nothing is deleted before it. The
// first writer of an exchange enters the federation file with it.
func (s *Sequencer) opened(ctx context.Context) error {
	d := s.newDraft()
	d.add(auditlog.Record{Kind: auditlog.Opened, Writer: signed.NewID()})
	if s.register.Size() == 0 {
		d.add(auditlog.Record{Kind: auditlog.Entered, Entry: s.cfg.Register.Entries(0)[0]})
	}
	return s.put(ctx, d)
}

// open reads a log's tiles; damaged ones are rebuilt.
func (l *logState) open() (err error) {
	var damage *auditlog.Damage
	if l.tiles, err = tree.Open(l.dir, l.key); errors.As(err, &damage) {
		l.tiles, err = nil, nil
	}
	return err
}

// add grows the log by a leaf, and compares roots where the tiles end. Where there are
// none at all they are rebuilt, which takes no whole log into memory.
func (l *logState) add(leaf []byte) {
	if l.tiles != nil && l.tiles.Head().Size == 0 {
		l.tiles = nil
	}
	if l.tiles != nil && l.side.Size() >= l.tiles.Head().Size {
		l.ahead = append(l.ahead, leaf)
	}
	l.side.Append(leaf)
	if l.tiles != nil && l.side.Size() == l.tiles.Head().Size {
		l.other = l.side.Root() != l.tiles.Head().Root
	}
}

// reachesBeyond reports whether the tiles have more than the records.
func (l *logState) reachesBeyond() bool {
	return l.tiles != nil && l.tiles.Head().Size > l.side.Size()
}
