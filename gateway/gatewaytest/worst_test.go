//go:build soak

package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// hostileDesk is the one that does its worst. It has all that a desk has: both rings, a
// certificate, and its party's authority.
const hostileDesk signed.Address = "xx.spoc"

// newcomerDesk connects anew in each step, from the hostile desk's own address in the
// network, and asks its inbox.
const newcomerDesk signed.Address = "yy.spoc"

// What an honest message may take beside the worst that one desk can do, all parties on
// one machine, and what the broker's heap may grow by.
const (
	worstWait = 30 * time.Second
	worstHeap = 256 << 20
)

// worstQuotas are scaled down, as far as a desk here is slower than one that has an hour
// for each way: all of them are met. Honest desks send a message in five minutes.
var worstQuotas = fmt.Sprintf(" {messages: %d, messages-a-second: 1, bytes: %d, bytes-a-second: 16384,"+
	" wants: 200, wants-a-minute: 5, entries: 10, entries-a-day: 24, unconsigned-messages: %d, unconsigned-bytes: %d}",
	worstMessages, worstMessages<<18, worstMessages*2/3, worstMessages<<17)

// worstEntries is what the hostile desk may make the log grow by in a step: the life of
// its messages, its refusals of both rings, their sum and its party's entries; and an
// honest desk that is slower says in two entries what it says else in one.
const worstEntries = 3*worstMessages + 2*60 + 1 + 10 + worstHonest

// TestWorstDesk has one desk do its worst, one way after the other, beside honest desks:
// all of theirs is accepted and handed over in time, the broker's disk, log and memory
// stay in bounds, and each way that costs anybody something names the desk. The broker is
// a process of its own; the honest desks are whole ones, of package desk, in this
// process, and so is the hostile desk, driven by hand. What its calls cost here lengthens
// the honest desks' times too, so these are upper bounds.
func TestWorstDesk(t *testing.T) {
	w := newWorst(t)
	w.round(0) // connections, caches
	w.alone()
	for _, way := range ways {
		if only := os.Getenv("SAMBAND_WAY"); only == "" || strings.Contains(way.name, only) {
			w.try(way)
		}
	}
	w.end()
}

// A worst is an exchange in which one desk is hostile.
type worst struct {
	*testing.T
	*Running
	process  *process
	clock    *Clock
	said     lines // of the honest desks
	honest   []signed.Address
	hostile  *hostile
	newcomer *hostile

	entries float64 // of the audit log, for each honest message
	bytes   float64 // of the broker's disk, likewise
	rounds  int
	handed  int
	codes   *regexp.Regexp // of refusals that are an alert
}

