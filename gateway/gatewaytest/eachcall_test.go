//go:build linux && soak

package gatewaytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk/client"
	"samband/gateway/internal/faultydisk"
	"samband/gateway/internal/smalldisk"
)

// TestKilledAtEachCall has kill -9 end the broker and a desk at each call of a start that
// writes, one after the other, before the call takes effect and right behind it; and likewise
// the broker's two commands that mend. The next start is well, or a command that was killed
// is repeated, and the start behind it is well. No file is missing then, nothing that was
// promised is lost or there twice, and messages pass.
func TestKilledAtEachCall(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	f := &killing{failing: &failing{T: t, tally: map[string]int{}}}
	f.renew()
	f.hand = f.world.witness()
	f.opens()
	for _, b := range beginnings {
		if words := os.Getenv("SAMBAND_CELL"); !strings.Contains(b.name, words) {
			continue
		}
		began, calls, all := time.Now(), 0, f.writes(b)
		for calls < all && f.killedAt(b, calls, false) && f.killedAt(b, calls, true) {
			calls++
		}
		if f.broken || f.Failed() {
			break
		}
		t.Logf("%s: %d calls that write, %.0f s", b.name, calls, time.Since(began).Seconds())
	}
	for _, what := range slices.Sorted(maps.Keys(f.tally)) {
		t.Logf("%4d %s", f.tally[what], what)
	}
	if f.broken || f.Failed() {
		return
	}
	f.ends()
	f.check()
}

// A killing is an exchange whose programs are killed.
type killing struct {
	*failing
	hand   *witness // its desk
	open   *sending // a message to it: its sealed bytes lie in JOURNAL
	opened int      // of these, so many in all
}

// opens has a desk send to the witness a message that stays open.
func (f *killing) opens() {
	f.Helper()
	f.opened++
	m, err := f.desks[1].send(fmt.Sprintf("open for a while %d", f.opened), f.world.hand)
	f.must(err)
	f.must(m.sees("accepted"))
	f.open = m
}

// ends ends the open message.
func (f *killing) ends() {
	f.Helper()
	f.poll("the open message", func() bool { return len(f.hand.receives()) == 1 })
	f.hand.handOver(f.open)
}

// A beginning is a start of a program, or a command, on a disk that may be damaged.
type beginning struct {
	name    string
	machine string
	role    string
	when    string
	damage  func(*killing)
	loses   bool   // it takes from JOURNAL what was acknowledged
	but     string // files of which it writes more with each message, and whose calls go well
}

var beginnings = []beginning{
	{"broker, after a stop", "broker", roleBroker, atStart, nil, false, ""},
	{"broker, after a kill", "broker", roleBroker, afterKill, nil, false, ""},
	{"broker, index lost", "broker", roleBroker, afterKill, func(f *killing) { f.lose("index") }, false, ""},
	{"broker, tiles lost", "broker", roleBroker, afterKill, func(f *killing) { f.lose("tiles") }, false, ""},
	{"broker, JOURNAL ahead of records", "broker", roleBroker, afterKill, (*killing).tearRecords, false, ""},
	{"broker, JOURNAL's end lost", "broker", roleBroker, afterKill, (*killing).loseJournalsEnd, true, ""},
	{"broker mend --from", "broker", roleMend, atStart, (*killing).bendRecords, false, ""},
	{"broker mend --journal", "broker", roleMendJournal, atStart, func(f *killing) { f.must(os.RemoveAll(f.data("nats"))) }, true, ""},
	{"broker mend --journal, set aside", "broker", roleMendJournal, atStart, func(f *killing) { f.must(os.RemoveAll(f.data("nats", "jetstream"))) }, true, "data/index.db*"},
	{"desk, after a stop", "desk", roleDesk, atStart, nil, false, ""},
	{"desk, after a kill", "desk", roleDesk, afterKill, nil, false, ""},
}

// writes is how many calls a beginning writes by, about: with the messages that pass
// meanwhile it may become more from one kill to the next, without an end.
func (f *killing) writes(b beginning) (all int) {
	f.Helper()
	m := f.machine(b.machine)
	f.begin(b)
	m.disk.Did()
	m.strike(b, math.MaxInt, false)
	for step, n := range m.disk.Did() {
		if step.Op.Writes() {
			all += n
		}
	}
	if err := errors.Join(m.begins(), f.settles(healsIn)); err != nil {
		f.Fatalf("%s: %v", b.name, err)
	}
	return all
}

