package gatewaytest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// BenchmarkExchanges tells how many messages an exchange hands over a second, and
// what each takes: from Send at one desk until that desk has the proof that the
// message was handed over at the other. All parties are in this process, on one
// machine: real NATS, TLS, files and databases.
//
//	go test -run '^$' -bench BenchmarkExchanges -benchtime 500x ./gateway/gatewaytest
//
// It reports exch/s, p50-ms and p99-ms of one message, and cpu-ms/exch of all
// parties together. Beside them stand what the disk and JetStream alone do, for
// figures of different machines, or days, can't be compared otherwise.
func BenchmarkExchanges(b *testing.B) {
	pairs := sync.OnceValues(func() (*Exchange, error) { return Make(b.TempDir(), inPairs(4)) })
	for _, p := range []int{1, 4} {
		for _, c := range []int{1, 8, 32, 128} {
			b.Run(fmt.Sprintf("pairs=%d/callers=%d", p, c), func(b *testing.B) {
				benchCallers(b, startPairs(b, got(pairs())(b), p), c)
			})
		}
	}
	b.Run("drain=2000", func(b *testing.B) { benchDrain(b, startPairs(b, got(pairs())(b), 1), api.MaxItems) })
	b.Run("urgent", func(b *testing.B) { benchUrgent(b, startPairs(b, got(pairs())(b), 1), api.MaxItems) })
	b.Run("notice=200", func(b *testing.B) { benchNotice(b, 200) })
	b.Run("baseline/fsync", benchFsync)
	b.Run("baseline/jetstream", func(b *testing.B) { benchJetStream(b, sizeOf(b, got(pairs())(b))) })
}

// inPairs is an exchange of pairs of desks, each desk of a party of its own.
func inPairs(n int) Plan {
	p := Plan{Name: "nordic.example", Founders: []string{"p1", "p2"}, Threshold: 2}
	agreement := Agreement{Title: "Spontaneous information", Types: []string{"SPONTANEOUS"},
		Purposes: []string{"DETECT_CRIME"}, Ceiling: envelope.Unclassified, Lasts: year}
	for i := range 2 * n {
		name := fmt.Sprintf("p%d", i+1)
		p.Parties = append(p.Parties, Party{name, "Party " + name, []Desk{{Address: signed.Address(name + ".spoc"), Directory: anywhere}}})
		agreement.Parties = append(agreement.Parties, name)
	}
	p.Agreements = []Agreement{agreement}
	return p
}

// pair names the sender and the receiver of a pair; the first is 0.
func pair(i int) (from, to signed.Address) {
	return signed.Address(fmt.Sprintf("p%d.spoc", 2*i+1)), signed.Address(fmt.Sprintf("p%d.spoc", 2*i+2))
}

// A field is a copy of the exchange whose first pairs run.
type field struct {
	*Running
	pairs int
}

func startPairs(b *testing.B, x *Exchange, pairs int) *field {
	b.Helper()
	f := &field{startBench(b, got(x.Copy(b.TempDir()))(b)), pairs}
	for i := range pairs {
		from, to := pair(i)
		err := errors.Join(f.startUnlocked(from, desk.Config{}, nil), f.startUnlocked(to, desk.Config{}, nil))
		if err != nil {
			b.Fatal(err)
		}
	}
	return f
}

