package desk_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Two calls of one desk that overlap name the same heads. Their answers are both
// believed only if the two are one history.

// A slow line is an edge that answers a desk's long polls when the test says so:
// calls that come later overtake them.
type slowLine struct {
	line
	polls chan *asking
	open  chan struct{} // closed: polls are answered at once
	links func(from, to int64) []signed.Hash

	mu        sync.Mutex
	submitted []signed.Hash
	pages     []api.Page // of progress
	linked    [][2]int64
	fetched   int // pages of the register
}

// An asking is a long poll under way, for the inbox or for progress.
type asking struct {
	inbox  bool
	heads  api.Heads
	ask    api.Ask  // for the inbox
	page   api.Page // for progress
	answer chan any
}

func (s *stage) slow(addr signed.Address) *slowLine {
	b := &slowLine{line: line{s.edge, addr}, polls: make(chan *asking), open: make(chan struct{})}
	b.links = func(from, to int64) []signed.Hash { return must(s.edge.audit.ProveConsistency(from, to)) }
	return b
}

// slowly has the test answer a long poll; nil: it is answered as any other call.
func (b *slowLine) slowly(ctx context.Context, q *asking) (any, error) {
	if q.ask.Wait+q.page.Wait == 0 {
		return nil, nil
	}
	select {
	case b.polls <- q:
	case <-b.open:
		return nil, nil
	case <-ctx.Done():
		return nil, api.ErrUnreachable
	}
	select {
	case a := <-q.answer:
		return a, nil
	case <-ctx.Done():
		return nil, api.ErrUnreachable
	}
}

func (b *slowLine) Inbox(ctx context.Context, h api.Heads, p api.Ask) (*api.InboxAnswer, error) {
	if a, err := b.slowly(ctx, &asking{true, h, p, api.Page{}, make(chan any, 1)}); a != nil || err != nil {
		answer, _ := a.(*api.InboxAnswer)
		return answer, err
	}
	return b.line.Inbox(ctx, h, p)
}

func (b *slowLine) Progress(ctx context.Context, h api.Heads, p api.Page) (*api.ProgressAnswer, error) {
	b.mu.Lock()
	b.pages = append(b.pages, p)
	b.mu.Unlock()
	if a, err := b.slowly(ctx, &asking{false, h, api.Ask{}, p, make(chan any, 1)}); a != nil || err != nil {
		answer, _ := a.(*api.ProgressAnswer)
		return answer, err
	}
	return b.line.Progress(ctx, h, p)
}

func (b *slowLine) Submit(ctx context.Context, h api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	b.mu.Lock()
	for _, e := range envelopes {
		b.submitted = append(b.submitted, must(envelope.Parse(e)).TextHash())
	}
	b.mu.Unlock()
	return b.line.Submit(ctx, h, envelopes)
}

func (b *slowLine) Register(ctx context.Context, h api.Heads, from int64, limit, bytes int) (*api.RegisterAnswer, error) {
	b.mu.Lock()
	b.fetched++
	b.mu.Unlock()
	return b.line.Register(ctx, h, from, limit, bytes)
}

func (b *slowLine) Consistency(_ context.Context, from, to int64) (*api.ConsistencyAnswer, error) {
	b.mu.Lock()
	b.linked = append(b.linked, [2]int64{from, to})
	b.mu.Unlock()
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	return &api.ConsistencyAnswer{Consistency: b.links(from, to)}, nil
}

// poll waits for a long poll of one feed that names an audit log so long. Others it
// has answered with nothing new.
func (s *stage) poll(b *slowLine, inbox bool, audit int64) *asking {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case q := <-b.polls:
			if q.inbox == inbox && q.heads.Audit == audit {
				return q
			}
			q.answer <- s.now(b, q)
		case <-late:
			s.t.Fatalf("no poll names a log of %d entries", audit)
		}
	}
}

// now is what an honest edge answers to a poll that waits no longer.
func (s *stage) now(b *slowLine, q *asking) any {
	q.ask.Wait, q.page.Wait = 0, 0
	if q.inbox {
		return must(b.line.Inbox(ctx, q.heads, q.ask))
	}
	return must(b.line.Progress(ctx, q.heads, q.page))
}

// overtaken is Sweden's desk with one message accepted. It asks for progress under
// the heads of that; then a submission may overtake the answer.
type overtaken struct {
	*stage
	se    *desk.Desk
	line  *slowLine
	first signed.ID
	poll  *asking
}

func newOvertaken(t *testing.T) *overtaken {
	t.Helper()
	s := newLie(t)
	o := &overtaken{stage: s, line: s.slow("se.spoc")}
	o.se, _ = s.startTo("se.spoc", o.line)
	s.unlock(o.se)
	s.ready(o.se)
	o.first = send(t, o.se, request(t))
	awaitOut(t, o.se, o.first, "accepted")
	o.poll = s.poll(o.line, false, 1)
	s.poll(o.line, true, 1) // stays under way: an earlier answer to the inbox would be overtaken too
	return o
}

// overtakes has another message accepted while the poll is under way.
func (o *overtaken) overtakes() {
	o.t.Helper()
	awaitOut(o.t, o.se, send(o.t, o.se, request(o.t)), "accepted")
}

// consigns has Finland's desk say that it keeps the first message.
func (s *stage) consigns(e *edge) {
	online, _ := s.rings("fi.spoc")
	e.set(func() {
		m := e.messages[0]
		st := envelope.Statement{Exchange: e.register.Exchange(), Signer: "fi.spoc", Event: envelope.Consigned,
			Message: m.TextHash(), Time: signed.At(s.clock.Wall()), AsOfRegister: e.register.Head(),
			AsOfAudit: (&auditlog.Range{}).Head(e.audit.Head().Origin)}
		must(e.stated("fi.spoc", must(signed.Sign(st.Text(), online.Receipts...)).Bytes()))
	})
}

