package desk_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// restless is an edge that answers each poll at once, whatever its wait.
type restless struct {
	line
	inbox, progress *atomic.Int64
	grows           bool // its log, before each answer
}

func (b restless) grow() {
	if b.grows {
		b.e.set(func() { b.e.record(auditlog.Record{Kind: auditlog.Refusals, Caller: b.caller, Count: 1}, 1) })
	}
}

func (b restless) Inbox(ctx context.Context, h api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	b.inbox.Add(1)
	b.grow()
	return b.line.Inbox(ctx, h, api.Ask{Held: ask.Held, Limit: ask.Limit})
}

func (b restless) Progress(ctx context.Context, h api.Heads, p api.Page) (*api.ProgressAnswer, error) {
	b.progress.Add(1)
	b.grow()
	return b.line.Progress(ctx, h, api.Page{After: p.After, Limit: p.Limit})
}

// A broker whose polls end at once and bring nothing that the desk has not heard does
// not keep it busy: a pause follows, here of an hour, while it does its other work.
func TestPollsThatBringNothing(t *testing.T) {
	has := func(e *edge) api.InboxItem { return e.item(e.messages[0]) }
	for name, c := range map[string]struct {
		grows bool
		lie   func(*edge, *api.InboxAnswer)
	}{
		"nothing":                           {},
		"a log that grows":                  {grows: true},
		"what it has":                       {lie: func(e *edge, a *api.InboxAnswer) { a.Items = []api.InboxItem{has(e)} }},
		"what it has, twice":                {lie: func(e *edge, a *api.InboxAnswer) { a.Items = []api.InboxItem{has(e), has(e)} }},
		"what it has, and a log that grows": {grows: true, lie: func(e *edge, a *api.InboxAnswer) { a.Items = []api.InboxItem{has(e)} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			id := send(t, se, request(t))
			awaitOut(t, se, id, "accepted")
			s.edge.set(func() {
				s.edge.lie = func(caller signed.Address, answer any) {
					if a, ok := answer.(*api.InboxAnswer); ok && caller == "fi.spoc" && c.lie != nil {
						c.lie(s.edge, a)
					}
				}
			})
			b := restless{line: line{s.edge, "fi.spoc"}, inbox: &atomic.Int64{}, progress: &atomic.Int64{}, grows: c.grows}
			fi := must(desk.New(desk.Config{Dir: s.desk("fi.spoc"), Broker: b, Now: s.clock.Wall, Retry: time.Hour}))
			ctx, cancel := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- fi.Run(ctx) }()
			awaitOut(t, se, id, "consigned")
			s.unlock(fi)
			draft := request(t)
			draft.To = []signed.Address{"se.spoc"}
			for range 10 {
				awaitOut(t, fi, send(t, fi, draft), "accepted")
			}
			if in, progress := b.inbox.Load(), b.progress.Load(); in > 4 || progress > 4 {
				t.Errorf("%d pages of the inbox, and %d of the progress", in, progress)
			}
			cancel()
			must(0, <-done)
			must(0, fi.Close())
		})
	}
}

// So it is with progress: a cursor that climbs, bytes that nobody lost, and what the desk
// has heard long since, at places that no proof bears out.
func TestProgressThatBringsNothing(t *testing.T) {
	again := func(e *edge, v *event, of *message) api.ProgressItem {
		return api.ProgressItem{Cursor: api.Cursor(e.audit.Head().Size), ID: of.ID, Sender: of.From, Message: of.TextHash(), LoggedEvent: *e.fact(v)}
	}
	for name, lie := range map[string]func(*edge, *api.ProgressAnswer){
		"a cursor that climbs": func(e *edge, a *api.ProgressAnswer) { a.Next = api.Cursor(e.audit.Head().Size) },
		"bytes that are lost": func(_ *edge, a *api.ProgressAnswer) {
			a.Again = []api.Again{{ID: signed.ID{1}, Message: signed.HashOf("lost")}}
		},
		"what it said": func(e *edge, a *api.ProgressAnswer) {
			a.Items, a.Next = []api.ProgressItem{again(e, e.messages[0].end, e.messages[0])}, api.Cursor(e.audit.Head().Size)
		},
		"what became of its message": func(e *edge, a *api.ProgressAnswer) {
			a.Items, a.Next = []api.ProgressItem{again(e, e.messages[1].end, e.messages[1])}, api.Cursor(e.audit.Head().Size)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se, fi := s.unlocked("se.spoc"), must(s.OpenDesk("fi.spoc", s.conf(s.edge.as("fi.spoc"))))
			s.RunDesk(fi)
			s.unlock(fi)
			s.ready(se)
			s.ready(fi)
			draft := request(t)
			draft.To = []signed.Address{"se.spoc"}
			awaitOut(t, se, send(t, se, request(t)), "handed-over")
			awaitOut(t, fi, send(t, fi, draft), "handed-over")
			must(0, s.StopDesk(fi))

			s.edge.set(func() {
				s.edge.lie = func(caller signed.Address, answer any) {
					if a, ok := answer.(*api.ProgressAnswer); ok && caller == "fi.spoc" {
						lie(s.edge, a)
					}
				}
			})
			b := restless{line: line{s.edge, "fi.spoc"}, inbox: &atomic.Int64{}, progress: &atomic.Int64{}, grows: true}
			conf := s.conf(b)
			conf.Retry = time.Hour
			fi = must(s.StartDesk("fi.spoc", conf))
			s.unlock(fi)
			for range 10 {
				awaitOut(t, fi, send(t, fi, draft), "accepted")
			}
			if n := b.progress.Load(); n > 4 {
				t.Errorf("%d pages of progress", n)
			}
			if v := must(fi.Verify(ctx, client.Ref{})); len(v.Evidence) != 0 {
				t.Errorf("it accuses of %+v", v.Evidence)
			}
		})
	}
}
