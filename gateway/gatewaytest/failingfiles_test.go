//go:build linux

package gatewaytest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
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
	"samband/gateway/problem"
	"samband/gateway/signed"
)

const (
	failingFor = 1500 * time.Millisecond // a fault lasts, once the program stands
	standsIn   = 5 * time.Second         // a start that takes longer waits until the fault has passed
	startsIn   = 30 * time.Second        // the longest start
	healsIn    = 45 * time.Second        // desks that were refused try again within 30 s
)

// TestFailingFiles has each file in the folders of the broker and of a desk fail, in each
// operation that is done to it: at a start after a stop, at a start after a kill, and while
// messages pass; once or for a while; one at a time. The error is gone then, and a program that ended by itself is
// started again, as a service is. Everything works then; what needs another start for that
// had said that it is not ready, and not that it goes on by itself. Nothing that was promised is lost, and no file is missing.
func TestFailingFiles(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	f := &failing{T: t, tally: map[string]int{}, touched: map[string]bool{}, untouched: map[string]int{}}
	f.tryThese(failingCells)
	if len(failingCells) == 0 {
		f.tryAll()
	}
	for _, file := range slices.Sorted(maps.Keys(f.untouched)) {
		if !f.touched[file] {
			t.Logf("no operation: %s", file)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(f.tally)) {
		t.Logf("%4d %s", f.tally[what], what)
	}
}

// When a fault is in force: for as long as the test looks on, or once, so that the program
// meets it one time and goes on.
var whens = []string{atStart, atStartOnce, afterKill, running, runningOnce}

const (
	atStart     = "start"
	atStartOnce = "start, once"
	afterKill   = "start after a kill"
	running     = "running"
	runningOnce = "running, once"
)

// A cell is one fault: an operation on a file, or on the files that follow it.
type cell struct {
	machine string
	when    string
	faultydisk.Step
}

func (c cell) String() string {
	return fmt.Sprintf("%-6s | %-18s | %-8s | %s", c.machine, c.when, c.Op, c.Path)
}

// tryAll tries every cell. SAMBAND_CELL tries those that have its words.
func (f *failing) tryAll() {
	words := strings.Fields(os.Getenv("SAMBAND_CELL"))
	for _, name := range []string{"broker", "desk"} {
		for _, when := range whens {
			f.renew()
			var these []cell
			for _, step := range f.steps(name, when) {
				c := cell{name, when, step}
				if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(c.String(), word) }) {
					these = append(these, c)
				}
			}
			f.tryThese(these)
		}
	}
}

// tryThese tries cells in one exchange, whose messages are compared then. A desk reads its
// whole database to verify one message: of all cells in one exchange that took hours.
func (f *failing) tryThese(cells []cell) {
	f.Helper()
	if len(cells) == 0 {
		return
	}
	if f.cuts == nil {
		f.renew()
	}
	for _, c := range cells {
		f.try(c)
	}
	began := time.Now()
	f.check()
	f.Logf("%d messages of these cells compared in %.0f s", len(f.sent), time.Since(began).Seconds())
}

// Failing is an exchange whose files fail.
type failing struct {
	*testing.T
	*cuts
	operator *broker.Client
	drafts   []*draft // that are not sent yet
	waiting  []*sending
	drawn    int
	broken   bool // the exchange did not come back
	tally    map[string]int

	touched   map[string]bool // files that are opened at some time
	untouched map[string]int
}

// A draft is a message that its sender did not promise yet.
type draft struct {
	subject  string
	from, to *station
}

// renew makes an exchange in the place of one that is broken.
func (f *failing) renew() {
	f.Helper()
	if f.cuts != nil {
		for _, p := range append([]*process{f.world.broker}, processesOf(f.desks)...) {
			if p != nil { // the broker of one that was checked
				_ = p.cmd.Process.Kill()
				_ = p.cmd.Wait()
			}
		}
	}
	f.cuts = newCuts(f.T)
	f.operator = got(broker.NewClient(f.BrokerDir()))(f)
	f.drafts, f.waiting, f.broken = nil, nil, false
	if err := f.settles(healsIn); err != nil {
		f.Fatal(err)
	}
}

func (f *failing) machine(name string) *machine {
	if name == "broker" {
		return f.cuts.broker
	}
	return f.cuts.desk
}