func newWorst(t *testing.T) *worst {
	t.Helper()
	plan := inPairs(worstHonest / 2)
	plan.Parties = append(plan.Parties, Party{"xx", "Party xx", []Desk{{Address: hostileDesk, Directory: anywhere, Keyed: true}}})
	plan.Agreements[0].Parties = append(plan.Agreements[0].Parties, "xx")
	plan.Parties = append(plan.Parties, Party{"yy", "Party yy", []Desk{{Address: newcomerDesk, Directory: anywhere, Keyed: true}}})
	x := got(Make(t.TempDir(), plan))(t)
	w := &worst{T: t, Running: x.Still(t.Context()), clock: NewClock(time.Now())}
	for was, is := range map[string]string{"quotas: {}": "quotas:" + worstQuotas, "journal-bytes: 0": "journal-bytes: 268435456", "reserve-bytes: 0": "reserve-bytes: 33554432"} {
		w.must(replace(filepath.Join(x.BrokerDir(), "broker.yaml"), was, is))
	}
	alerts := got(os.ReadFile("../../deploy/prometheus/alerts.yaml"))(t)
	w.codes = regexp.MustCompile("^(" + string(regexp.MustCompile(`code=~"([^"]+)"`).FindSubmatch(alerts)[1]) + ")$")

	var err error
	w.process, err = spawn(roleClockedBroker, x.BrokerDir(), filepath.Join(x.Dir, "broker-said"))
	w.must(err)
	t.Cleanup(func() { _ = w.process.kill() })
	got(w.process.stands())(t)
	w.must(x.EnterAll(t.Context()))
	t.Cleanup(func() {
		if err := w.Running.Stop(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.NewJSONHandler(&w.said, nil))
	for _, p := range plan.Parties {
		if a := p.Desks[0].Address; !p.Desks[0].Keyed {
			w.must(w.startUnlocked(a, desk.Config{Now: w.clock.Wall, Log: log}, nil))
			w.honest = append(w.honest, a)
		}
	}
	w.hostile, w.newcomer = w.newHostile(hostileDesk), w.newHostile(newcomerDesk)
	return w
}

func (w *worst) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// move lets time pass for all.
func (w *worst) move(by time.Duration) {
	w.Helper()
	w.must(w.process.move(by))
	w.clock.Move(by)
}

// round has each honest desk send a message to another at once, and waits until each
// knows that its own was handed over.
func (w *worst) round(n int) *measure {
	m := begin()
	var all sync.WaitGroup
	for i, from := range w.honest {
		to := w.honest[(i+1+(w.rounds+n)%(len(w.honest)-1))%len(w.honest)]
		all.Go(func() {
			began := time.Now()
			sending, err := w.Desks[from].Send(w.Context(), notice(to))
			if err == nil && len(sending.Blocked) > 0 {
				err = fmt.Errorf("blocked: %+v", sending.Blocked[0])
			}
			if err == nil {
				ctx, cancel := context.WithTimeout(w.Context(), 2*time.Minute)
				defer cancel()
				err = handedOver(ctx, w.Desks[from], sending.Messages[0].ID)
			}
			if err != nil {
				w.Errorf("honest %s to %s: %v", from, to, err)
				return
			}
			m.took(time.Since(began))
		})
	}
	all.Wait()
	w.rounds++
	w.handed += len(m.times)
	m.end()
	return m
}

// arrives has the newcomer connect and ask, and returns after how many tries that went.
// A desk tries for ever; one whose tries all fail is kept out.
func (w *worst) arrives() (tries int) {
	w.Helper()
	for tries = 1; tries <= 20; tries++ {
		c := got(w.newcomer.Client(w.URL(), w.newcomer.ca))(w)
		_, err := c.Inbox(w.Context(), api.Heads{Register: w.hostile.register.Size()}, api.Ask{Limit: 1})
		c.Close()
		if err == nil {
			return tries
		}
	}
	w.Errorf("a desk that connects anew is kept out")
	return tries
}

// quiet measures honest desks that nobody hinders.
func (w *worst) quiet() *measure {
	all := begin()
	for range worstQuiet {
		all.times = append(all.times, w.round(0).times...)
	}
	all.end()
	return all
}

// alone measures honest desks by themselves as long as beside each way: what one of their
// messages leaves in the log and on the disk.
func (w *worst) alone() {
	before, m := w.look(), begin()
	for step := range worstSteps {
		w.move(worstStep)
		m.times = append(m.times, w.round(step).times...)
	}
	after := w.look()
	n := float64(len(m.times))
	w.entries, w.bytes = (after.log()-before.log())/n, float64(after.disk-before.disk)/n
	w.Logf("%-48s honest %.0f of %d | p50 %.0f ms, p99 %.0f ms | log %+.0f | disk %+d KiB (JOURNAL %+d) | desks' disks %+d KiB | heap %.0f → %.0f MiB",
		"honest desks alone", n, worstHonest*worstSteps, m.ms(50), m.ms(99), after.log()-before.log(), (after.disk-before.disk)/1024,
		(after.journal-before.journal)/1024, (after.desks-before.desks)/1024, before.heap()/(1<<20), after.heap()/(1<<20))
}

// A way of doing one's worst.
type way struct {
	name    string
	workers int // at once
	// act is one go. One that holds something until the step ends says that it does by
	// h.stands.
	act    func(h *hostile, ctx context.Context)
	most   bool // worstMost goes in a step, and no more: each costs honest desks' time
	expire bool // what is taken of it expires, and is seen to
	// names is what has to name the desk; "" where it costs nobody anything, for the
	// reason that why says.
	names string
	why   string
}

// try lets an hour pass, or a step, in which the hostile desk goes on in one way.
func (w *worst) try(way way) {
	w.drain()
	w.move(3 * time.Hour) // its quotas fill again
	quiet := w.quiet()
	h := w.hostile
	h.begin()
	before, seen := w.look(), w.look()
	said := w.lines()
	during, tries := begin(), 0
	for step := range worstSteps {
		w.move(worstStep)
		ctx, cancel := context.WithCancel(w.Context())
		var all sync.WaitGroup
		h.step(way)
		for range way.workers {
			all.Go(func() { h.work(ctx, way) })
		}
		h.until(ctx, way.workers, 1)
		seen.most(w.look())
		tries = max(tries, w.arrives())
		during.times = append(during.times, w.round(step).times...)
		h.until(ctx, way.workers, worstGoes*way.workers)
		seen.most(w.look())
		cancel()
		all.Wait()
	}
	w.drain()
	if way.expire {
		w.expired(before, h.answers["taken"])
	}
	after := w.look()
	w.must(h.tidy(w.Context()))
	named := w.named(before, seen, after, said)
	honest := float64(len(during.times))
	entries := after.log() - before.log() - honest*w.entries
	bytes := float64(after.disk-before.disk) - honest*w.bytes
	w.Logf("%-48s %5d goes | %s | honest %d of %d, connected anew at try %d | p50 %.0f → %.0f ms, p99 %.0f → %.0f ms | log %+.0f | disk %+.0f KiB (JOURNAL %+d) | desks' disks %+d KiB | heap %.0f → %.0f MiB | named: %s",
		way.name, h.goes, h.tally(), len(during.times), len(w.honest)*worstSteps, tries, quiet.ms(50), during.ms(50), quiet.ms(99), during.ms(99),
		entries, bytes/1024, (after.journal-before.journal)/1024, (after.desks-before.desks)/1024,
		before.heap()/(1<<20), max(seen.heap(), after.heap())/(1<<20), strings.Join(named, ", "))
	if len(during.times) != len(w.honest)*worstSteps {
		w.Errorf("%s: of %d honest messages %d were handed over", way.name, len(w.honest)*worstSteps, len(during.times))
	}
	if slowest := slices.Max(during.times); slowest > worstWait {
		w.Errorf("%s: an honest message took %s", way.name, slowest)
	}
	if grown := max(seen.heap(), after.heap()) - before.heap(); grown > worstHeap {
		w.Errorf("%s: the broker's heap grew by %.0f bytes", way.name, grown)
	}
	if entries > worstSteps*worstEntries {
		w.Errorf("%s: the log grew by %.0f entries", way.name, entries)
	}
	if after.metrics["samband_accepting"] != 1 {
		w.Errorf("%s: the broker accepts nothing", way.name)
	}
	if (way.names == "") == (way.why == "") {
		w.Errorf("%s: say what names the desk, or why nothing need", way.name)
	}
	if !slices.ContainsFunc(named, func(sign string) bool { return strings.Contains(sign, way.names) }) && way.names != "" {
		w.Errorf("%s: %q names nobody: %q", way.name, way.names, named)
	}
}

// drain waits until the honest desks have taken in what the hostile desk sent them.
func (w *worst) drain() {
	w.Helper()
	w.await("the honest desks to end what they were sent", func() (left float64) {
		for series, n := range w.metrics() {
			if strings.HasPrefix(series, "samband_queue_") && strings.Contains(series, "_messages{") && !strings.Contains(series, string(hostileDesk)) {
				left += n
			}
		}
		return left
	})
}

// expired waits until so many more messages expired.
func (w *worst) expired(before *look, n int) {
	w.Helper()
	w.move(time.Hour)
	sum := func(metrics map[string]float64) (sum float64) {
		for series, n := range metrics {
			if strings.HasPrefix(series, "samband_messages_total") && strings.Contains(series, `outcome="expired"`) {
				sum += n
			}
		}
		return sum
	}
	was := sum(before.metrics)
	w.await("the end of what expired", func() float64 { return float64(n) - (sum(w.metrics()) - was) })
}

// await waits until nothing is left.
func (w *worst) await(what string, left func() float64) {
	w.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Minute); left() > 0; <-tick.C {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain for %s: %.0f are left", what, left())
		}
	}
}

