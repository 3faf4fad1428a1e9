package gatewaytest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
	"samband/gateway/signed"
)

var rowsOfHits = flag.Int("hitrows", 10_000, "rows that BenchmarkHits searches")

// BenchmarkHits tells how many queries a desk answers by machine a second, and what each
// takes, while four desks ask it: from Send at the asking desk until the log has that
// desk's word that the reply was handed over. Two messages cross the exchange for each
// query.
//
//	go test -run '^$' -bench BenchmarkHits -benchtime 2000x -timeout 30m ./gateway/gatewaytest -hitrows 1000000
//
// In the same run as many plain messages go the same way from as many callers: plain-exch/s
// and plain-p50-ms. ratio is how many plain messages there were for each query.
func BenchmarkHits(b *testing.B) {
	x := got(Make(b.TempDir(), oneForMany(4)))(b)
	answering := x.Plan.Parties[0].Desks[0].Address
	fillHits(b, filepath.Join(x.DeskDir(answering), "hits.db"), *rowsOfHits)
	allowHits(b, x.DeskDir(answering))
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("rows=%d/askers=4/callers=%d", *rowsOfHits, callers), func(b *testing.B) {
			benchHits(b, got(x.Copy(b.TempDir()))(b), answering, callers)
		})
	}
}

// oneForMany is an exchange of a desk that is asked, and so many that ask it.
func oneForMany(askers int) Plan {
	p := inPairs(1)
	p.Parties, p.Agreements[0].Parties = nil, nil
	p.Agreements[0].Types = append(p.Agreements[0].Types, "HIT_QUERY", "HIT_RESULT")
	for i := range askers + 1 {
		name := fmt.Sprintf("p%d", i+1)
		p.Parties = append(p.Parties, Party{name, "Party " + name, []Desk{{Address: signed.Address(name + ".spoc"), Directory: anywhere}}})
		p.Agreements[0].Parties = append(p.Agreements[0].Parties, name)
	}
	return p
}

// plateOf is the plate of a row: three letters and three digits.
func plateOf(row int) string {
	letters := []byte{'A' + byte(row/1000/676%26), 'A' + byte(row/1000/26%26), 'A' + byte(row/1000%26)}
	return fmt.Sprintf("%s%03d", letters, row%1000)
}

func fillHits(b *testing.B, path string, rows int) {
	b.Helper()
	began := time.Now()
	read, write := io.Pipe()
	go func() {
		_, err := io.WriteString(write, "reference,plate,plate_country,vin\n")
		for i := 0; i < rows && err == nil; i++ {
			_, err = fmt.Fprintf(write, "P1-V-%07d,%s,FIN,YV1LW5502T2%06d\n", i, plateOf(i), i)
		}
		write.CloseWithError(err)
	}()
	got(table.Import(b.Context(), path, hit.Vehicle, read, table.Options{}))(b)
	b.Logf("%d rows imported in %s", rows, time.Since(began).Round(time.Second/10))
}

// allowHits sets the highest limit: 100 queries a second of each desk, and 6,000 at once.
func allowHits(b *testing.B, deskDir string) {
	b.Helper()
	path := filepath.Join(deskDir, "desk.yaml")
	settings := string(got(os.ReadFile(path))(b))
	settings = strings.NewReplacer("queries_per_minute: 60", "queries_per_minute: 6000", "burst: 20", "burst: 6000").Replace(settings)
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		b.Fatal(err)
	}
}

