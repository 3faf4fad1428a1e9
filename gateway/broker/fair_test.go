package broker_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
)

// A desk at its limit that goes on with all that it has: another desk's messages are
// all accepted, none waits long, and the log grows by theirs alone.
func TestOneDeskAtItsLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.limited(broker.Quotas{Messages: 50, MessagesASecond: 1, Refusals: 5, RefusalsAMinute: 1})
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	send := func(n int) (took []time.Duration) {
		for range n {
			e := fi.envelope("se.spoc")
			began := time.Now()
			fi.accepted(e)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took
	}
	before := send(20)
	var good, bad, withdrawals [][]byte
	for range 64 {
		good = append(good, se.envelope("fi.spoc").Bytes())
		bad = append(bad, []byte("no envelope"))
		withdrawals = append(withdrawals, se.statement(envelope.Withdrawn, se.envelope("fi.spoc")))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	full := make(chan struct{}, 100)
	for range 8 {
		flood.Go(func() {
			for ctx.Err() == nil {
				se.client.Submit(ctx, api.Heads{}, good)
				se.client.Submit(ctx, api.Heads{}, bad)
				se.client.State(ctx, api.Heads{}, withdrawals)
				se.client.Inbox(ctx, api.Heads{}, api.Ask{Limit: 100})
				select {
				case full <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 8 { // each of them was through once
		<-full
	}
	size := b.logSize()
	during := send(30)
	grown := b.logSize() - size
	cancel()
	flood.Wait()
	t.Logf("the slowest of another desk's messages: %s before, %s during", before[len(before)-1], during[len(during)-1])
	if during[len(during)-1] > 5*time.Second {
		t.Errorf("another desk's messages took up to %s", during[len(during)-1])
	}
	if grown != 30 {
		t.Errorf("the log grew by %d, of 30 messages of another desk", grown)
	}
}

// A message reserves at its acceptance what it comes to on the disk by its end.
func TestLifeIsReserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	permanent := func() (bytes int64) {
		check(t, filepath.WalkDir(filepath.Join(w.dir, "data"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == "nats" {
				return fs.SkipDir
			}
			if info, e := d.Info(); err == nil && e == nil && info.Mode().IsRegular() {
				bytes += info.Size()
			}
			return err
		}))
		return bytes
	}
	b.stop()
	before := permanent()
	b = w.start()
	const n = 256
	raw, consigned, ended := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i := range n {
		e := se.envelope("fi.spoc")
		raw[i], consigned[i], ended[i] = e.Bytes(), fi.consignment(e.TextHash()), fi.statement(envelope.HandedOver, e)
	}
	a, err := se.client.Submit(t.Context(), api.Heads{}, raw)
	check(t, err)
	for i := range a.Items {
		check(t, a.Items[i].Refusal())
	}
	for _, notes := range [][][]byte{consigned, ended} {
		a, err := fi.client.State(t.Context(), api.Heads{}, notes)
		check(t, err)
		for i := range a.Items {
			check(t, a.Items[i].Refusal())
		}
	}
	b.stop()
	each := (permanent() - before) / n
	t.Logf("a message leaves %d bytes for good, and reserves %d beside its envelope", each, quota.LifeBytes)
	if each > quota.LifeBytes {
		t.Errorf("a message leaves %d bytes, and reserved %d", each, quota.LifeBytes)
	}
}

// A narrow journal takes nothing while it is shut.
type narrow struct {
	sequencer.Journal
	shut bool
}

func (j *narrow) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	if j.shut {
		return 0, journal.ErrFull
	}
	return j.Journal.Append(ctx, data, expectLast)
}

// What a group took is given back where JOURNAL says that it wrote nothing.
func TestAFullStoreGivesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	gate := &narrow{}
	room := quota.New(quota.Limits{Messages: 2, MessagesASecond: 1, UnconsignedMessages: 2}.Filled(), gatewaytest.NewClock(time.Now()).Elapsed)
	rival, err := b.RivalWith(room, func(j sequencer.Journal) sequencer.Journal { gate.Journal = j; return gate })
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	defer running.Wait()
	defer cancel()
	order := func() error {
		e := se.envelope("fi.spoc")
		_, err := rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: w.register.Size()})
		return err
	}
	gate.shut = true
	for range 5 {
		if err := order(); problem.CodeOf(err) != problem.StoreFull {
			t.Fatal(err)
		}
	}
	if err := room.Sends("se.spoc", "fi.spoc", 6000); err != nil {
		t.Fatalf("what was never written was paid for: %v", err)
	}
	gate.shut = false
	check(t, order())
	check(t, order())
	if err := order(); problem.CodeOf(err) != problem.RecipientBehind {
		t.Errorf("after two messages: %v", err)
	}
	if err := room.Sends("se.spoc", "no.spoc", 6000); err == nil || !strings.Contains(err.Error(), string(problem.QuotaExhausted)) {
		t.Errorf("after two messages: %v", err)
	}
}