// A look is how it stands with the broker.
type look struct {
	metrics              map[string]float64
	disk, journal, desks int64
}

func (l *look) log() float64 { return l.metrics[`samband_log_size{log="audit"}`] }

func (l *look) heap() float64 { return l.metrics["go_memstats_heap_inuse_bytes"] }

// most takes the larger of each metric.
func (l *look) most(other *look) {
	for series, n := range other.metrics {
		l.metrics[series] = max(l.metrics[series], n)
	}
}

func (w *worst) look() *look {
	data := filepath.Join(w.BrokerDir(), "data")
	nats := used(filepath.Join(data, "nats"))
	return &look{metrics: w.metrics(), disk: used(data) - nats, journal: nats, desks: used(filepath.Join(w.Dir, "desks"))}
}

// used is what a folder takes on its disk for good: not what SQLite writes ahead, which
// it uses again. What is gone while it looks takes nothing.
func used(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "-wal") {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return bytes
}

var metricLine = regexp.MustCompile(`(?m)^([a-z_]+(?:\{[^}]*\})?) (\S+)$`)

// metrics are what Prometheus would scrape.
func (w *worst) metrics() map[string]float64 {
	w.Helper()
	resp := got(http.Get("http://" + w.Exchange.Metrics + "/metrics"))(w)
	defer resp.Body.Close()
	text := got(io.ReadAll(resp.Body))(w)
	all := map[string]float64{}
	for _, m := range metricLine.FindAllSubmatch(text, -1) {
		if n, err := strconv.ParseFloat(string(m[2]), 64); err == nil {
			all[string(m[1])] = n
		}
	}
	return all
}

