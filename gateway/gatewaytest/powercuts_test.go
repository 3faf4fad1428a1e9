//go:build linux

package gatewaytest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"samband/gateway/desk/client"
	"samband/gateway/internal/faultydisk"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// TestPowerCuts cuts the power of the broker and of a desk at random moments, while messages
// are on their way in both directions. The disk loses what was not synced: all of it, or a
// part by chance. Every message that a desk took is handed over exactly once, every proof
// verifies, the logs verify, both mailboxes agree.
func TestPowerCuts(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	c := newCuts(t)
	lost := map[string]int{}
	c.during(func() {
		for n := range cutsOfEach {
			for _, m := range c.machines() {
				if c.traffic(3); c.Failed() {
					return
				}
				<-time.After(c.moment(30 * time.Millisecond)) // anywhere between two steps of anyone
				for _, path := range m.cut(n) {
					lost[m.name+" "+class(path)]++
				}
			}
		}
	})
	c.check()
	for _, what := range slices.Sorted(maps.Keys(lost)) {
		t.Logf("%4d cuts met unsynced %s", lost[what], what)
	}
	t.Logf("%d power cuts of the broker and %d of a desk; %d messages", cutsOfEach, cutsOfEach, len(c.sent))
}

// TestFailedSyncThenCut has one fsync fail, of each file and folder that broker and desk
// sync. The program goes on, after a start or as it runs, and then the power is cut. What the
// failed fsync left in the kernel's memory alone is gone then, and nothing that was promised
// may be, or be there twice.
func TestFailedSyncThenCut(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	var done atomic.Int64
	for part := range failedSyncs / failedSyncsOfOne {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			c := newCuts(t)
			c.during(func() {
				for n, round := 0, part; n < failedSyncsOfOne+failedSyncsRunning && !c.Failed(); round++ {
					if c.failedSync(c.machines()[round%2], round/2, n < failedSyncsOfOne) {
						n++
					}
				}
			})
			if c.Failed() {
				return
			}
			c.check()
			done.Add(failedSyncsOfOne)
			t.Logf("%d failed syncs with a start and then a power cut behind it, %d without the start; %d messages", failedSyncsOfOne, failedSyncsRunning, len(c.sent))
		})
	}
	t.Logf("%d of %d failed syncs, each with a start and a power cut behind it, in exchanges in which nothing was lost or doubled", done.Load(), failedSyncs)
}

// failedSync has a sync fail, starts the program again or lets it go on, and then cuts its
// power. It reports whether there was such a sync.
func (c *cuts) failedSync(m *machine, n int, restart bool) bool {
	m.disk.Did()
	if c.traffic(4); c.Failed() {
		return false
	}
	paths := m.synced()
	if len(paths) == 0 {
		return false
	}
	path := paths[n%len(paths)]
	fault := m.disk.Fail(faultydisk.Fault{Op: faultydisk.Sync, Path: path, After: c.rand.IntN(3), Once: true})
	late := time.Now().Add(3 * time.Second)
	c.poll("a sync", func() bool { return fault.Met() > 0 || time.Now().After(late) })
	if fault.Stop() == 0 {
		return false
	}
	what := fmt.Sprintf("%s: the sync of %s failed, it was started again: %t, and the power cut", m.name, path, restart)
	<-time.After(c.moment(300 * time.Millisecond)) // what it promises in this state, it must keep
	if restart {
		m.again()
		c.traffic(4)
	}
	done := c.handedOver()
	m.cut(0)
	c.Log(what)
	c.keeps(m, what, done)
	return true
}

// handedOver are the messages whose senders have the proof of that.
func (w *world) handedOver() []*sending {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.done)
}

// keeps checks that a desk has what it said that it had.
func (c *cuts) keeps(m *machine, what string, done []*sending) {
	if m.station == nil || c.Failed() {
		return
	}
	in, err := m.station.Inbox(c.ctx, client.Query{Limit: 1 << 20})
	if err != nil {
		c.Errorf("%s: %v", what, err)
		return
	}
	has := map[signed.ID]bool{}
	for _, i := range in {
		has[i.ID] = true
	}
	lost, all := 0, 0
	for _, d := range done {
		if d.to != m.station {
			continue
		}
		if all++; !has[d.id] {
			lost++
		}
	}
	if lost > 0 {
		c.Errorf("%s: of %d messages that it had said were handed over, %d are lost", what, all, lost)
	}
}

// Cuts are an exchange whose broker and whose first desk lie on disks that lose power.
type cuts struct {
	*world
	broker, desk *machine
}

