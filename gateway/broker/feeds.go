package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

const (
	// maxAgain bounds the messages of one answer that are to be sent again.
	maxAgain = api.MaxLimit
	// againPause is how long a long poll holds back an answer that brings nothing
	// but such messages: its caller comes again at once.
	againPause = 2 * time.Second
)

// restored are messages whose bytes came again, or were asked for and are here:
// their recipients' cursors may have passed them, so they come outside of it.
type restored struct {
	mu    sync.Mutex
	texts map[signed.Address]map[signed.Hash]bool
}

func newRestored() *restored { return &restored{texts: map[signed.Address]map[signed.Hash]bool{}} }

func (r *restored) add(desk signed.Address, texts ...signed.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts[desk] == nil {
		r.texts[desk] = map[signed.Hash]bool{}
	}
	for _, t := range texts {
		r.texts[desk][t] = true
	}
}

func (r *restored) take(desk signed.Address) map[signed.Hash]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := r.texts[desk]
	delete(r.texts, desk)
	return texts
}

// Inbox lists what is addressed to the caller and has not ended. New entries of
// the register end the wait too: a desk seals and decides by them.
func (b *Broker) Inbox(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.InboxAnswer, error) {
	return poll(ctx, b, caller, page.Wait, func() (*api.InboxAnswer, time.Duration, error) {
		answer, err := b.inbox(ctx, caller, heads, page)
		if err != nil || len(answer.Items) > 0 || len(answer.Catchup.Register.Entries) > 0 {
			return answer, 0, err
		}
		return answer, patience(page.Wait, len(answer.Again)), nil
	})
}

// Progress lists what became of the caller's messages.
func (b *Broker) Progress(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.ProgressAnswer, error) {
	return poll(ctx, b, caller, page.Wait, func() (*api.ProgressAnswer, time.Duration, error) {
		answer, err := b.progress(ctx, caller, heads, page)
		if err != nil || len(answer.Items) > 0 {
			return answer, 0, err
		}
		return answer, patience(page.Wait, len(answer.Again)), nil
	})
}

func patience(wait time.Duration, again int) time.Duration {
	if again > 0 {
		return min(wait, againPause)
	}
	return wait
}

// poll asks until there is something, the caller is woken, or its time is over.
// ask says how long the caller is content to wait with what it has.
func poll[A any](ctx context.Context, b *Broker, caller signed.Address, wait time.Duration, ask func() (A, time.Duration, error)) (A, error) {
	woken, cancel := b.waiters.watch(caller)
	defer cancel()
	began := time.Now()
	for {
		if err := (writer{b}).Open(); err != nil {
			var none A
			return none, err
		}
		answer, patience, err := ask()
		left := patience - time.Since(began)
		if err != nil || left <= 0 {
			return answer, err
		}
		timer := time.NewTimer(left)
		select {
		case <-woken:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, nil
		}
		timer.Stop()
	}
}

// inbox reads before it takes the checkpoints, so that they reach all it read.
func (b *Broker) inbox(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.InboxAnswer, error) {
	waiting, err := b.index.Inbox(caller, page.After.Leaf(), page.Limit)
	if err != nil {
		return nil, err
	}
	again, err := b.again(caller, page.After.Leaf())
	if err != nil {
		return nil, err
	}
	a := b.answering(heads)
	answer := &api.InboxAnswer{Items: []api.InboxItem{}, Next: page.After}
	for i, m := range again {
		full, err := b.item(ctx, a, answer, m, page.Limit)
		if err != nil || full {
			b.restored.add(caller, texts(again[i:])...)
		}
		if err != nil {
			return nil, err
		}
		if full {
			waiting = nil
			break
		}
	}
	for _, m := range waiting {
		full, err := b.item(ctx, a, answer, m, page.Limit)
		if err != nil {
			return nil, err
		}
		if full {
			break
		}
		answer.Next = api.Past(m.Accepted.Leaf)
	}
	if err := b.awaited(caller, page, answer); err != nil {
		return nil, err
	}
	answer.Catchup, err = a.catchup(api.MaxPage)
	return answer, err
}

// item adds a message to an inbox, unless the answer is full.
func (b *Broker) item(ctx context.Context, a *answering, answer *api.InboxAnswer, m *journal.Message, limit int) (full bool, err error) {
	if limit > 0 && len(answer.Items) == limit {
		return true, nil
	}
	raw, err := b.seq.Bytes(ctx, m.Accepted)
	if errors.Is(err, journal.ErrGone) {
		return false, nil // found lost just now: it is among those awaited
	}
	if err != nil {
		return false, err
	}
	size := len(raw)
	for _, i := range answer.Items {
		size += len(i.Envelope)
	}
	if len(answer.Items) > 0 && size > api.MaxPage {
		return true, nil
	}
	e, err := envelope.Parse(raw)
	if err != nil {
		return false, err
	}
	item := api.InboxItem{Cursor: api.Past(m.Accepted.Leaf), Envelope: raw}
	if item.Consistency, err = b.seq.Consistency(e.AsOfAudit.Size, a.points); err != nil {
		return false, err
	}
	if item.Acceptance, err = a.proof(ctx, m.Accepted); err != nil {
		return false, err
	}
	if item.Consigned, err = a.fact(ctx, m.Consigned); err != nil {
		return false, err
	}
	answer.Items = append(answer.Items, item)
	return false, nil
}

