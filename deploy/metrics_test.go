package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// A series is one line that a program shows to Prometheus, without its value.
type series struct {
	metric string
	labels map[string]string
}

var (
	line  = regexp.MustCompile(`(?m)^(samband_[a-z0-9_]+)(?:\{(.*)\})? `)
	label = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
)

func parseSeries(text string) (all []series) {
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		s := series{m[1], map[string]string{}}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			s.labels[l[1]] = l[2]
		}
		all = append(all, s)
	}
	return all
}

// scrape asks as Prometheus does.
func scrape(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape %s: %s: %v", address, resp.Status, err)
	}
	return string(b)
}

// An exchange in which something of everything happened: one message waits, one
// is consigned and not opened, one call was refused. Finland is driven by hand,
// and Norway's liaison officer never came.
func watched(t *testing.T) (brokerMetrics, deskMetrics string) {
	t.Helper()
	plan := gatewaytest.Nordic()
	for i := range plan.Parties {
		if name := plan.Parties[i].Name; name == "fi" || name == "no" {
			plan.Parties[i].Desks[0].Keyed = true
		}
	}
	x, err := gatewaytest.Make(t.TempDir(), plan)
	if err != nil {
		t.Fatal(err)
	}
	deskAddress := serveDeskMetrics(t, x.DeskDir("se.spoc")+"/desk.yaml")
	run, err := x.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := run.Stop(); err != nil {
			t.Error(err)
		}
	}()
	send(t, run.Desks["se.spoc"], 2)
	consignOne(t, run)
	awaitProgress(t, run.Desks["se.spoc"])
	return scrape(t, run.Metrics), scrape(t, deskAddress)
}

// serveDeskMetrics has a desk serve its metrics, and says where.
func serveDeskMetrics(t *testing.T, path string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	settings := read(t, path)
	with := strings.Replace(settings, `metrics: ""`, fmt.Sprintf("metrics: %q", ln.Addr()), 1)
	if with == settings {
		t.Fatalf("%s: metrics are set already", path)
	}
	write(t, path, with)
	return ln.Addr().String()
}