func newCuts(t *testing.T) *cuts {
	t.Helper()
	c := &cuts{world: makeWorld(t, cutPatience, true)}
	c.broker = &machine{world: c.world, name: "broker", disk: faultydisk.Over(t, c.BrokerDir())}
	c.desk = &machine{world: c.world, name: "desk", station: c.desks[0], disk: faultydisk.Over(t, c.DeskDir(c.desks[0].address))}
	c.desk.monitor()
	c.run()
	return c
}

func (c *cuts) machines() []*machine { return []*machine{c.broker, c.desk} }

// during has both desks send to each other as long as do lasts, and waits until all that
// they took came to its end.
func (c *cuts) during(do func()) {
	var next atomic.Int64
	var work sync.WaitGroup
	over := make(chan struct{})
	for n := range inFlight * len(c.desks) {
		from, to := c.desks[n%len(c.desks)], c.desks[(n+1)%len(c.desks)]
		work.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := c.insist(fmt.Sprintf("message %d", next.Add(1)), from, to); err != nil {
					if !c.Failed() {
						c.Error(err)
					}
					return
				}
			}
		})
	}
	defer work.Wait()
	defer func() {
		if close(over); c.Failed() {
			c.cancel() // what it waits for, does not come
		}
	}()
	do()
}

// insist sends a message, and says again whatever was refused: its name keeps it from being
// sent twice. It waits until the sender has the proof of its end.
func (w *world) insist(subject string, from, to *station) error {
	var m *sending
	err := w.unrefused(func() (err error) {
		m, err = from.send(subject, to)
		return err
	})
	if err == nil {
		err = w.unrefused(func() error { return m.sees("handed-over") })
	}
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.over++
		w.done = append(w.done, m)
		w.ended.Broadcast()
	}
	return err
}

// unrefused does something until it is not refused: the cause passes, in another process.
func (w *world) unrefused(do func() error) error {
	for {
		err := do()
		if _, refused := problem.Of(err); !refused || w.ctx.Err() != nil {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

// traffic waits until so many more messages came to their end.
func (c *cuts) traffic(n int) {
	c.mu.Lock()
	n += c.over
	c.mu.Unlock()
	c.untilEnded(n)
}

// A machine is the broker's or a desk's: its disk, and the program on it.
type machine struct {
	*world
	name    string
	station *station // nil: the broker
	disk    *faultydisk.Disk
	metrics string // where a desk answers an operator
}

func (m *machine) process() *process {
	if m.station == nil {
		return m.world.broker
	}
	return m.station.process
}

// ended reports whether the program ended by itself: nobody has waited for it yet.
func (m *machine) ended() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, m.process().cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || info.Signo != 0
}

// cut cuts the power and has it come back, and returns what was not synced. What the disk
// keeps of that is nothing each second time.
func (m *machine) cut(n int) (unsynced []string) {
	m.Helper()
	m.shut()
	m.disk.Off(func() { _ = m.process().cmd.Process.Kill() })
	_ = m.process().cmd.Wait()
	unsynced = m.disk.Unsynced()
	var chance *rand.Rand
	if n%2 == 1 {
		chance = m.rand
	}
	m.disk.On(chance)
	m.start()
	return unsynced
}

// again ends the program as kill -9 does, and starts it: its files are as they were.
func (m *machine) again() {
	m.Helper()
	m.shut()
	_ = m.process().cmd.Process.Kill()
	_ = m.process().cmd.Wait()
	m.start()
}

func (m *machine) shut() {
	if m.station != nil {
		m.station.gate.set(false)
	}
}

func (m *machine) start() {
	m.Helper()
	if m.kills++; m.station != nil {
		m.station.start()
		m.station.unlock()
		return
	}
	if st := m.startBroker(); st.Stopped != "" || !st.Accepting {
		m.Errorf("the broker met %v and stopped: %s", st.Found, st.Stopped)
	}
}

// synced are the files that the program synced since the disk was last asked, as patterns.
func (m *machine) synced() (patterns []string) {
	for step := range m.disk.Did() {
		if p := class(step.Path); step.Op == faultydisk.Sync && !slices.Contains(patterns, p) {
			patterns = append(patterns, p)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// class is the pattern of a file and of those that follow it: their numbers differ.
func class(path string) string {
	var b strings.Builder
	for _, r := range path {
		if r < '0' || r > '9' {
			b.WriteRune(r)
		} else if !strings.HasSuffix(b.String(), "*") {
			b.WriteByte('*')
		}
	}
	return b.String()
}
