package broker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A siege is a broker that is killed again and again under load, and desks that
// go on as desks do: the same bytes until they are answered.
type siege struct {
	*world
	ctx     context.Context
	mu      sync.Mutex
	started chan struct{} // closed when another broker process serves
	process *process
}

// TestKill9 kills the broker at random moments. Every accepted message is handed
// over exactly once, every proof verifies, and no checkpoint contradicts another.
func TestKill9(t *testing.T) {
	t.Parallel()
	seed := time.Now().UnixNano()
	if s := os.Getenv("SAMBAND_SEED"); s != "" {
		seed, _ = strconv.ParseInt(s, 10, 64)
	}
	t.Logf("SAMBAND_SEED=%d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	w := newWorld(t)
	w.start().stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	s := &siege{world: w, ctx: ctx}
	s.started = make(chan struct{})
	s.up()

	var submitted atomic.Int64
	var work sync.WaitGroup
	accepted := make(map[signed.ID]int64)
	var mu sync.Mutex
	for range 8 {
		work.Go(func() {
			for submitted.Add(1) <= soakSubmissions && !s.over() {
				e, leaf := s.send()
				mu.Lock()
				accepted[e.ID] = leaf
				mu.Unlock()
			}
		})
	}
	ends := make(map[signed.ID]int64)
	work.Go(func() { s.receive(ends) })
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		for i := range soakKills {
			next := int64(soakSubmissions * (i + 1) / (soakKills + 1))
			for submitted.Load() < next && !s.over() {
				time.Sleep(time.Millisecond) // another process' progress
			}
			time.Sleep(time.Duration(random.IntN(20_000)) * time.Microsecond)
			s.down(syscall.SIGKILL)
			s.up()
		}
	}()
	work.Wait()
	<-killed
	if ctx.Err() != nil {
		t.Fatal("the exchange did not come to its end in time")
	}
	s.compare(accepted, ends)
	s.down(syscall.SIGTERM)
	audit, _ := w.checkLogs()
	if audit.Size != int64(3*soakSubmissions) {
		t.Errorf("the log has %d entries for %d messages", audit.Size, soakSubmissions)
	}
}

func (s *siege) up() {
	p := s.spawn()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.desks {
		h.mu.Lock()
		h.connect(p.address)
		h.mu.Unlock()
	}
	s.process = p
	close(s.started)
	s.started = make(chan struct{})
}

func (s *siege) down(signal syscall.Signal) { s.process.end(signal) }

// call makes a call until it is answered, over as many brokers as that takes.
func call[A any](s *siege, h *keyedDesk, f func(*api.Client, api.Heads) (A, error)) (A, error) {
	for {
		s.mu.Lock()
		started := s.started
		s.mu.Unlock()
		h.mu.Lock()
		client := h.client
		heads := api.Heads{Audit: h.audit.Size, Register: h.registerHead.Size}
		h.mu.Unlock()
		answer, err := f(client, heads)
		if !errors.Is(err, api.ErrUnreachable) && problem.CodeOf(err) != problem.BrokerBusy || s.over() {
			return answer, err
		}
		select {
		case <-started:
		case <-time.After(time.Second): // it may have been busy, and no kill comes any more
		case <-s.ctx.Done():
		}
	}
}

// over is when nobody need go on: the time has passed, or the test has failed.
func (s *siege) over() bool { return s.ctx.Err() != nil || s.Failed() }

// send submits one message, and often repeats it: the leaf stays the first.
func (s *siege) send() (*envelope.Envelope, int64) {
	se := s.desks["se.spoc"]
	e := se.envelope("fi.spoc")
	leaf := int64(-1)
	for range 1 + rand.IntN(2) {
		a, err := call(s, se, func(c *api.Client, heads api.Heads) (*gatewaytest.Submitted, error) {
			a, err := gatewaytest.SubmitOne(s.ctx, c, heads, e.Bytes())
			if err == nil {
				se.learn(heads, &a.Catchup)
			}
			return a, err
		})
		check(s, err)
		r := s.prove(a.Acceptance)
		if r.Message != e.TextHash() || leaf >= 0 && leaf != r.Index {
			s.Errorf("message %s is leaf %d, and was %d", e.ID, r.Index, leaf)
		}
		leaf = r.Index
	}
	return e, leaf
}

// receive consigns and hands over each message once.
func (s *siege) receive(ends map[signed.ID]int64) {
	fi := s.desks["fi.spoc"]
	for len(ends) < soakSubmissions && !s.over() {
		a, err := call(s, fi, func(c *api.Client, heads api.Heads) (*api.InboxAnswer, error) {
			a, err := c.Inbox(s.ctx, heads, api.Ask{Wait: 10 * time.Second, Limit: 50})
			if err == nil {
				fi.learn(heads, &a.Catchup)
			}
			return a, err
		})
		check(s, err)
		for _, item := range a.Items {
			e, err := envelope.Parse(item.Envelope)
			check(s, err)
			s.prove(item.Acceptance)
			if _, twice := ends[e.ID]; twice {
				s.Errorf("message %s is delivered after its end", e.ID)
			}
			s.state(fi, fi.consignment(e.TextHash()))
			ends[e.ID] = s.state(fi, fi.statement(envelope.HandedOver, e)).Index
		}
	}
}

func (s *siege) state(h *keyedDesk, note []byte) *auditlog.Record {
	a, err := call(s, h, func(c *api.Client, heads api.Heads) (*gatewaytest.Stated, error) {
		a, err := gatewaytest.StateOne(s.ctx, c, heads, note)
		if err == nil {
			h.learn(heads, &a.Catchup)
		}
		return a, err
	})
	check(s, err)
	return s.prove(a.Proof)
}

// compare compares what the sender hears with what both desks know.
func (s *siege) compare(accepted, ends map[signed.ID]int64) {
	leaves := map[int64]bool{}
	for id, leaf := range accepted {
		if leaves[leaf] || leaves[ends[id]] {
			s.Errorf("leaf %d or %d is of two messages", leaf, ends[id])
		}
		leaves[leaf], leaves[ends[id]] = true, true
	}
	se := s.desks["se.spoc"]
	heard := map[signed.ID]int{}
	var cursor api.Cursor
	for len(heard) < soakSubmissions {
		a := se.progress(cursor, 10*time.Second)
		if len(a.Items) == 0 {
			break
		}
		for _, i := range a.Items {
			r := s.prove(i.Proof)
			if i.Event == envelope.HandedOver && r.Index != ends[i.ID] {
				s.Errorf("message %s ended at %d, the sender hears %d", i.ID, ends[i.ID], r.Index)
			}
			if i.Event == envelope.HandedOver {
				heard[i.ID]++
			}
		}
		cursor = a.Next
	}
	for id := range accepted {
		if heard[id] != 1 {
			s.Errorf("the sender hears %d ends of %s", heard[id], id)
		}
	}
}