// startBench runs the broker of an exchange until the benchmark ends.
func startBench(b *testing.B, x *Exchange) *Running {
	b.Helper()
	r := x.Still(context.Background())
	b.Cleanup(func() {
		if err := r.Stop(); err != nil {
			b.Error(err)
		}
	})
	err := r.StartBroker(broker.Config{})
	if err == nil {
		err = x.EnterAll(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// benchCallers has so many callers at each pair's sender, each of whom sends a
// message, waits for the end of that message, and sends the next.
func benchCallers(b *testing.B, f *field, callers int) {
	for i := range f.pairs {
		f.warm(b, i)
	}
	m := begin()
	var all sync.WaitGroup
	turns := make(chan struct{})
	for i := range f.pairs {
		for range callers {
			all.Go(func() {
				for range turns {
					began := time.Now()
					err := f.exchange(b.Context(), i)
					if err != nil {
						b.Error(err)
					}
					m.took(time.Since(began))
				}
			})
		}
	}
	for b.Loop() {
		turns <- struct{}{}
	}
	close(turns)
	all.Wait()
	m.report(b)
}

// warm lets a pair make its connections and fill its caches.
func (f *field) warm(b *testing.B, pair int) {
	b.Helper()
	for range 8 {
		if err := f.exchange(b.Context(), pair); err != nil {
			b.Fatal(err)
		}
	}
}

func (f *field) exchange(ctx context.Context, i int) error {
	from, to := pair(i)
	sending, err := f.Desks[from].Send(ctx, notice(to))
	if err != nil {
		return err
	}
	return handedOver(ctx, f.Desks[from], sending.Messages[0].ID)
}

// handedOver waits until a desk has the proof that its message was handed over.
// How a caller waits for its own message stands here alone.
func handedOver(ctx context.Context, d *desk.Desk, id signed.ID) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	seen, err := d.Wait(ctx, client.Watch{Sent: id})
	if err == nil && seen.Sent.State != client.HandedOver {
		err = fmt.Errorf("message %s stands %s", id, seen.Sent.State)
	}
	return err
}

// notice is a draft with a body of 2 KiB.
func notice(to ...signed.Address) client.Draft {
	return client.Draft{To: to, Type: "SPONTANEOUS", Body: noticeBody()}
}

// noticeBody is made once: to write it is no party's work.
var noticeBody = sync.OnceValue(func() []byte {
	var body map[string]any
	if err := json.Unmarshal(bodyAbout("Viikon havainnot"), &body); err != nil {
		panic(err)
	}
	facts := body["facts"]
	pad := 0
	for {
		body["facts"] = fmt.Sprint(facts, strings.Repeat(" Ei muuta.", pad))
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		if len(b) >= 2<<10 {
			return b
		}
		pad++
	}
})

// benchDrain queues messages at a desk that is unlocked and not at work yet, and
// measures from when it begins to work until it knows that all are handed over.
// The receiver is there all the time. A message's time is counted from the same
// moment.
func benchDrain(b *testing.B, f *field, n int) {
	f.warm(b, 0)
	from, ids := f.queued(b, n)
	var m *measure
	for b.Loop() {
		if m != nil {
			continue // the queue is drained once, whatever -benchtime says
		}
		m = begin()
		f.RunDesk(from)
		for _, id := range ids {
			if err := handedOver(b.Context(), from, id); err != nil {
				b.Fatal(err)
			}
			m.took(time.Since(m.began))
		}
		m.end()
	}
	m.report(b)
}

// queued has the first pair's sender stopped, opened and unlocked, with messages
// queued. It is not at work yet.
func (f *field) queued(b *testing.B, n int) (from *desk.Desk, ids []signed.ID) {
	b.Helper()
	address, to := pair(0)
	if err := f.StopDesk(f.Desks[address]); err != nil {
		b.Fatal(err)
	}
	from = got(f.OpenDesk(address, desk.Config{}))(b)
	if err := from.Unlock(b.Context(), []byte(Passphrase)); err != nil {
		b.Fatal(err)
	}
	for range n {
		ids = append(ids, got(from.Send(b.Context(), notice(to)))(b).Messages[0].ID)
	}
	return from, ids
}

// benchUrgent measures one urgent message at a time, of a desk that just began to
// work: with nothing else to send, and beside a full call of others that are not
// urgent. ratio is the second's median by the first's.
func benchUrgent(b *testing.B, f *field, n int) {
	one := func(m *measure, from *desk.Desk) {
		_, to := pair(0)
		draft := notice(to)
		draft.Urgent = true
		began := time.Now()
		id := got(from.Send(b.Context(), draft))(b).Messages[0].ID
		if err := handedOver(b.Context(), from, id); err != nil {
			b.Fatal(err)
		}
		m.took(time.Since(began))
	}
	f.warm(b, 0)
	// The desk begins to work, with nothing to send but what is urgent, or with a
	// full call of others before it.
	round := func(m *measure, bulk int) {
		from, ids := f.queued(b, bulk)
		f.RunDesk(from)
		one(m, from)
		for _, id := range ids {
			if err := handedOver(b.Context(), from, id); err != nil {
				b.Fatal(err)
			}
		}
	}
	idle, beside := begin(), begin()
	for b.Loop() {
		round(idle, 0)
		round(beside, n)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(idle.ms(50), "idle-p50-ms")
	b.ReportMetric(beside.ms(50), "p50-ms")
	b.ReportMetric(beside.ms(99), "p99-ms")
	b.ReportMetric(beside.ms(50)/idle.ms(50), "ratio")
}

// benchNotice has one desk send one notice to many desks, openly, and measures
// until it knows that all of them have it. The recipients are driven by hand: each
// is a connection of its own that consigns and hands over what comes, as a desk
// does, but opens nothing, checks no body and keeps no database. So the sender and
// the broker are measured whole, and of the recipients their part at the broker
// alone. One notice is as many exchanges as it has recipients.
func benchNotice(b *testing.B, recipients int) {
	p := Plan{Name: "nordic.example", Founders: []string{"icpb"}, Threshold: 1, Parties: []Party{
		{"icpb", "Bureau", []Desk{{Address: "icpb.command", Directory: anywhere}}}, {Name: "fi", Title: "Suomi"},
	}, Agreements: []Agreement{{Title: "Notices", Parties: []string{"icpb", "fi"}, Types: []string{"SPONTANEOUS"},
		Purposes: []string{"DETECT_CRIME"}, Ceiling: envelope.Unclassified, Lasts: year}}}
	var to []signed.Address
	for i := range recipients {
		to = append(to, signed.Address(fmt.Sprintf("fi.d%03d", i)))
		p.Parties[1].Desks = append(p.Parties[1].Desks, Desk{Address: to[i], Directory: anywhere, Keyed: true})
	}
	x := got(Make(b.TempDir(), p))(b)
	r := startBench(b, x)
	if err := r.startUnlocked("icpb.command", desk.Config{}, nil); err != nil {
		b.Fatal(err)
	}
	known := got(register.Replay(append([][]byte{x.Federation()}, x.Entries...)))(b)
	ctx, cancel := context.WithCancelCause(b.Context())
	var all sync.WaitGroup
	for _, h := range x.KeyedDesks {
		// One after another: the broker lets few strangers knock at once.
		c := got(h.connect(ctx, x, known))(b)
		all.Go(func() {
			defer c.Close()
			if err := h.receive(ctx, c, known); err != nil {
				cancel(err)
			}
		})
	}
	from := r.Desks["icpb.command"]
	send := func(m *measure, to []signed.Address) {
		began := time.Now()
		sending := got(from.Send(b.Context(), notice(to...)))(b)
		if len(sending.Messages) != len(to) {
			b.Fatalf("%d recipients are blocked: %+v", len(sending.Blocked), sending.Blocked[0])
		}
		for _, i := range sending.Messages {
			if err := handedOver(ctx, from, i.ID); err != nil {
				b.Fatal(errors.Join(err, context.Cause(ctx)))
			}
			m.took(time.Since(began))
		}
	}
	send(begin(), to[:8]) // to warm up
	m := begin()
	for i := 0; b.Loop(); i++ {
		if i%recipients == 0 {
			send(m, to)
		}
	}
	m.report(b)
	cancel(nil)
	all.Wait()
}

// connect has a desk that is driven by hand ask for its inbox once.
func (h *KeyedDesk) connect(ctx context.Context, x *Exchange, r *register.Register) (*api.Client, error) {
	c, err := h.Client(x.URL(), r.Federation())
	if err != nil {
		return nil, err
	}
	_, err = c.Inbox(ctx, api.Heads{Register: r.Size()}, api.Ask{Limit: 1})
	return c, err
}

// receive hands over whatever comes to a desk that is driven by hand. It claims to
// know nothing of the audit log.
func (h *KeyedDesk) receive(ctx context.Context, c *api.Client, r *register.Register) error {
	audit := (&auditlog.Range{}).Head(r.Federation().Audit.Name)
	heads := api.Heads{Register: r.Size()}
	for {
		a, err := c.Inbox(ctx, heads, api.Ask{Wait: 50 * time.Second, Limit: api.MaxLimit})
		if err != nil {
			return err
		}
		for _, i := range a.Items {
			e, err := envelope.Parse(i.Envelope)
			if err != nil {
				return err
			}
			end, err := h.State(envelope.Statement{Event: envelope.HandedOver, Message: e.TextHash()}, audit, r.Head(), time.Now())
			if err != nil {
				return err
			}
			if _, err := StateOne(ctx, c, heads, end); err != nil {
				return err
			}
		}
	}
}

// benchFsync is the disk alone: 4 KiB appended to a file and synced, one at a time.
func benchFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4<<10)
	rand.Read(page)
	m := begin()
	for b.Loop() {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		m.took(time.Since(began))
	}
	m.report(b)
}

// benchJetStream is JetStream alone, at the broker's sync setting: 32 publishers,
// each message of an envelope's size a synchronous publish of its own.
func benchJetStream(b *testing.B, size int) {
	srv, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, JetStream: true, StoreDir: b.TempDir(),
		SyncAlways: true, DisableJetStreamBanner: true})
	if err != nil {
		b.Fatal(err)
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	js := got(jetstream.New(conn))(b)
	_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: jetstream.FileStorage})
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, size)
	rand.Read(data)
	m := begin()
	var all sync.WaitGroup
	turns := make(chan struct{})
	for range 32 {
		all.Go(func() {
			for range turns {
				began := time.Now()
				if _, err := js.Publish(b.Context(), "s", data); err != nil {
					b.Error(err)
				}
				m.took(time.Since(began))
			}
		})
	}
	for b.Loop() {
		turns <- struct{}{}
	}
	close(turns)
	all.Wait()
	m.report(b)
}

