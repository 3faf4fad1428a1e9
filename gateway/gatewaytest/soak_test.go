package gatewaytest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
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
	w := newWorld(t, soakPatience, soakTwoDesks)
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
	for _, k := range kills {
		if w.untilEnded(k.after); w.Failed() {
			break
		}
		<-time.After(k.pause) // anywhere between two steps of anyone
		k.strike(w)
	}
	work.Wait()
	took := time.Since(began)
	w.check()
	t.Logf("%d messages, %d kills in %.1f s; starts met %v", len(w.sent), w.kills, took.Seconds(), w.startFindings)
}

// deliver sends a message and waits until its sender has the proof of its end.
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
	again bool     // kill it once more while it starts
	loss  string   // what the broker's disk loses besides
}

// Losses of the broker's disk that it must get over by itself.
var losses = []string{"", "", "", "index", "tiles", "journal"}

func (w *world) drawKills() (kills []kill) {
	draw := func() kill {
		return kill{after: w.rand.IntN(soakMessages * 9 / 10), pause: w.moment(30 * time.Millisecond), again: w.rand.IntN(4) == 0}
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

func (w *world) moment(most time.Duration) time.Duration {
	return time.Duration(w.rand.Int64N(int64(most)))
}

// strike kills and starts again.
func (k *kill) strike(w *world) {
	if k.desk == nil {
		k.killBroker(w)
		return
	}
	k.desk.kill()
	w.kills++
	if k.both {
		k.killBroker(w)
	}
	if k.again {
		w.killStarting(k.desk.spawn())
	}
	k.desk.start()
	if k.long {
		k.consignsLocked(w)
	}
	k.desk.unlock()
}

// killBroker kills the broker, takes something from its disk, and starts it.
func (k *kill) killBroker(w *world) {
	if err := w.broker.kill(); err != nil {
		w.Error(err)
	}
	w.kills++
	w.lose(k.loss)
	if k.again {
		w.killStarting(w.spawnBroker())
	}
	if st := w.startBroker(); st.Stopped != "" || !st.Accepting {
		w.Errorf("after the loss of %q the broker met %v and stopped: %s", k.loss, st.Found, st.Stopped)
	}
}

// killStarting kills a process somewhere in its start.
func (w *world) killStarting(p *process, err error) {
	w.must(err)
	<-time.After(w.moment(300 * time.Millisecond))
	if err := p.kill(); err != nil {
		w.Error(err)
	}
	w.kills++
}

// lose takes something from the disk of a broker that is not running.
func (w *world) lose(loss string) {
	kept := filepath.Join(w.Dir, "nats-of-last-time")
	switch loss {
	case "index":
		for _, name := range []string{"index.db", "index.db-wal", "index.db-shm"} {
			w.must(os.RemoveAll(w.data(name)))
		}
	case "tiles":
		w.must(os.RemoveAll(w.data("log")))
	case "journal":
		// What was committed since the last kill is lost.
		if _, err := os.Stat(kept); err == nil {
			w.must(os.RemoveAll(w.data("nats")))
			w.must(os.Rename(kept, w.data("nats")))
		}
		return
	}
	w.must(os.RemoveAll(kept))
	w.must(copyFolder(w.data("nats"), kept))
}

// consignsLocked checks that a locked desk consigns, and no more.
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