// send puts requests to Finland through the broker.
func send(t *testing.T, se *desk.Desk, count int) {
	t.Helper()
	body, err := schema.Samples.ReadFile("testdata/case/01-info-request.json")
	if err != nil {
		t.Fatal(err)
	}
	photo, err := schema.Samples.ReadFile("testdata/case/photo.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for range count {
		_, err := se.Send(t.Context(), client.Draft{
			To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Body: body, Urgent: true,
			Attachments: []client.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: photo}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	await(t, se, "accepted", count)
}

func awaitProgress(t *testing.T, se *desk.Desk) { await(t, se, "consigned", 1) }

func await(t *testing.T, d *desk.Desk, state string, count int) {
	t.Helper()
	err := gatewaytest.Await(t.Context(), d, 30*time.Second, func() (bool, error) {
		items, err := d.Outbox(t.Context(), client.Query{})
		there := 0
		for _, i := range items {
			if string(i.State) == state {
				there++
			}
		}
		return there == count, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// consignOne states for Finland that it keeps the first message, and then what no
// broker takes.
func consignOne(t *testing.T, run *gatewaytest.Running) {
	t.Helper()
	fi := run.KeyedDesks["fi.spoc"]
	fed, err := register.ParseFederation(run.Federation())
	if err != nil {
		t.Fatal(err)
	}
	client, err := fi.Client(run.URL(), fed)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	inbox, err := client.Inbox(t.Context(), api.Heads{}, api.Ask{Limit: 1})
	if err != nil || len(inbox.Items) != 1 {
		t.Fatalf("inbox: %+v, %v", inbox, err)
	}
	e, err := envelope.Parse(inbox.Items[0].Envelope)
	if err != nil {
		t.Fatal(err)
	}
	now := run.Broker.Started()
	note, err := fi.Consign(e.TextHash(), now.Audit, now.Register, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gatewaytest.StateOne(t.Context(), client, api.Heads{}, note); err != nil {
		t.Fatal(err)
	}
	if _, err := gatewaytest.SubmitOne(t.Context(), client, api.Heads{}, []byte("no envelope")); problem.CodeOf(err) == "" {
		t.Fatalf("the broker takes anything: %v", err)
	}
}

// given are labels that Prometheus itself puts on every series it scrapes, or
// that scrape.yaml gives to a desk's.
var given = []string{"instance", "job", "desk", "alertname", "alertstate", "severity", "scope"}

// Every metric that these files speak of is one that broker or desk shows, with
// the labels that they ask for: rename one, and this fails.
func TestMetrics(t *testing.T) {
	brokerText, deskText := watched(t)
	shown := parseSeries(brokerText + deskText)
	t.Run("asked for by alerts", func(t *testing.T) {
		for _, a := range alerts(t) {
			for _, q := range questions(a.Expr) {
				if err := q.answered(shown); err != nil {
					t.Errorf("%s asks for %v", a.Alert, err)
				}
			}
		}
	})
	t.Run("spoken of", func(t *testing.T) {
		for _, path := range []string{"RUNBOOK.md", "prometheus/alerts_test.yaml"} {
			for _, q := range questions(read(t, path)) {
				if err := q.known(shown); err != nil {
					t.Errorf("%s speaks of %v", path, err)
				}
			}
		}
	})
	t.Run("named as Prometheus wants", func(t *testing.T) {
		lint(t, brokerText)
		lint(t, deskText)
	})
	// Which bureau is dark? The one that nobody has seen since the broker started
	// is no exception.
	t.Run("of a desk that never came", func(t *testing.T) {
		dark := question{"samband_desk_connected", map[string]string{"desk": regexp.QuoteMeta("no.liaison-ankara")}}
		if err := dark.answered(shown); err != nil {
			t.Errorf("DeskDark can't see it: there is no %v", err)
		}
	})
}

// lint checks metrics against Prometheus' own rules for names and helps.
func lint(t *testing.T, text string) {
	t.Helper()
	faults, err := promlint.New(bytes.NewBufferString(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		if strings.HasPrefix(f.Metric, "samband_") {
			t.Errorf("%s: %s", f.Metric, f.Text)
		}
	}
}

// answered reports what keeps a question from any answer. Codes need not have
// occurred, but must be in the closed list.
func (q question) answered(shown []series) error {
	if err := q.known(shown); err != nil {
		return err
	}
	for name, want := range q.labels {
		if name == "code" {
			if err := codes(want); err != nil {
				return err
			}
			continue
		}
		value := regexp.MustCompile("^(?:" + want + ")$")
		if !slices.ContainsFunc(shown, func(s series) bool { return s.metric == q.metric && value.MatchString(s.labels[name]) }) {
			return fmt.Errorf("%s with %s=%q, which no series has", q.metric, name, want)
		}
	}
	return nil
}

// known reports whether the metric is there, with labels of these names.
func (q question) known(shown []series) error {
	for _, s := range shown {
		if s.metric != q.metric {
			continue
		}
		for name := range q.labels {
			if _, ok := s.labels[name]; !ok && !slices.Contains(given, name) {
				return fmt.Errorf("%s by %s, a label that it doesn't have", q.metric, name)
			}
		}
		return nil
	}
	return fmt.Errorf("%s, which neither broker nor desk shows", q.metric)
}

// codes checks that each alternative is a code of the closed list, or a beginning
// of some.
func codes(alternatives string) error {
	for _, a := range strings.Split(alternatives, "|") {
		pattern := regexp.MustCompile("^(?:" + a + ")$")
		if !slices.ContainsFunc(problem.List(), func(e problem.Entry) bool { return pattern.MatchString(string(e.Code)) }) {
			return fmt.Errorf("the code %s, which is none", a)
		}
	}
	return nil
}