// sizeOf is the size of the envelope of a message of these benchmarks.
func sizeOf(b *testing.B, x *Exchange) int {
	b.Helper()
	from, to := pair(0)
	r := got(register.Replay(append([][]byte{x.Federation()}, x.Entries...)))(b)
	h := got(NewKeyedDesk(r.Exchange(), from))(b)
	header := got(h.Header(r.Now(), (&auditlog.Range{}).Head(r.Federation().Audit.Name), to, "SPONTANEOUS", time.Now()))(b)
	return len(got(h.Seal(r.Now(), header, notice(to).Body))(b).Bytes())
}

// A measure counts exchanges, their times, and what the whole process spends.
type measure struct {
	began   time.Time
	cpu     time.Duration // spent before it began
	elapsed time.Duration

	mu    sync.Mutex
	times []time.Duration
}

func begin() *measure { return &measure{began: time.Now(), cpu: cpu()} }

func (m *measure) took(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times = append(m.times, d)
}

// end stops the watch; report does it if nobody has.
func (m *measure) end() {
	if m.elapsed == 0 {
		m.elapsed, m.cpu = time.Since(m.began), cpu()-m.cpu
	}
}

func (m *measure) report(b *testing.B) {
	m.end()
	n := float64(len(m.times))
	b.ReportMetric(0, "ns/op") // counts turns of the loop
	b.ReportMetric(n/m.elapsed.Seconds(), "exch/s")
	b.ReportMetric(m.ms(50), "p50-ms")
	b.ReportMetric(m.ms(99), "p99-ms")
	b.ReportMetric(ms(m.cpu)/n, "cpu-ms/exch")
}

// ms is the time, in milliseconds, within which so many of 100 exchanges were done.
func (m *measure) ms(percent int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.times)
	return ms(m.times[len(m.times)*percent/100])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// cpu is what this process has spent, in user and system mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