// Honest answers that overtake one another are both believed: they are linked by a
// proof, and nothing is fetched or sent a second time for it.
func TestOvertaken(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(o *overtaken) any
		link   [][2]int64
	}{
		"the slow answer is of the shorter log": {func(o *overtaken) any {
			a := o.now(o.line, o.poll)
			o.overtakes()
			return a
		}, [][2]int64{{2, 3}}},
		"the slow answer is of the longer log": {func(o *overtaken) any {
			o.overtakes()
			o.edge.set(func() {
				o.edge.record(auditlog.Record{Kind: auditlog.Refusals, Caller: "fi.spoc", Count: 1}, 1)
			})
			return o.now(o.line, o.poll)
		}, [][2]int64{{3, 4}}},
		"both are of one log": {func(o *overtaken) any {
			o.overtakes()
			return o.now(o.line, o.poll)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOvertaken(t)
			o.consigns(o.edge)
			a := test.answer(o)
			o.poll.answer <- a
			awaitOut(t, o.se, o.first, "consigned")
			next := o.stage.poll(o.line, false, o.edge.audit.Head().Size)
			if want := a.(*api.ProgressAnswer).Next; next.page.After != want {
				t.Errorf("the page behind %s is asked for, after one that led to %s", next.page.After, want)
			}
			close(o.line.open)
			o.line.mu.Lock()
			defer o.line.mu.Unlock()
			if !slices.Equal(o.line.linked, test.link) {
				t.Errorf("linked by proofs of %v", o.line.linked)
			}
			if n := len(o.line.submitted); n != 2 || o.line.submitted[0] == o.line.submitted[1] {
				t.Errorf("%d texts were submitted for two messages", n)
			}
			if o.line.fetched != 0 {
				t.Errorf("the register was fetched %d times", o.line.fetched)
			}
			if v := must(o.se.Verify(ctx, client.Ref{})); v.Proven != 3 || len(v.Faults)+len(v.Evidence) != 0 {
				t.Errorf("se proves %+v", v)
			}
		})
	}
}

// Two histories for two calls, each of which extends what its call named: the
// second to come in is evidence, and nothing of it is believed. The desk goes on by
// the first.
func TestOvertakenByAnotherHistory(t *testing.T) {
	for name, grow := range map[string]func(o *overtaken, fork *edge){
		"of the same length": func(*overtaken, *edge) {},
		"that is longer": func(_ *overtaken, fork *edge) {
			fork.set(func() { fork.record(auditlog.Record{Kind: auditlog.Refusals, Caller: "fi.spoc", Count: 1}, 1) })
		},
		"that is shorter": func(o *overtaken, _ *edge) { o.overtakes() },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOvertaken(t)
			fork := o.newEdge()
			fork.set(func() {
				m := *o.edge.messages[0]
				must(fork.audit.Append(m.accepted.Leaf()))
				fork.messages = append(fork.messages, &m)
			})
			o.consigns(fork)
			o.overtakes()
			grow(o, fork)
			o.line.links = func(from, to int64) []signed.Hash {
				if to > o.edge.audit.Head().Size {
					return must(fork.audit.ProveConsistency(from, to))
				}
				return must(o.edge.audit.ProveConsistency(from, to))
			}
			o.poll.answer <- must(line{fork, "se.spoc"}.Progress(ctx, o.poll.heads, api.Page{After: o.poll.page.After}))
			e := awaitEvidence(t, o.se, "LOG_CONTRADICTS")
			for exhibit, of := range map[string]*edge{"known": o.edge, "shown": fork} {
				head, err := auditlog.VerifyCheckpoint(e.Exhibits[exhibit], o.register.Federation().Audit)
				if err != nil || head != of.audit.Head() {
					t.Errorf("the exhibit %q is of %+v, %v", exhibit, head, err)
				}
			}
			sent := must(o.se.Outbox(ctx, client.Query{}))
			for _, i := range sent {
				if i.State != "accepted" {
					t.Errorf("a message is %s", i.State)
				}
			}
			close(o.line.open)
			o.consigns(o.edge)
			awaitOut(t, o.se, o.first, "consigned")
			if v := must(o.se.Verify(ctx, client.Ref{})); v.Proven != len(sent)+1 || len(v.Faults) != 0 || len(v.Evidence) != 1 {
				t.Errorf("se proves %+v", v)
			}
		})
	}
}

// A record that was decided under an old register is measured by all that the desk
// had seen before it was written, also by what another call showed meanwhile.
func TestOvertakenByANewRegister(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	b := s.slow("fi.spoc")
	fi, _ := s.startTo("fi.spoc", b)
	s.unlock(fi)
	s.ready(fi)
	awaitOut(t, se, send(t, se, request(t)), "accepted")
	slow := s.poll(b, true, 2) // under heads with the message's end
	quick := s.poll(b, false, 2)
	old := s.edge.register.Size()
	stolen := s.stolen(old)
	s.enter(s.party("se").Revoke("se.spoc", "locked", signed.Time{}))
	quick.answer <- s.now(b, quick)
	await(t, fi, "told of the revocation", func() bool { st, _ := fi.Status(ctx); return st.Register > old })
	s.edge.set(func() { must(s.edge.accept(stolen, old)) })
	slow.answer <- s.now(b, slow)
	awaitEvidence(t, fi, "REGISTER_TOO_OLD")
	if items := must(fi.Inbox(ctx, client.Query{})); len(items) != 1 {
		t.Errorf("the inbox has %d messages", len(items))
	}
}
