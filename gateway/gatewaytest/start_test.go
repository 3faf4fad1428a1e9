package gatewaytest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
)

// A loss is one exchange that loses one thing after another of its broker's disk
// between two kills, and goes on with the same desks.
type loss struct {
	*world
	*witness
	se, fi *station
	ended  *envelope.Envelope // of the witness, handed over
	open   []*sending         // to the witness
	n      int
}

// TestStart meets each arm of the start switch with processes: what can be
// repaired is, without a second leaf or a second handover; what can't is named, and
// nothing is accepted.
func TestStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 8*time.Minute, true)
	l := &loss{world: w, witness: w.witness(), fi: w.desks[0], se: w.desks[1]}
	m, e := l.write("from the witness", l.fi)
	l.world.must(m.arrives("handed-over"))
	l.ended = e
	l.pass()
	for _, arm := range []struct {
		name string
		lose func()
	}{
		{"index deleted", l.indexDeleted},
		{"tiles deleted", l.tilesDeleted},
		{"JOURNAL ahead of records", l.recordsTorn},
		{"JOURNAL's last groups lost", l.journalLost},
		{"cut behind the tiles, and behind a checkpoint that a desk has", l.cut},
		{"data deleted", l.dataDeleted},
		{"a second process", l.secondProcess},
	} {
		t.Log(arm.name)
		arm.lose()
		l.pass()
	}
	l.handOver(l.open...)
	w.check()
}

// pass has each desk send to the other, and checks that both ways are handed over.
func (l *loss) pass() {
	l.world.Helper()
	for _, way := range [][2]*station{{l.se, l.fi}, {l.fi, l.se}} {
		l.world.must(l.mails(way[0], way[1]).sees("handed-over"))
	}
}

// mails has a desk send a message.
func (l *loss) mails(from, to *station) *sending {
	l.world.Helper()
	l.n++
	m, err := from.send(fmt.Sprintf("start %d", l.n), to)
	l.world.must(err)
	return m
}

// opens has a desk send to the witness a message that stays open.
func (l *loss) opens() {
	l.world.Helper()
	m := l.mails(l.se, l.hand)
	l.world.must(m.sees("accepted"))
	l.open = append(l.open, m)
}

// settled waits until the witness's inbox has what is open and these, and no
// more: the index, which feeds it, trails the answers.
func (l *loss) settled(these ...*sending) {
	l.world.Helper()
	l.poll("the witness's inbox", func() bool { return len(l.receives()) == len(l.open)+len(these) })
}

func (l *loss) killed() {
	l.world.Helper()
	l.world.must(l.broker.kill())
}

// starts starts the broker, and checks that it met something and goes on.
func (l *loss) starts(met broker.Status, finding string) {
	l.world.Helper()
	if met.Stopped != "" || !met.Accepting || !slices.Contains(met.Found, finding) {
		l.world.Fatalf("the start met %v, not %s; accepting: %v, stopped: %s", met.Found, finding, met.Accepting, met.Stopped)
	}
}

// stopped checks that the broker says why it accepts nothing, and that the word
// reaches who wants to send: the message waits for better times.
func (l *loss) stopped(st *broker.Status, reason string, from, to *station) (waits *sending) {
	l.world.Helper()
	if !strings.HasPrefix(st.Stopped, reason+": ") || st.Accepting {
		l.world.Fatalf("accepting: %v, stopped: %q; want %s", st.Accepting, st.Stopped, reason)
	}
	l.world.Log("the broker says:", st.Stopped)
	m := l.mails(from, to)
	l.world.must(from.until("BROKER_STOPPED at "+m.subject, func() (bool, error) {
		items, err := from.Outbox(l.world.ctx, client.Query{ID: m.id})
		return err == nil && items[0].State == "queued" && items[0].Problem != nil && items[0].Problem.Code == problem.BrokerStopped, err
	}))
	return m
}

// restartDesks spares the test the pause that a stopped broker asks of desks.
func (l *loss) restartDesks() {
	var all sync.WaitGroup
	for _, s := range l.world.desks {
		all.Go(func() {
			s.kill()
			s.start()
			s.unlock()
		})
	}
	all.Wait()
}

// flushed waits until the tiles have all that is committed.
func (l *loss) flushed() {
	l.world.Helper()
	fed, err := register.ParseFederation(l.Federation())
	l.world.must(err)
	l.poll("the tiles", func() bool {
		head, err := auditlog.ReadCheckpoint(os.DirFS(l.data("log", "audit")), fed.Audit)
		return err == nil && head == l.brokerStatus().Audit
	})
}

// keep copies the data folder of a killed broker.
func (l *loss) keep(name string) (kept string) {
	l.world.Helper()
	kept = filepath.Join(l.Dir, name)
	l.world.must(copyFolder(l.data(), kept))
	return kept
}

func (l *loss) indexDeleted() {
	l.opens()
	l.settled()
	before := l.answers(l.ended)
	l.killed()
	l.lose("index")
	l.starts(l.startBroker(), "index-behind")
	if after := l.answers(l.ended); !slices.Equal(before, after) {
		l.world.Errorf("with the index made anew the broker says\n%q\nand said\n%q", after, before)
	}
}