// begin ends the program, and damages its disk.
func (f *killing) begin(b beginning) (before map[string]bool) {
	f.Helper()
	m := f.machine(b.machine)
	for _, pattern := range []string{"records-damaged", "nats-damaged-*"} {
		aside, err := filepath.Glob(f.data(pattern))
		f.must(err)
		for _, dir := range aside {
			f.must(os.RemoveAll(dir)) // as a person does once all is well
		}
	}
	f.sweep()
	before = lasting(m.disk)
	delete(before, "data/nats/jetstream/$G/streams/JOURNAL/msgs/index.db") // a summary that the server writes later
	m.ends(b.when)
	if b.damage != nil {
		b.damage(f)
	}
	return before
}

// killedAt kills a beginning at a call, and sees that everything is well afterwards. It
// reports whether there was such a call.
func (f *killing) killedAt(b beginning, calls int, after bool) bool {
	f.Helper()
	m := f.machine(b.machine)
	before := f.begin(b)
	at := m.strike(b, calls, after)
	m.disk.Resume()
	where := "before"
	if after {
		where = "behind"
	}
	what := fmt.Sprintf("%s, killed %s call %d (%v)", b.name, where, calls, at)
	said := ""
	err := m.begins()
	if err == nil {
		err = f.settles(healsIn)
	}
	if command := b.role != roleBroker && b.role != roleDesk; err != nil && command {
		said = err.Error()
		m.ends(afterKill)
		if err = m.command(b.role); err == nil {
			err = m.begins()
		}
		if err == nil {
			err = f.settles(healsIn)
		}
	}
	if err != nil {
		f.Errorf("%s: %v; it had said: %s", what, err, said)
		f.broken = true
		return false
	}
	f.lostNothing(b, what)
	if missing := missing(before, lasting(m.disk)); len(missing) > 0 {
		f.Errorf("%s: files are missing: %q", what, missing)
	}
	outcome := "the next start was well"
	if said != "" {
		outcome = "the next start refused, the command again, then all was well"
	}
	if at != nil {
		f.tally[b.name+", killed "+where+": "+outcome]++
	}
	f.Logf("%s: %.300s", what, strings.ReplaceAll(said, f.Dir+"/", ""))
	return at != nil
}

// lostNothing checks that nobody says that something was lost: a kill loses nothing.
func (f *killing) lostNothing(b beginning, what string) {
	f.Helper()
	if st := f.brokerStatus(); slices.Contains(st.Found, "journal-lost") && !b.loses {
		f.Errorf("%s: the broker says that JOURNAL had lost groups", what)
	}
	for _, s := range f.desks {
		st, err := s.Status(f.ctx)
		if f.must(err); len(st.Losses) > 0 || st.Lost > 0 || st.LostWords > 0 || st.Evidence > 0 || st.Damages != (client.Damages{}) {
			f.Errorf("%s: %s says %+v", what, s.address, st)
		}
	}
}

// sweep removes what the embedded server leaves where it is killed: files that it was
// writing, and empty ones by which it tries whether it can make any. With these each start
// would do more than the one before.
func (f *killing) sweep() {
	f.Helper()
	for _, pattern := range []string{"jetstream/_test_*", "jetstream/$G/streams/JOURNAL/_test_*", "jetstream/$G/streams/JOURNAL/*.tmp"} {
		left, err := filepath.Glob(f.data("nats", pattern))
		f.must(err)
		for _, path := range left {
			f.must(os.Remove(path))
		}
	}
}

// strike runs a beginning that is killed at a call, and returns the call; nil: all was done
// without it.
func (m *machine) strike(b beginning, calls int, after bool) *faultydisk.Step {
	m.Helper()
	var unlocks *client.Client
	if m.station != nil {
		unlocks = m.station.Client
	}
	m.kills++
	at, err := strike(m.ctx, m.disk, calls, after, b.but, unlocks, func() (*process, error) { return m.spawn(b.role) })
	if err != nil {
		m.Errorf("%s: %v", b.name, err)
	}
	return at
}