// steps are what a program does to its files at a time, the numbers of files left out.
func (f *failing) steps(name, when string) (steps []faultydisk.Step) {
	f.Helper()
	m := f.machine(name)
	m.disk.Did()
	if !strings.HasPrefix(when, running) {
		m.ends(when)
		m.disk.Did()
		if err := m.begins(); err != nil {
			f.Fatal(err)
		}
	}
	for range 10 {
		if err := f.settles(healsIn); err != nil {
			f.Fatal(err)
		}
	}
	for _, s := range f.desks {
		if _, err := s.Verify(f.ctx, client.Ref{}); err != nil {
			f.Fatal(err)
		}
	}
	for step := range m.disk.Did() {
		step.Path = class(step.Path)
		if !slices.Contains(steps, step) && !strings.Contains(step.Path, "/.new-") {
			steps = append(steps, step)
		}
	}
	slices.SortFunc(steps, func(a, b faultydisk.Step) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Op), string(b.Op)))
	})
	f.Logf("%s, %s: %d operations on files", name, when, len(steps))
	for _, path := range m.disk.Present() {
		if path = class(path); !slices.ContainsFunc(steps, func(s faultydisk.Step) bool { return s.Path == path }) {
			f.untouched[name+"'s "+path]++
		} else {
			f.touched[name+"'s "+path] = true
		}
	}
	return steps
}

// try has one operation fail, and sees that everything is well afterwards.
func (f *failing) try(c cell) {
	f.Helper()
	began := time.Now()
	m := f.machine(c.machine)
	before := lasting(m.disk)
	var said, after string
	starts := !strings.HasPrefix(c.when, running)
	if starts {
		m.ends(c.when)
	}
	fault := m.disk.Fail(faultydisk.Fault{Op: c.Op, Path: c.Path, Once: c.when == atStartOnce || c.when == runningOnce})
	var err error
	if starts {
		passes := time.AfterFunc(standsIn, func() { fault.Stop() })
		if err = m.begins(); !passes.Stop() {
			err = errors.Join(fmt.Errorf("it did not stand in %s, while the fault lasted", standsIn), err)
		}
	}
	if err == nil {
		err = f.passes(failingFor, func() bool { return fault.Met() > 0 })
	}
	if err == nil && fault.Met() > 0 {
		err = f.passes(failingFor, nil) // and it lasts
	}
	said = strings.Join(append(words(err), m.notReady()...), "; ")
	met := fault.Stop()
	if m.ended() {
		after, err = "ended, started again", m.begins()
	} else {
		after, err = "went on by itself", nil
	}
	if err == nil {
		err = f.settles(healsIn)
	}
	if err != nil && !m.ended() {
		why, silent := err, len(m.notReady()) == 0
		said = strings.Join(append(append(words(why), m.notReady()...), said), "; ")
		m.ends(afterKill)
		if err = m.begins(); err == nil {
			err = f.settles(healsIn)
		}
		switch after = "started again, told to"; {
		case err != nil:
		case silent:
			after = "needed a start, and was ready all the time"
			f.Errorf("%s: %s: %s", c, after, said)
		case strings.Contains(said, "by itself"):
			after = "needed a start, and said that it goes on by itself"
			f.Errorf("%s: %s: %s", c, after, said)
		}
	}
	if err != nil {
		after = "does not come back"
		f.Errorf("%s: %s: %v; it had said: %s", c, after, err, said)
		f.broken = true
	} else if missing := missing(before, lasting(m.disk)); len(missing) > 0 {
		after += ", files are missing"
		f.Errorf("%s: files are missing: %q", c, missing)
	}
	switch {
	case met == 0 && !f.broken:
		after = "not met"
	case said == "":
		said = "–"
	}
	f.tally[c.machine+", "+c.when+": "+after]++
	said = strings.ReplaceAll(said, f.Dir+"/", "")
	f.Logf("| %s | %d× | %s | %.300s | %.1f s", c, met, after, said, time.Since(began).Seconds())
	if f.broken {
		f.renew()
	}
}

// words are what an error says.
func words(err error) []string {
	if err == nil {
		return nil
	}
	return []string{strings.ReplaceAll(err.Error(), "\n", "; ")}
}

// lasting are the kinds of files that stay once they are there.
func lasting(disk *faultydisk.Disk) map[string]bool {
	kinds := map[string]bool{}
	for _, path := range disk.Present() {
		if c := class(path); !strings.HasSuffix(c, "-wal") && !strings.HasSuffix(c, "-shm") && !strings.Contains(c, "/.new-") && !strings.Contains(c, ".p/") {
			kinds[c] = true
		}
	}
	return kinds
}

func missing(before, after map[string]bool) (gone []string) {
	for kind := range before {
		if !after[kind] {
			gone = append(gone, kind)
		}
	}
	slices.Sort(gone)
	return gone
}

// draw has each of two desks want to send something to the other.
func (f *failing) draw() {
	for n, from := range f.desks {
		f.drawn++
		f.drafts = append(f.drafts, &draft{fmt.Sprintf("failing %d", f.drawn), from, f.desks[1-n]})
	}
}

// settles sees that each desk sends to the other, and that all that was ever promised is
// handed over.
func (f *failing) settles(patience time.Duration) error {
	return f.passes(patience, nil)
}

