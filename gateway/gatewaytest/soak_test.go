package gatewaytest

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// inFlight is how many messages each desk has on their way at once.
const inFlight = 4

// TestKill9 kills broker and desks, each a process of its own, at random moments
// while they send to each other. Every message that a desk took is handed over
// exactly once, every proof verifies, the logs verify, both mailboxes agree.
func TestKill9(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soakPatience, false)
	began := time.Now()
	kills := w.drawKills()

	var next atomic.Int64
	var work sync.WaitGroup
	for n := range inFlight * len(w.desks) {
		from := w.desks[n%len(w.desks)]
		work.Go(func() {
			for i := next.Add(1); i <= soakMessages && !t.Failed(); i = next.Add(1) {
				to := w.desks[(n+1+int(i)%(len(w.desks)-1))%len(w.desks)]
				if err := w.deliver(fmt.Sprintf("kill9 %d", i), from, to); err != nil {
					t.Error(err)
				}
			}
		})
	}
	killed := 0
	for _, k := range kills {
		if w.untilEnded(k.after); w.Failed() {
			break
		}
		<-time.After(k.pause) // anywhere between two steps of anyone
		killed += k.strike(w)
	}
	work.Wait()
	took := time.Since(began)
	w.check()
	t.Logf("%d messages, %d kills in %.1f s; starts met %v", len(w.sent), killed, took.Seconds(), w.found)
}

// deliver sends a message and waits until its sender holds the proof of its end.
func (w *world) deliver(subject string, from, to *station) error {
	m, err := from.send(subject, to)
	if err == nil {
		err = m.sees("handed-over")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over++
	w.ended.Broadcast()
	return err
}

func (w *world) untilEnded(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.over < n && w.ctx.Err() == nil {
		w.ended.Wait()
	}
}

// A kill is one blow, some time after so many messages came to their end.
type kill struct {
	after int
	pause time.Duration
	desk  *station // nil: the broker
	both  bool     // desk and broker at once
	long  bool     // the desk stays locked until it has consigned something
	loss  string   // what the broker's disk loses besides
}

// Losses of the broker's disk that it must get over by itself.
var losses = []string{"", "", "", "index", "tiles", "journal"}

func (w *world) drawKills() (kills []kill) {
	draw := func() kill {
		return kill{after: w.rand.IntN(soakMessages * 9 / 10), pause: time.Duration(w.rand.Int64N(int64(30 * time.Millisecond)))}
	}
	for range soakBrokerKills {
		k := draw()
		k.loss = losses[w.rand.IntN(len(losses))]
		kills = append(kills, k)
	}
	for n, s := range w.desks {
		for i := range soakDeskKills {
			k := draw()
			k.desk, k.both, k.long = s, w.rand.IntN(3) == 0, (n+i)%2 == 0
			kills = append(kills, k)
		}
	}
	slices.SortFunc(kills, func(a, b kill) int { return cmp.Compare(a.after, b.after) })
	return kills
}

// strike kills and starts again. It returns how many it killed.
func (k *kill) strike(w *world) int {
	if k.desk == nil {
		w.killBroker(k.loss)
		return 1
	}
	k.desk.kill()
	if k.both {
		w.killBroker("")
	}
	k.desk.start()
	if k.long {
		k.consignsLocked(w)
	}
	k.desk.unlock()
	if k.both {
		return 2
	}
	return 1
}

// killBroker kills the broker, takes something from its disk, and starts it.
func (w *world) killBroker(loss string) {
	if err := w.broker.kill(); err != nil {
		w.Error(err)
	}
	w.lose(loss)
	if st := w.startBroker(); st.Stopped != "" || !st.Accepting {
		w.Errorf("after the loss of %q the broker met %v and stopped: %s", loss, st.Found, st.Stopped)
	}
}

func (w *world) lose(loss string) {
	switch loss {
	case "index":
		for _, name := range []string{"index.db", "index.db-wal", "index.db-shm"} {
			w.must(os.RemoveAll(w.data(name)))
		}
	case "tiles":
		w.must(os.RemoveAll(w.data("log")))
	case "journal":
		// The first time keeps what is there; the next puts it back, and what
		// was committed in between is lost.
		kept := w.data("kept-nats")
		if _, err := os.Stat(kept); err != nil {
			w.must(copyFolder(w.data("nats"), kept))
			return
		}
		w.must(os.RemoveAll(w.data("nats")))
		w.must(os.Rename(kept, w.data("nats")))
	}
}

// consignsLocked holds that a locked desk consigns, and no more.
func (k *kill) consignsLocked(w *world) {
	others := slices.DeleteFunc(slices.Clone(w.desks), func(s *station) bool { return s == k.desk })
	m, err := others[0].send(fmt.Sprintf("to the locked %s, after %d", k.desk.address, k.after), k.desk)
	if err == nil {
		err = m.sees("consigned")
	}
	if err == nil {
		err = m.arrives("consigned")
	}
	if err != nil {
		w.Error(err)
	}
}