// strike starts a program that is killed at a call; a desk is unlocked too. It returns the
// call; nil: all was done without it, and the program was killed then.
func strike(ctx context.Context, disk *faultydisk.Disk, calls int, after bool, but string, unlocks *client.Client, spawn func() (*process, error)) (at *faultydisk.Step, err error) {
	var p *process
	spawned := make(chan struct{})
	blow := disk.KillAt(calls, after, but, func() {
		<-spawned
		_ = p.cmd.Process.Kill()
	})
	if p, err = spawn(); err != nil {
		return nil, err
	}
	close(spawned)
	if _, err = p.stands(); err == nil && unlocks != nil {
		err = unlock(ctx, unlocks, blow.Came)
	}
	if at = blow.Stop(); at != nil {
		err = nil
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	return at, err
}

// unlock unlocks a desk as soon as its socket is there, unless it is over before.
func unlock(ctx context.Context, c *client.Client, over func() bool) (err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !over() {
		if err = c.Unlock(ctx, []byte(Passphrase)); err == nil || ctx.Err() != nil {
			return err
		}
		<-tick.C
	}
	return err
}

// spawn starts the machine's program, or a command on its folder.
func (m *machine) spawn(role string) (*process, error) {
	if m.station != nil {
		return m.station.spawn()
	}
	return spawn(role, m.BrokerDir(), m.statementFile(roleBroker))
}

// command runs a command to its end, as a person does who repeats it: what was done already
// is no error.
func (m *machine) command(role string) error {
	p, err := m.spawn(role)
	if err == nil {
		_, err = p.stands()
		_ = p.cmd.Wait()
	}
	if err != nil && strings.Contains(err.Error(), "JOURNAL opens, and is left alone") {
		return nil
	}
	return err
}

// lastRecords is the segment of the records that is written to.
func (f *killing) lastRecords() string {
	f.Helper()
	segments, err := filepath.Glob(f.data("records", "*.records"))
	f.must(err)
	return segments[len(segments)-1]
}

// tearRecords cuts off an end of the records that JOURNAL has.
func (f *killing) tearRecords() {
	f.must(f.cuts.broker.begins())
	f.ends()
	f.opens()
	f.cuts.broker.ends(afterKill)
	info, err := os.Stat(f.lastRecords())
	f.must(err)
	f.must(os.Truncate(f.lastRecords(), info.Size()-7))
}

// loseJournalsEnd sets JOURNAL back to what it was before the last messages.
func (f *killing) loseJournalsEnd() {
	kept := filepath.Join(f.Dir, "nats-before")
	f.must(os.RemoveAll(kept))
	f.must(copyFolder(f.data("nats"), kept))
	f.must(f.cuts.broker.begins())
	f.must(f.settles(healsIn))
	f.cuts.broker.ends(afterKill)
	f.must(os.RemoveAll(f.data("nats")))
	f.must(copyFolder(kept, f.data("nats")))
}

// bendRecords copies the records, and damages a frame in their middle.
func (f *killing) bendRecords() {
	f.must(os.RemoveAll(backupOf(f.BrokerDir())))
	f.must(copyFolder(f.data("records"), backupOf(f.BrokerDir())))
	b, err := os.ReadFile(f.lastRecords())
	f.must(err)
	for i := range 64 {
		b[len(b)/2+i] ^= 0x5a
	}
	f.must(os.WriteFile(f.lastRecords(), b, 0o600))
}

// TestFirstStartKilledAtEachCall kills the first start of a broker and of a desk likewise: the
// one that makes what each later one must find. The two starts behind it are well, and say of
// nothing that it was lost.
func TestFirstStartKilledAtEachCall(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	w := makeWorld(t, cutPatience, true)
	for role, folder := range map[string]string{roleBroker: w.BrokerDir(), roleDesk: w.DeskDir(w.desks[0].address)} {
		calls := 0
		for w.firstStart(role, folder, calls, false) && w.firstStart(role, folder, calls, true) {
			calls++
		}
		t.Logf("%s: %d calls that write", role, calls)
	}
}

// firstStart kills the first start on a copy of a folder, and reports whether there was such a
// call.
func (w *world) firstStart(role, folder string, calls int, after bool) (met bool) {
	w.Run(fmt.Sprintf("%s/%d/%t", role, calls, after), func(t *testing.T) {
		dir := filepath.Join(got(os.MkdirTemp("", "first-"))(t), role) // a socket's path is short
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(dir)) })
		if err := copyFolder(folder, dir); err != nil {
			t.Fatal(err)
		}
		disk := faultydisk.Over(t, dir)
		start := func() (*process, error) { return spawn(role, dir, w.statementFile("first-"+role)) }
		var unlocks *client.Client
		if role == roleDesk {
			unlocks = client.New(dir)
		}
		at := got(strike(w.ctx, disk, calls, after, "", unlocks, start))(t)
		disk.Resume()
		for range 2 {
			p := got(start())(t)
			said := got(p.stands())(t)
			if role == roleBroker {
				var st broker.Status
				if err := json.Unmarshal(said, &st); err != nil || !st.Accepting || st.Stopped != "" || slices.Contains(st.Found, "journal-lost") {
					t.Errorf("killed at %v, the next start says %s; %v", at, said, err)
				}
			} else {
				err := unlock(w.ctx, unlocks, func() bool { return false })
				st, fault := unlocks.Status(w.ctx)
				if err != nil || fault != nil || len(st.Losses) > 0 || st.Damages != (client.Damages{}) {
					t.Errorf("killed at %v, the next start says %+v; %v; %v", at, st, err, fault)
				}
			}
			if err := p.stop(); err != nil {
				t.Errorf("killed at %v, the next start ends with %v", at, err)
			}
		}
		met = at != nil
	})
	return met
}
