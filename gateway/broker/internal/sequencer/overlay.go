package sequencer

import (
	"maps"
	"sync"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// A key finds a message by its sender and id.
type key struct {
	from signed.Address
	id   signed.ID
}

// A rejection finds what was rejected by who submitted it: a text, or bytes.
type rejection struct {
	caller signed.Address
	name   signed.Hash
}

// A delta is what a group changes of what is known.
type delta struct {
	messages map[key]*journal.Message
	texts    map[signed.Hash]*journal.Message // those of them that were accepted
	rejected map[rejection]*journal.Event
	erased   map[signed.Hash]*journal.Event // by the hash of the note
}

func newDelta() delta {
	return delta{
		map[key]*journal.Message{}, map[signed.Hash]*journal.Message{},
		map[rejection]*journal.Event{}, map[signed.Hash]*journal.Event{},
	}
}

// An overlay is what was committed and is not yet in the index. Whoever looks
// something up asks it first: what leaves it is in the index by then.
type overlay struct {
	mu       sync.RWMutex
	messages map[key]dated[*journal.Message]
	texts    map[signed.Hash]key
	rejected map[rejection]dated[*journal.Event]
	erased   map[signed.Hash]*journal.Event // of one group alone: it never changes
	added    uint64                         // the last group that came to it
	dropped  uint64                         // the last group that left it
}

// dated is a value with the last group that changed it.
type dated[T any] struct {
	value  T
	number uint64
}

func newOverlay() *overlay {
	return &overlay{
		messages: map[key]dated[*journal.Message]{},
		texts:    map[signed.Hash]key{},
		rejected: map[rejection]dated[*journal.Event]{},
		erased:   map[signed.Hash]*journal.Event{},
	}
}

func (o *overlay) known(k key) *journal.Message {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.messages[k].value
}

func (o *overlay) message(text signed.Hash) *journal.Message {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if k, ok := o.texts[text]; ok {
		return o.messages[k].value
	}
	return nil
}

func (o *overlay) rejection(r rejection) *journal.Event {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.rejected[r].value
}

func (o *overlay) erasure(note signed.Hash) *journal.Event {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.erased[note]
}

// add takes in what group number changed.
func (o *overlay) add(number uint64, d delta) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.added = number
	for k, m := range d.messages {
		o.messages[k] = dated[*journal.Message]{m, number}
		if m.Accepted != nil {
			o.texts[m.Text] = k
		}
	}
	for r, e := range d.rejected {
		o.rejected[r] = dated[*journal.Event]{e, number}
	}
	maps.Copy(o.erased, d.erased)
}

// seen is the last group of which all is found, here or in the index.
func (o *overlay) seen() uint64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.added
}

// reaches reports whether all that was committed behind a group is still here.
func (o *overlay) reaches(number uint64) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.dropped <= number
}

// restart says that the index has all up to a group, and nothing is here.
func (o *overlay) restart(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.added, o.dropped = number, number
}

// drop lets go of what group number changed last, once it is in the index.
func (o *overlay) drop(number uint64, d delta) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped = number
	for k, m := range d.messages {
		if o.messages[k].number == number {
			delete(o.messages, k)
			delete(o.texts, m.Text)
		}
	}
	for r := range d.rejected {
		if o.rejected[r].number == number {
			delete(o.rejected, r)
		}
	}
	for note := range d.erased {
		delete(o.erased, note)
	}
}

// Seen is the last group that Known and Rejected tell of now, which the
// checkpoints may be ahead of. Whoever finds nothing after it spares the writer
// the same search: see Submission.
func (s *Sequencer) Seen() uint64 { return s.over.seen() }

// Known returns what is known of a sender's id; nil when nothing is.
func (s *Sequencer) Known(from signed.Address, id signed.ID) (*journal.Message, error) {
	if m := s.over.known(key{from, id}); m != nil {
		return m, nil
	}
	return s.cfg.Index.Known(from, id)
}

// Message returns what is known of an accepted text that a desk sent or received; nil
// when nothing is. A text of other desks is as unknown as none.
func (s *Sequencer) Message(desk signed.Address, text signed.Hash) (*journal.Message, error) {
	if m := s.over.message(text); m != nil && m.Of(desk) {
		return m, nil
	}
	return s.cfg.Index.Message(desk, text)
}

// Rejected returns the entry by which a caller's text, or these bytes of it, were refused
// for good, while that binds; nil when they weren't.
func (s *Sequencer) Rejected(caller signed.Address, text, bytes signed.Hash) (*journal.Event, error) {
	for _, name := range []signed.Hash{text, bytes} {
		if e := s.over.rejection(rejection{caller, name}); e != nil {
			return e, nil
		}
	}
	return s.cfg.Index.Rejected(caller, text, bytes, s.Now())
}

// Erased returns the entry of a statement of what a desk erased, by the hash of its
// note; nil when there is none.
func (s *Sequencer) Erased(note signed.Hash) (*journal.Event, error) {
	if e := s.over.erasure(note); e != nil {
		return e, nil
	}
	return s.cfg.Index.Erased(note)
}