func (l *loss) tilesDeleted() {
	l.flushed()
	l.killed()
	before, err := readFolder(l.data("log"))
	l.world.must(err)
	l.lose("tiles")
	l.starts(l.startBroker(), "tiles-gone")
	after, err := readFolder(l.data("log"))
	l.world.must(err)
	for name, content := range after {
		if before[name] != content {
			l.world.Errorf("%s is not what it was, byte for byte", name)
		}
	}
	for name := range before {
		// Partial tiles that were outgrown before stay away.
		if _, there := after[name]; !there && !strings.Contains(name, ".p/") {
			l.world.Errorf("%s did not come back", name)
		}
	}
}

// recordsTorn cuts the last write to the records short, as a kill within it does.
func (l *loss) recordsTorn() {
	l.opens()
	l.settled()
	before := l.receives()
	l.killed()
	segments, err := filepath.Glob(l.data("records", "*.records"))
	l.world.must(err)
	last := segments[len(segments)-1]
	info, err := os.Stat(last)
	l.world.must(err)
	l.world.must(os.Truncate(last, info.Size()-7))
	l.starts(l.startBroker(), "journal-ahead")
	if after := l.receives(); !slices.Equal(before, after) {
		l.world.Errorf("the witness's inbox is\n%q\nand was\n%q", after, before)
	}
}

// journalLost sets JOURNAL back to what it was some messages ago: what NATS does
// that acknowledges and forgets. Among the lost are an open message, which its
// sender sends again, and an end that its sender did not hear of.
func (l *loss) journalLost() {
	l.killed()
	kept := l.keep("data-before")
	l.startBroker()
	l.pass()
	unheard := l.mails(l.se, l.hand)
	l.world.must(unheard.sees("accepted"))
	l.opens()
	l.se.kill()
	l.settled(unheard)
	l.handOver(unheard)
	l.settled()
	before := l.receives()

	l.killed()
	l.world.must(os.RemoveAll(l.data("nats")))
	l.world.must(copyFolder(filepath.Join(kept, "nats"), l.data("nats")))
	l.starts(l.startBroker(), "journal-lost")
	if len(l.receives()) >= len(before) {
		l.world.Error("no bytes were lost: this shows nothing")
	}
	l.se.start()
	l.se.unlock()
	l.world.must(unheard.sees("handed-over"))
	l.poll("the open message to come again", func() bool { return slices.Equal(before, l.receives()) })
}

// cut sets the broker's disk back. With everything set back nothing there shows
// it; a desk that knows better does, with a checkpoint that the broker signed.
// With JOURNAL and records set back, the tiles show it.
func (l *loss) cut() {
	l.killed()
	old := l.keep("data-old")
	l.startBroker()
	l.pass()
	l.flushed()
	l.killed()
	whole := filepath.Join(l.Dir, "data-whole")
	l.world.must(os.Rename(l.data(), whole))

	l.world.must(copyFolder(old, l.data()))
	l.startBroker()
	l.poll("the broker to see that a tail is lost", func() bool { return l.brokerStatus().Stopped != "" })
	first := l.stopped(l.brokerStatus(), "tail-lost", l.se, l.fi)
	l.killed()
	if st := l.startBroker(); !strings.HasPrefix(st.Stopped, "tail-lost: ") {
		l.world.Errorf("started again, the broker forgot what it was shown: %+v", st)
	}
	l.killed()

	l.world.must(os.RemoveAll(l.data()))
	l.world.must(copyFolder(old, l.data()))
	l.world.must(os.RemoveAll(l.data("log")))
	l.world.must(copyFolder(filepath.Join(whole, "log"), l.data("log")))
	st := l.startBroker()
	second := l.stopped(&st, "records-lost", l.fi, l.se)
	l.killed()
	l.sameLog(filepath.Join(whole, "log"))

	l.world.must(os.RemoveAll(l.data()))
	l.world.must(os.Rename(whole, l.data()))
	l.startBroker()
	l.restartDesks()
	l.world.must(first.sees("handed-over"))
	l.world.must(second.sees("handed-over"))
}

// sameLog checks that a broker that may change nothing changed nothing.
func (l *loss) sameLog(dir string) {
	l.world.Helper()
	before, err := readFolder(dir)
	l.world.must(err)
	after, err := readFolder(l.data("log"))
	l.world.must(err)
	if !maps.Equal(before, after) {
		l.world.Error("a stopped broker changed the log's files")
	}
}

func (l *loss) dataDeleted() {
	l.killed()
	gone := filepath.Join(l.Dir, "data-gone")
	l.world.must(os.Rename(l.data(), gone))
	for range 2 {
		if words := l.refusedStart(); !strings.Contains(words, "never starts empty") {
			l.world.Errorf("without its data the broker ends with: %s", words)
		}
	}
	if _, err := os.Stat(l.data()); err == nil {
		l.world.Error("a broker that refused to start made a data folder")
	}
	l.world.must(os.Rename(gone, l.data()))
	l.startBroker()
}

// secondProcess starts another broker on the folder of the one that runs.
func (l *loss) secondProcess() {
	if words := l.refusedStart(); !strings.Contains(words, "in use") {
		l.world.Errorf("a second broker on the folder ends with: %s", words)
	}
	if st := l.brokerStatus(); !st.Accepting {
		l.world.Errorf("after it the first one says %+v", st)
	}
}