var codeLabel, kindLabel, quotaLabel = regexp.MustCompile(`code="([^"]+)"`), regexp.MustCompile(`kind="([^"]+)"`), regexp.MustCompile(`quota="([^"]+)"`)

// named says which alert, metric or line of a log named the desk or its party. The
// conditions of alerts are those of deploy/prometheus/alerts.yaml.
func (w *worst) named(before, seen, after *look, said map[string]int) (signs []string) {
	for _, series := range slices.Sorted(maps.Keys(after.metrics)) {
		of, grown := strings.Contains(series, `desk="xx.`), after.metrics[series]-before.metrics[series]
		name, _, _ := strings.Cut(series, "{")
		label := func(r *regexp.Regexp) string { return r.FindStringSubmatch(series)[1] }
		switch {
		case !of && !strings.Contains(series, `party="xx"`):
		case name == "samband_message_rejections_total" && grown > 3 && w.codes.MatchString(label(codeLabel)):
			signs = append(signs, "SuspiciousRejections "+label(codeLabel))
		case name == "samband_message_rejections_total" && grown > 0:
			signs = append(signs, "rejections "+label(codeLabel))
		case name == "samband_quota_used_ratio" && seen.metrics[series] > 0.8:
			signs = append(signs, "DeskNearQuota "+label(quotaLabel))
		case name == "samband_party_quota_used_ratio" && seen.metrics[series] > 0.8:
			signs = append(signs, "PartyNearQuota "+label(quotaLabel))
		case name == "samband_alarm" && grown > 0:
			signs = append(signs, "Alarm "+label(kindLabel))
		case name == "samband_desk_ring_shared_total" && grown > 0:
			signs = append(signs, "RingShared")
		case name == "samband_desk_poll_yields_total" && grown > 0, name == "samband_edge_faults_total" && grown > 0:
			signs = append(signs, strings.TrimSuffix(strings.TrimPrefix(name, "samband_"), "_total"))
		}
	}
	if n := after.metrics["samband_edge_tls_failures_total"] - before.metrics["samband_edge_tls_failures_total"]; n > 0 {
		signs = append(signs, fmt.Sprintf("(edge_tls_failures %.0f)", n))
	}
	now := w.lines()
	for _, line := range slices.Sorted(maps.Keys(now)) {
		if now[line] > said[line] {
			signs = append(signs, "log "+line)
		}
	}
	return signs
}

