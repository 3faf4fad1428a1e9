package desk_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/signed"
)

// A desk that is far behind in the register goes on where it was, after each call that
// breaks off: here each second one, and each brings one entry.
func TestACatchupGoesOnAfterABreak(t *testing.T) {
	s := newLie(t)
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			var c *api.Catchup
			switch a := answer.(type) {
			case *api.InboxAnswer:
				c = &a.Catchup
			case *api.ProgressAnswer:
				c = &a.Catchup
			}
			if c != nil && len(c.Register.Entries) > 1 {
				c.Register.Entries = c.Register.Entries[:1]
			}
		}
	})
	b := &breaking{line: line{s.edge, "se.spoc"}}
	se := must(desk.New(desk.Config{Dir: s.desk("se.spoc"), Broker: b, Now: s.clock.Wall, Retry: time.Millisecond}))
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- se.Run(ctx) }()
	await(t, se, "the whole register", func() bool {
		st, err := se.Status(ctx)
		return err == nil && st.Register == int64(len(s.edge.entries))
	})
	if n, entries := b.calls.Load(), int64(len(s.edge.entries)); n > 2*entries+2 {
		t.Errorf("%d calls for a register of %d entries", n, entries)
	}
	cancel()
	must(0, <-done)
	must(0, se.Close())
}

// A breaking line carries each second call for the register.
type breaking struct {
	line
	calls atomic.Int64
}

func (b *breaking) Register(ctx context.Context, h api.Heads, from int64, _, _ int) (*api.RegisterAnswer, error) {
	if b.calls.Add(1)%2 == 0 {
		return nil, fmt.Errorf("%w: %w", api.ErrUnreachable, api.ErrBroken)
	}
	return b.line.Register(ctx, h, from, 1, 0)
}
