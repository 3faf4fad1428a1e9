package sequencer

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// cacheBytes bounds the groups that are kept in memory: recent ones are asked
// for by their recipients at once.
const cacheBytes = 64 << 20

// A cache keeps the groups that were used last.
type cache struct {
	mu     sync.Mutex
	bytes  int
	order  *list.List // of *cached, newest use first
	groups map[uint64]*list.Element
}

type cached struct {
	group *journal.Group
	bytes int
}

func newCache() *cache { return &cache{order: list.New(), groups: map[uint64]*list.Element{}} }

func (c *cache) get(number uint64) *journal.Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.groups[number]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).group
}

func (c *cache) put(g *journal.Group, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(g.Number)
	c.groups[g.Number] = c.order.PushFront(&cached{g, bytes})
	for c.bytes += bytes; c.bytes > cacheBytes; {
		c.remove(c.order.Back().Value.(*cached).group.Number)
	}
}

func (c *cache) drop(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(number)
}

func (c *cache) remove(number uint64) {
	if e, ok := c.groups[number]; ok {
		c.bytes -= e.Value.(*cached).bytes
		c.order.Remove(e)
		delete(c.groups, number)
	}
}

// group returns a committed group: with its blobs while it lies in JOURNAL, else
// bare from the archive.
func (s *Sequencer) group(ctx context.Context, number uint64) (*journal.Group, error) {
	if g := s.cache.get(number); g != nil {
		return g, nil
	}
	data, err := s.cfg.Journal.Read(ctx, number)
	if errors.Is(err, journal.ErrGone) {
		return s.bare(number)
	}
	if err != nil {
		return nil, fmt.Errorf("find group %d: %w", number, err)
	}
	g, err := s.decode(number, data)
	if err != nil {
		s.bent(err)
		if err := s.cfg.Index.Lost(number); err != nil {
			return nil, err
		}
		return s.bare(number)
	}
	s.cache.put(g, len(data))
	return g, nil
}

// bent says that JOURNAL has what we did not write. Its envelopes are as good
// as gone, so their senders are asked again; all else is in the archive.
func (s *Sequencer) bent(err error) {
	s.alarms.raise(Alarm{Kind: alarmJournalBent, Detail: err.Error()})
	s.cfg.Log.Error("JOURNAL has a group that we did not write; its records are read from the archive", "error", err)
}

// bare reads a group from the archive.
func (s *Sequencer) bare(number uint64) (*journal.Group, error) {
	data, err := s.cfg.Archive.ReadGroup(number)
	if err != nil {
		return nil, fmt.Errorf("find group %d: %w", number, damaged(err))
	}
	g, err := s.decode(number, data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	g.Bare = true
	s.cache.put(g, len(data))
	return g, nil
}

func (s *Sequencer) decode(number uint64, data []byte) (*journal.Group, error) {
	g, err := journal.Decode(data, s.cfg.MAC)
	if err != nil {
		return nil, fmt.Errorf("read group %d: %w", number, err)
	}
	if g.Number != number {
		return nil, fmt.Errorf("read group %d: it is group %d", number, g.Number)
	}
	return g, nil
}

// Entry returns the entry of an event.
func (s *Sequencer) Entry(ctx context.Context, e *journal.Event) (auditlog.Entry, error) {
	g, err := s.group(ctx, e.Group)
	if err != nil {
		return auditlog.Entry{}, err
	}
	if e.Place >= len(g.Entries) {
		return auditlog.Entry{}, fmt.Errorf("group %d has no record %d", e.Group, e.Place)
	}
	return g.Entries[e.Place], nil
}

// Bytes returns the envelope or note that came with an event; journal.ErrGone when the
// broker has it no more. An envelope that is found lost here is asked for again:
// its group is gone from JOURNAL, or lies there without it.
func (s *Sequencer) Bytes(ctx context.Context, e *journal.Event) ([]byte, error) {
	if e.Statement != (signed.Hash{}) {
		return s.note(ctx, e)
	}
	if e.Blob == nil {
		return nil, journal.ErrGone
	}
	accepted, err := s.Entry(ctx, e)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, e.Blob.Group)
	if err != nil {
		return nil, err
	}
	if at := e.Blob.Blob; !g.Bare && at < len(g.Blobs) && g.Blobs[at].Of == accepted.Record.Message {
		return g.Blobs[at].Bytes, nil
	}
	return nil, errors.Join(journal.ErrGone, s.cfg.Index.Lost(g.Number))
}

// note is that of a statement. It lies with its record, in the archive too: no
// group stays in JOURNAL for it, and without it the sender believes no end.
func (s *Sequencer) note(ctx context.Context, e *journal.Event) ([]byte, error) {
	g, err := s.group(ctx, e.Group)
	if err != nil {
		return nil, err
	}
	if at := g.Place(e.Statement); at >= 0 {
		return g.Blobs[at].Bytes, nil
	}
	return nil, journal.ErrGone
}