func benchHits(b *testing.B, x *Exchange, answering signed.Address, callers int) {
	r := x.Still(context.Background())
	b.Cleanup(func() {
		if err := r.Stop(); err != nil {
			b.Error(err)
		}
	})
	if err := r.StartBroker(broker.Config{}); err != nil {
		b.Fatal(err)
	}
	if err := x.EnterAll(b.Context()); err != nil {
		b.Fatal(err)
	}
	watch := &replies{handed: map[signed.Hash]chan struct{}{}, answers: map[signed.Hash]signed.Hash{}}
	for _, p := range x.Plan.Parties {
		if err := r.startUnlocked(p.Desks[0].Address, desk.Config{}, watch.tap); err != nil {
			b.Fatal(err)
		}
	}
	plain := func(ctx context.Context, from *desk.Desk, _ int) error {
		sending, err := from.Send(ctx, notice(answering))
		if err != nil {
			return err
		}
		return handedOver(ctx, from, sending.Messages[0].ID)
	}
	query := func(ctx context.Context, from *desk.Desk, turn int) error {
		sending, err := from.Send(ctx, plateQuery(answering, plateOf(turn*7919%(2*(*rowsOfHits)))))
		if err != nil {
			return err
		}
		select {
		case <-watch.of(sending.Messages[0].Message):
			return nil
		case <-time.After(time.Minute):
			return fmt.Errorf("query %s got no reply", sending.Messages[0].ID)
		}
	}
	phase := func(n int, do func(context.Context, *desk.Desk, int) error) *measure {
		m := begin()
		var all sync.WaitGroup
		turns := make(chan int)
		for _, p := range x.Plan.Parties[1:] {
			for range callers {
				all.Go(func() {
					for turn := range turns {
						began := time.Now()
						if err := do(b.Context(), r.Desks[p.Desks[0].Address], turn); err != nil {
							b.Error(err)
						}
						m.took(time.Since(began))
					}
				})
			}
		}
		for i := range n {
			turns <- i
		}
		close(turns)
		all.Wait()
		m.end()
		return m
	}
	phase(8*4, plain)
	phase(8*4, query)
	b.ResetTimer()
	exchanges := phase(b.N, plain)
	queries := phase(b.N, query)
	b.ReportMetric(0, "ns/op")
	rate := func(m *measure) float64 { return float64(len(m.times)) / m.elapsed.Seconds() }
	b.ReportMetric(rate(queries), "queries/s")
	b.ReportMetric(queries.ms(50), "p50-ms")
	b.ReportMetric(queries.ms(99), "p99-ms")
	b.ReportMetric(ms(queries.cpu)/float64(len(queries.times)), "cpu-ms/query")
	b.ReportMetric(rate(exchanges), "plain-exch/s")
	b.ReportMetric(exchanges.ms(50), "plain-p50-ms")
	b.ReportMetric(exchanges.ms(99), "plain-p99-ms")
	b.ReportMetric(ms(exchanges.cpu)/float64(len(exchanges.times)), "plain-cpu-ms/exch")
	b.ReportMetric(rate(exchanges)/rate(queries), "ratio")
}

// plateQuery is a draft of a query about a plate.
func plateQuery(to signed.Address, plate string) client.Draft {
	body, err := json.Marshal(map[string]any{
		"our_reference": "P-2026-118", "subject": "Vehicle at a road check", "language": "en",
		"legal_basis": []any{map[string]string{"code": "PRUM_II"}}, "purpose": "DETECT_CRIME",
		"handling": []any{map[string]string{"code": "H0"}}, "dataset": hit.Vehicle,
		"vehicle": map[string]string{"plate": plate, "plate_country": "FIN"}, "reason": "Seen leaving a burglary in the night.",
	})
	if err != nil {
		panic(err)
	}
	return client.Draft{To: []signed.Address{to}, Type: "HIT_QUERY", Body: body}
}

// replies learn, from what desks and broker say to each other, when the reply to a message
// was handed over.
type replies struct {
	mu      sync.Mutex
	handed  map[signed.Hash]chan struct{} // by the message that is answered
	answers map[signed.Hash]signed.Hash   // by the reply: what it answers
}

// of is closed once the reply to a message was handed over.
func (r *replies) of(message signed.Hash) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handed[message] == nil {
		r.handed[message] = make(chan struct{})
	}
	return r.handed[message]
}

func (r *replies) tap(_ signed.Address, c *api.Client) desk.Broker { return tapped{c, r} }

type tapped struct {
	*api.Client
	replies *replies
}

func (t tapped) Inbox(ctx context.Context, heads api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	a, err := t.Client.Inbox(ctx, heads, ask)
	if err != nil {
		return nil, err
	}
	t.replies.mu.Lock()
	defer t.replies.mu.Unlock()
	for _, i := range a.Items {
		if e, err := envelope.Parse(i.Envelope); err == nil && !e.InReplyTo.IsZero() {
			t.replies.answers[e.TextHash()] = e.InReplyTo
		}
	}
	return a, nil
}

func (t tapped) State(ctx context.Context, heads api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	a, err := t.Client.State(ctx, heads, notes)
	if err != nil {
		return nil, err
	}
	for i, b := range notes {
		n, err := signed.ParseNote(b)
		if err != nil || a.Items[i].Refusal() != nil {
			continue
		}
		s, err := envelope.ParseStatement(n.Text)
		if err != nil || s.Event != envelope.HandedOver {
			continue
		}
		t.replies.mu.Lock()
		message, isReply := t.replies.answers[s.Message]
		delete(t.replies.answers, s.Message) // a statement may be made twice
		t.replies.mu.Unlock()
		if isReply {
			close(t.replies.of(message))
		}
	}
	return a, nil
}