// passes has each desk send to the other, again until met is true if there is a met, and
// waits until all is handed over. It returns what was in the way at last.
func (f *failing) passes(patience time.Duration, met func() bool) (err error) {
	f.draw()
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		now := errors.Join(f.sends(ctx), f.arrive(ctx))
		if ctx.Err() == nil {
			err = now // not that the time is over
		}
		if now == nil {
			if met == nil || met() {
				return nil
			}
			f.draw()
		}
		for _, m := range f.machines() {
			if m.ended() {
				return errors.Join(fmt.Errorf("the %s ended by itself: %s", m.name, m.lastWord()), err)
			}
		}
		if why := f.stopped(ctx); why != "" {
			return errors.Join(fmt.Errorf("the broker stopped: %s", why), err)
		}
		select {
		case <-ctx.Done():
			return cmp.Or(err, now) // nil: all passed, and nothing was met
		case <-tick.C:
		}
	}
}

// sends tries to send what is not sent.
func (f *failing) sends(ctx context.Context) (err error) {
	f.drafts = slices.DeleteFunc(f.drafts, func(d *draft) bool {
		m, e := d.sent(ctx)
		if e != nil {
			err = fmt.Errorf("%s sends: %w", d.from.address, e)
			return false
		}
		f.record(m)
		f.waiting = append(f.waiting, m)
		return true
	})
	return err
}

// sent sends a draft, by a desk that is unlocked first if it is locked.
func (d *draft) sent(ctx context.Context) (*sending, error) {
	s := d.from
	sent, err := s.Send(ctx, client.Draft{Name: d.subject, To: []signed.Address{d.to.address}, Type: "SPONTANEOUS", Body: bodyAbout(d.subject)})
	if problem.CodeOf(err) == problem.DeskLocked {
		if err := s.Unlock(ctx, []byte(Passphrase)); err != nil {
			return nil, fmt.Errorf("unlock: %w", err)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return &sending{sent.Messages[0].ID, s, d.to, d.subject}, nil
}

// arrive looks whether what was promised was handed over.
func (f *failing) arrive(ctx context.Context) (err error) {
	f.waiting = slices.DeleteFunc(f.waiting, func(m *sending) bool {
		states := map[*station]client.State{}
		out, e := m.from.Outbox(ctx, client.Query{ID: m.id})
		for _, item := range out {
			states[m.from] = item.State
		}
		if e == nil {
			var in []client.InboxItem
			in, e = m.to.Inbox(ctx, client.Query{ID: m.id})
			for _, item := range in {
				states[m.to] = item.State
			}
		}
		if e == nil && (states[m.from] != client.HandedOver || states[m.to] != client.HandedOver) {
			e = fmt.Errorf("it is %s and %s", states[m.from], states[m.to])
		}
		if e != nil {
			err = fmt.Errorf("%s from %s to %s: %w", m.subject, m.from.address, m.to.address, e)
		}
		return e == nil
	})
	return err
}

// ends ends the program, in its own way or as kill -9 does.
func (m *machine) ends(when string) {
	if when != afterKill {
		_ = m.process().stop()
		return
	}
	_ = m.process().cmd.Process.Kill()
	_ = m.process().cmd.Wait()
}

// begins starts the program, which stands then, and is asked for its status.
func (m *machine) begins() error {
	p := m.process()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	m.kills++
	var err error
	if m.station == nil {
		p, err = m.spawnBroker()
		m.world.broker = p
	} else {
		p, err = m.station.spawn()
		m.station.process = p
	}
	if err != nil {
		return err
	}
	hangs := time.AfterFunc(startsIn, func() { _ = p.cmd.Process.Kill() })
	if _, err = p.stands(); !hangs.Stop() {
		err = fmt.Errorf("it does not stand within %s: %w", startsIn, err)
	}
	return err
}

// stopped is why the broker accepts nothing until it is started again.
func (f *failing) stopped(ctx context.Context) string {
	st, err := f.operator.Status(ctx)
	if err != nil {
		return "" // it is not running
	}
	return st.Stopped
}

// lastWord is what the program wrote last.
func (m *machine) lastWord() string {
	said, err := os.ReadFile(m.process().said)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return strings.Join(append(words(err), lines[len(lines)-1]), "; ")
}

// notReady are the lines of /readyz that are not well.
func (m *machine) notReady() (lines []string) {
	if m.ended() {
		return []string{"it had ended"}
	}
	resp, err := http.Get("http://" + m.monitored() + "/readyz")
	if err != nil {
		return []string{"/readyz does not answer"}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if lines = words(err); resp.StatusCode == http.StatusOK {
		return lines
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, ": ok") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (m *machine) monitored() string {
	if m.station == nil {
		return m.Exchange.Metrics
	}
	return m.metrics
}

// monitor has a desk answer an operator.
func (m *machine) monitor() {
	m.Helper()
	var err error
	m.metrics, err = freeAddress()
	m.must(err)
	m.must(replace(filepath.Join(m.DeskDir(m.station.address), "desk.yaml"), `metrics: ""`, fmt.Sprintf("metrics: %q", m.metrics)))
}
