package gatewaytest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A counted broker counts the calls that bring messages.
type counted struct {
	*api.Client
	submits atomic.Int64
}

func (c *counted) Submit(ctx context.Context, heads api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	c.submits.Add(1)
	return c.Client.Submit(ctx, heads, envelopes)
}

// A desk that has used up its quota keeps what is left, shows why, and goes on saying
// what became of others' messages; once there is room the rest goes.
func TestQueueWaitsForItsQuota(t *testing.T) {
	x := got(Make(t.TempDir(), Nordic()))(t)
	path := filepath.Join(x.BrokerDir(), "broker.yaml")
	settings := string(got(os.ReadFile(path))(t))
	limited := strings.Replace(settings, "quotas: {}", "quotas: {messages: 2, messages-a-second: 1}", 1)
	if limited == settings {
		t.Fatal("the settings have quotas already")
	}
	if err := os.WriteFile(path, []byte(limited), 0o644); err != nil {
		t.Fatal(err)
	}
	clock := NewClock(time.Now())
	run := x.Still(t.Context())
	defer func() {
		if err := run.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := run.StartBroker(broker.Config{Clock: clock}); err != nil {
		t.Fatal(err)
	}
	if err := x.EnterAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := map[signed.Address]*counted{}
	for _, address := range []signed.Address{"se.spoc", "fi.spoc"} {
		if err := run.startUnlocked(address, desk.Config{Now: clock.Wall}, func(_ signed.Address, c *api.Client) desk.Broker {
			calls[address] = &counted{Client: c}
			return calls[address]
		}); err != nil {
			t.Fatal(err)
		}
	}
	se, fi := run.Desks["se.spoc"], run.Desks["fi.spoc"]
	body := got(schema.Samples.ReadFile("testdata/case/01-info-request.json"))(t)
	photo := got(schema.Samples.ReadFile("testdata/case/photo.jpg"))(t)
	send := func(from *desk.Desk, to signed.Address) {
		t.Helper()
		got(from.Send(t.Context(), client.Draft{To: []signed.Address{to}, Type: "INFO_REQUEST", Body: body, Urgent: true,
			Attachments: []client.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: photo}}}))(t)
	}
	// outbox waits until so many of a desk's messages are handed over and so many at least
	// wait for the quota.
	outbox := func(of *desk.Desk, handed, wait int) {
		t.Helper()
		var items []client.OutboxItem
		err := Await(t.Context(), of, 30*time.Second, func() (_ bool, err error) {
			items, err = of.Outbox(t.Context(), client.Query{})
			count := func(is func(client.OutboxItem) bool) (n int) {
				for _, i := range items {
					if is(i) {
						n++
					}
				}
				return n
			}
			return count(func(i client.OutboxItem) bool { return i.State == client.HandedOver }) == handed &&
				count(func(i client.OutboxItem) bool {
					return i.State == client.Queued && i.Problem != nil && i.Problem.Code == problem.QuotaExhausted &&
						strings.Contains(fmt.Sprint(i.Problem.Detail), "se.spoc used up the quota")
				}) >= wait, err
		})
		if err != nil {
			t.Fatalf("%v: %+v", err, items)
		}
	}
	for range 4 {
		send(se, "fi.spoc")
	}
	outbox(se, 2, 2)
	send(fi, "se.spoc")
	outbox(fi, 1, 0)
	before, began := calls["se.spoc"].submits.Load(), time.Now()
	for range 10 {
		send(se, "fi.spoc")
	}
	outbox(se, 2, 2)
	if n, took := calls["se.spoc"].submits.Load()-before, time.Since(began); float64(n) > 2+took.Seconds() {
		t.Errorf("told to wait a second, the desk called %d times in %s", n, took)
	}
	clock.Move(time.Minute)
	outbox(se, 4, 10)
}