// again returns the messages to a desk whose bytes came again, of those before
// its cursor: the others come in their order.
func (b *Broker) again(desk signed.Address, cursor int64) (out []*journal.Message, err error) {
	for text := range b.restored.take(desk) {
		m, err := b.index.Message(text)
		if err != nil {
			return nil, err
		}
		switch {
		case m == nil || m.End != nil || m.Accepted.Leaf >= cursor:
		case m.Accepted.Blob == nil: // not in the index yet: the desk is woken then
			b.restored.add(desk, text)
		default:
			out = append(out, m)
		}
	}
	return out, nil
}

func texts(messages []*journal.Message) (out []signed.Hash) {
	for _, m := range messages {
		out = append(out, m.Text)
	}
	return out
}

// awaited names the messages that the broker has no bytes of. The cursor never
// passes one that nobody has consigned: it must be seen when it comes. A caller
// that begins, and does not wait, hears also of what it consigned: it may have
// lost its disk since.
func (b *Broker) awaited(caller signed.Address, page api.Page, answer *api.InboxAnswer) error {
	list := b.index.LackingTo
	if page.After == 0 && page.Wait == 0 {
		list = b.index.GoneTo
	}
	lacking, err := list(caller, maxAgain)
	if err != nil {
		return err
	}
	for _, m := range lacking {
		answer.Again = append(answer.Again, m.Text)
		if m.Consigned == nil {
			answer.Next = min(answer.Next, api.Cursor(m.Accepted.Leaf))
		}
	}
	return nil
}

func (b *Broker) progress(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.ProgressAnswer, error) {
	events, err := b.index.Progress(caller, page.After.Leaf(), page.Limit)
	if err != nil {
		return nil, err
	}
	a := b.answering(heads)
	answer := &api.ProgressAnswer{Items: []api.ProgressItem{}, Next: page.After}
	for _, e := range events {
		fact, err := a.fact(ctx, &e.Event)
		if err != nil {
			return nil, err
		}
		answer.Items = append(answer.Items, api.ProgressItem{Cursor: api.Past(e.Leaf), ID: e.ID, Message: e.Message, LoggedEvent: *fact})
		answer.Next = api.Past(e.Leaf)
	}
	lacking, err := b.index.LackingFrom(caller, maxAgain)
	if err != nil {
		return nil, err
	}
	for _, m := range lacking {
		answer.Again = append(answer.Again, api.Again{ID: m.ID, Message: m.Text})
	}
	answer.Catchup, err = a.catchup(api.MaxPage)
	return answer, err
}

// Want asks for the bytes of a message again: they come by the inbox, from here
// if the broker has them, else from the sender, who is asked by its progress.
func (b *Broker) Want(_ context.Context, caller signed.Address, _ api.Heads, want api.Want) error {
	if err := (writer{b}).Open(); err != nil {
		return err
	}
	open, err := b.index.Want(caller, want.Message)
	if err != nil {
		return err
	}
	m, err := b.index.Message(want.Message)
	if err != nil {
		return err
	}
	if !open || m == nil {
		return problem.New(problem.UnknownMessage, "no open message to %s has this text", caller)
	}
	if m.Accepted.Blob == nil {
		return b.store.Wake(string(m.From))
	}
	b.restored.add(caller, want.Message)
	b.waiters.wake(caller)
	return nil
}

// Register lists entries of the register.
func (b *Broker) Register(_ context.Context, _ signed.Address, heads api.Heads, from int64, limit int) (*api.RegisterAnswer, error) {
	if err := (writer{b}).Open(); err != nil {
		return nil, err
	}
	a := b.answering(heads)
	entries, err := a.entries(from, limit, api.MaxPage)
	if err != nil {
		return nil, err
	}
	return &api.RegisterAnswer{Checkpoint: string(a.points.Register), Entries: entries}, nil
}

// Consistency proves that the audit log of one size extends that of another.
func (b *Broker) Consistency(_ context.Context, _ signed.Address, from, to int64) (*api.ConsistencyAnswer, error) {
	if err := (writer{b}).Open(); err != nil {
		return nil, err
	}
	hashes, err := b.seq.Extends(from, to)
	return &api.ConsistencyAnswer{Consistency: hashes}, err
}

// Submit takes in envelopes.
func (b *Broker) Submit(ctx context.Context, caller signed.Address, heads api.Heads, envelopes [][]byte, budget api.Budget) (*api.SubmitAnswer, error) {
	return b.router.Submit(ctx, caller, heads, envelopes, budget)
}

// State takes in consignments and statements.
func (b *Broker) State(ctx context.Context, caller signed.Address, heads api.Heads, notes [][]byte, budget api.Budget) (*api.StateAnswer, error) {
	return b.router.State(ctx, caller, heads, notes, budget)
}

// Show takes a checkpoint that a desk holds. One that bears our signature, and
// that the log does not reach or contradicts, stops the broker.
func (b *Broker) Show(_ context.Context, _ signed.Address, checkpoint []byte) error {
	if err := (writer{b}).Open(); err != nil {
		return err
	}
	return b.seq.Show(checkpoint)
}
