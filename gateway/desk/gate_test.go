package desk_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk"
)

// A gate is a broker to which a desk's words get through only as the test says:
// what the desk signed of a message is written then, and not proven.
type gate struct {
	desk.Broker
	calls chan *words   // each call waits for the test
	open  chan struct{} // closed: all get through

	mu   sync.Mutex
	said [][]byte // each note of each call, in order
}

// words is one call that waits.
type words struct {
	notes [][]byte
	fate  chan fate
}

// A fate is what becomes of a call.
type fate int

const (
	passes  fate = iota
	cut          // it does not reach the broker
	unheard      // it does, and the answer is lost
)

func newGate(b desk.Broker) *gate {
	return &gate{Broker: b, calls: make(chan *words), open: make(chan struct{})}
}

func (g *gate) State(ctx context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	g.mu.Lock()
	g.said = append(g.said, notes...)
	g.mu.Unlock()
	w, becomes := &words{notes, make(chan fate, 1)}, passes
	select {
	case g.calls <- w:
		select {
		case becomes = <-w.fate:
		case <-ctx.Done():
			becomes = cut
		}
	case <-g.open:
	case <-ctx.Done():
		becomes = cut
	}
	if becomes == cut {
		return nil, api.ErrUnreachable
	}
	a, err := g.Broker.State(ctx, h, notes)
	if becomes == unheard {
		return nil, errors.Join(err, api.ErrUnreachable)
	}
	return a, err
}

// notes are all that was said so far.
func (g *gate) notes() [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.said[:len(g.said):len(g.said)]
}

// call waits for the next call of words.
func (s *stage) call(g *gate) *words {
	s.t.Helper()
	select {
	case w := <-g.calls:
		return w
	case <-time.After(patience):
		s.t.Fatal("no word is said")
		return nil
	}
}
