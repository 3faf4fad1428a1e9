package mail_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// patience bounds every wait; a test that needs it has failed.
const patience = 30 * time.Second

// madeIn is a folder of TestMain's.
var madeIn string

// made is Finland and Sweden, a desk each, under an agreement. Each test starts from
// a copy.
var made = sync.OnceValue(func() *gatewaytest.Exchange {
	anywhere := register.Directory{Title: "Yhteyspiste", Functions: []register.Function{"spoc"}, Languages: []string{"fi"},
		Hours: "24/7", Telephone: "+358 295 000 000"}
	return must(gatewaytest.Make(filepath.Join(madeIn, "exchange"), gatewaytest.Plan{
		Name: "nordic.example", Founders: []string{"se"}, Threshold: 1,
		Parties: []gatewaytest.Party{
			{Name: "fi", Title: "Suomi", Desks: []gatewaytest.Desk{{Address: "fi.spoc", Directory: anywhere}}},
			{Name: "se", Title: "Sverige", Desks: []gatewaytest.Desk{{Address: "se.spoc", Directory: anywhere}}},
		},
		Agreements: []gatewaytest.Agreement{{Title: "Police cooperation", Parties: []string{"fi", "se"}, Types: []string{gatewaytest.NextType, "SPONTANEOUS"},
			Purposes: []string{"DETECT_CRIME", "INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, Lasts: 366 * 24 * time.Hour}},
	}))
})

func TestMain(m *testing.M) {
	madeIn = must(os.MkdirTemp("", "samband-mail-test-"))
	code := m.Run()
	os.RemoveAll(madeIn)
	os.Exit(code)
}

// A hall is a true broker, Sweden's desk, and the room of Finland's desk, which the
// test opens and runs itself.
type hall struct {
	*testing.T
	*gatewaytest.Running
	room *mail.Room
	ring *keys.Ring
}

func newHall(t *testing.T) *hall {
	t.Helper()
	x := must(made().Copy(t.TempDir()))
	h := &hall{T: t, Running: x.Still(t.Context()), ring: &keys.Ring{}}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	must(0, h.StartBroker(broker.Config{}))
	must(0, h.EnterAll(t.Context()))
	dir := h.DeskDir("fi.spoc")
	h.ring.Set(must(keys.Unlock(filepath.Join(dir, "keys"), []byte(gatewaytest.Passphrase))))
	client := must(desk.Dial(dir))
	h.room = must(mail.Open(mail.Config{
		Desk: "fi.spoc", Database: filepath.Join(dir, "desk.db"), Bundles: filepath.Join(dir, "catalogue"), Keys: filepath.Join(dir, "keys"), Federation: h.Federation(), Broker: client,
		Online: must(keys.OpenOnlineKeys(filepath.Join(dir, "keys"))), Ring: h.ring, Log: slog.New(slog.DiscardHandler),
		Now: time.Now, Retry: time.Millisecond,
	}))
	t.Cleanup(func() { client.Close(); must(0, h.room.Close()) })
	return h
}

// sends has Sweden's desk send so many messages, and waits until the broker has
// accepted them all.
func (h *hall) sends(n int) (sent []signed.ID) {
	h.Helper()
	se := h.Desks["se.spoc"]
	if se == nil {
		se = must(h.StartDesk("se.spoc", desk.Config{}))
		must(0, se.Unlock(h.Context(), []byte(gatewaytest.Passphrase)))
		must(0, h.CaughtUp("se.spoc"))
	}
	var draft map[string]any
	must(0, json.Unmarshal(must(os.ReadFile("../../../../schema/testdata/case/07-spontaneous.json")), &draft))
	delete(draft, "recipients") // others than Finland
	body := must(json.Marshal(draft))
	for range n {
		s := must(se.Send(h.Context(), client.Draft{To: []signed.Address{"fi.spoc"}, Type: "SPONTANEOUS", Body: body}))
		sent = append(sent, s.Messages[0].ID)
	}
	h.sees(sent, "accepted")
	return sent
}

// sees waits until Sweden's desk has the proof that its messages stand there.
func (h *hall) sees(sent []signed.ID, state client.State) {
	h.Helper()
	se := h.Desks["se.spoc"]
	for _, id := range sent {
		must(0, gatewaytest.Await(h.Context(), se, patience, func() (bool, error) {
			items, err := se.Outbox(h.Context(), client.Query{ID: id})
			return err == nil && items[0].State == state, err
		}))
	}
}

// run has the room work until the test ends.
func (h *hall) run() {
	ctx, cancel := context.WithCancel(h.Context())
	var all sync.WaitGroup
	all.Go(func() { h.room.Run(ctx) })
	h.Cleanup(func() { cancel(); all.Wait() })
}

// row is what the room has of a message; the zero row is none.
func (h *hall) row(id signed.ID) (r store.Row) {
	h.Helper()
	h.room.Store.View(func(tx *store.Tx) (err error) { r, err = tx.Received("se.spoc", id); return err })
	return r
}

// becomes looks at each change of the room until look is true; false: it never was.
func (h *hall) becomes(look func() bool) bool {
	late := time.After(patience)
	for {
		_, changed := h.room.Changed()
		if look() {
			return true
		}
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}

func (h *hall) await(what string, look func() bool) {
	h.Helper()
	if !h.becomes(look) {
		h.Fatalf("never %s", what)
	}
}

// events are what is proven of a message, in the log's order.
func (h *hall) events(id signed.ID) (events []envelope.Event) {
	h.Helper()
	must(0, h.room.Store.View(func(tx *store.Tx) error {
		moments, err := tx.Moments(h.row(id).TextHash)
		for _, m := range moments {
			events = append(events, m.Event)
		}
		return err
	}))
	return events
}
