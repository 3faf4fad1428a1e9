package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/seen"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// subjects are whom and what this desk's opened mail is about, while it is unlocked.
type subjects struct {
	mu    sync.Mutex
	index *seen.Index // nil while locked
	upTo  int64       // what was shown up to here is in it

	filling sync.Mutex // one fills it at a time
	started chan struct{}
}

// begin makes the index anew, empty.
func (s *subjects) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index, s.upTo = seen.New(), 0
	select {
	case s.wake() <- struct{}{}:
	default:
	}
}

// wake is the channel by which begin wakes who fills the index. s.mu is locked.
func (s *subjects) wake() chan struct{} {
	if s.started == nil {
		s.started = make(chan struct{}, 1)
	}
	return s.started
}

// end forgets it.
func (s *subjects) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
}

func (s *subjects) forget(text signed.Hash) {
	s.filling.Lock() // who fills may have opened it already, and add it after this
	defer s.filling.Unlock()
	if index, _ := s.now(); index != nil {
		index.Remove(text)
	}
}

func (s *subjects) now() (*seen.Index, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index, s.upTo
}

// reached notes how far an index was filled, unless another has taken its place.
func (s *subjects) reached(index *seen.Index, upTo int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index != index {
		return false
	}
	s.upTo = upTo
	return true
}

// followPause is how often new mail is looked through while nobody reads. Who reads
// looks through what is new at once; this keeps it little.
const followPause = time.Minute

// followSubjects fills the index after each unlock, and now and then.
func (d *Desk) followSubjects(ctx context.Context) {
	d.subjects.mu.Lock()
	started := d.subjects.wake()
	d.subjects.mu.Unlock()
	for {
		if err := d.fillSubjects(ctx); err != nil {
			d.log.Error("opened mail could not be looked through", "problem", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-started:
		case <-time.After(followPause):
		}
	}
}

// fillSubjects opens what became fit to be shown and is not in the index yet. What can't
// be opened, such as what was erased, is left out.
func (d *Desk) fillSubjects(ctx context.Context) error {
	d.subjects.filling.Lock()
	defer d.subjects.filling.Unlock()
	for ctx.Err() == nil {
		index, upTo := d.subjects.now()
		if index == nil {
			return nil
		}
		var shown []store.Shown
		err := d.room.Store.View(func(tx *store.Tx) (err error) {
			shown, err = tx.ShownSince(upTo, 100)
			return err
		})
		if err != nil || len(shown) == 0 {
			return err
		}
		if d.mayShow() != nil {
			return nil // what is passed by now would be left out for good
		}
		for _, s := range shown {
			if body := d.body(s.Row.TextHash); body != nil {
				index.Add(seen.Message{Text: s.Row.TextHash, Conversation: s.Row.Conversation}, body.Subjects())
			}
		}
		if !d.subjects.reached(index, shown[len(shown)-1].At) {
			return nil
		}
	}
	return ctx.Err()
}

// seenBefore says where else those whom a message is about were seen.
func (d *Desk) seenBefore(ctx context.Context, m *client.Message) (all []client.SeenBefore, err error) {
	body := d.body(m.Message)
	if body == nil {
		return nil, nil
	}
	if err := d.fillSubjects(ctx); err != nil {
		return nil, err
	}
	index, _ := d.subjects.now()
	if index == nil {
		return nil, problem.New(problem.DeskLocked, "the ring of %s is locked", d.Address())
	}
	for _, match := range index.Find(seen.Message{Text: m.Message, Conversation: m.Conversation}, body.Subjects()) {
		before, err := d.seenIn(match)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, before)
	}
	return all, nil
}

// seenIn is what an officer sees of the other message.
func (d *Desk) seenIn(match seen.Match) (client.SeenBefore, error) {
	out := client.SeenBefore{Path: match.Path, Kind: match.Kind, Certain: match.Certain}
	err := d.room.Store.View(func(tx *store.Tx) error {
		if hidden, err := tx.Hidden(match.Text); err != nil || hidden {
			return errors.Join(err, store.ErrNotFound)
		}
		for _, received := range []bool{true, false} {
			r, err := tx.OfText(received, match.Text)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			i, err := d.item(tx, &r)
			out.Message, out.Conversation, out.Accepted = client.Ref{From: r.From, ID: r.ID}, r.Conversation, i.Accepted
			return err
		}
		return store.ErrNotFound
	})
	if err != nil {
		return out, err
	}
	if s := d.summary(match.Text); s != nil {
		out.Subject = s.Subject
	}
	return out, nil
}