// lines counts the lines of all logs that name the hostile desk, by their words.
func (w *worst) lines() map[string]int {
	w.Helper()
	count := map[string]int{}
	broker := got(os.ReadFile(w.process.said))(w)
	for _, text := range [][]byte{broker, w.said.bytes()} {
		for line := range bytes.Lines(text) {
			var l struct {
				Msg string `json:"msg"`
			}
			if bytes.Contains(line, []byte(hostileDesk)) && json.Unmarshal(line, &l) == nil {
				count[strconv.Quote(l.Msg)]++
			}
		}
	}
	return count
}

// lines keeps what several desks log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text.Bytes())
}

// end checks that everybody is well after all of it, and that the logs verify.
func (w *worst) end() {
	w.Helper()
	w.drain()
	w.quiet()
	for _, address := range w.honest {
		items := got(w.Desks[address].Outbox(w.Context(), client.Query{}))(w)
		for _, i := range items {
			if i.State != client.HandedOver {
				w.Errorf("%s: message %s stands %s", address, i.ID, i.State)
			}
		}
	}
	w.hostile.client.Close()
	st := got(got(broker.NewClient(w.BrokerDir()))(w).Status(w.Context()))(w)
	if st.Stopped != "" || !st.Accepting {
		w.Errorf("in the end the broker is %+v", st)
	}
	w.must(w.Running.Stop())
	w.must(w.process.stop())
	f := w.hostile.register.Federation()
	log := filepath.Join(w.BrokerDir(), "data", "log")
	got(auditlog.VerifyFolder(os.DirFS(filepath.Join(log, "audit")), f.Audit))(w)
	got(auditlog.VerifyFolder(os.DirFS(filepath.Join(log, "register")), f.Register))(w)
	for _, text := range [][]byte{got(os.ReadFile(w.process.said))(w), w.said.bytes()} {
		for _, fault := range []string{"DATA RACE", "panic", "fatal error: "} {
			if i := bytes.Index(text, []byte(fault)); i >= 0 {
				w.Errorf("a fault:\n%.2000s", text[i:])
			}
		}
	}
	w.Logf("%d honest messages in all, each handed over", w.handed)
}

// newHostile connects a desk that is driven by hand.
func (w *worst) newHostile(address signed.Address) *hostile {
	w.Helper()
	h := &hostile{worst: w, KeyedDesk: w.KeyedDesks[address]}
	h.register = got(register.Replay(append([][]byte{w.Federation()}, w.Entries...)))(w)
	f := h.register.Federation()
	h.client = got(h.Client(w.URL(), f))(w)
	h.audit = (&auditlog.Range{}).Head(f.Audit.Name)
	h.changed = sync.NewCond(&h.mu)
	h.sent = map[string][]*envelope.Envelope{}
	return h
}

// move lets time pass for a process that goes by a clock of the test's, and waits until
// it has.
func (p *process) move(by time.Duration) error {
	if _, err := fmt.Fprintln(p.stdin, by); err != nil {
		return err
	}
	_, err := p.out.ReadString('\n')
	return err
}
