package gatewaytest

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

// A request goes from one desk to another, through every wall.
func TestOneRequest(t *testing.T) {
	x, err := Make(t.TempDir(), Nordic())
	if err != nil {
		t.Fatal(err)
	}
	run, err := x.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := run.Stop(); err != nil {
			t.Error(err)
		}
	}()
	body, err := schema.Samples.ReadFile("testdata/case/01-info-request.json")
	if err != nil {
		t.Fatal(err)
	}
	photo, err := schema.Samples.ReadFile("testdata/case/photo.jpg")
	if err != nil {
		t.Fatal(err)
	}
	from, to := run.Desks["se.spoc"], run.Desks["fi.spoc"]
	sending, err := from.Send(t.Context(), client.Draft{To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Body: body, Urgent: true,
		Attachments: []client.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: photo}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(sending.Messages) != 1 {
		t.Fatalf("sending: %+v", sending)
	}
	id := sending.Messages[0].ID
	err = Await(t.Context(), to, 30*time.Second, func() (bool, error) {
		items, err := to.Inbox(t.Context(), client.Query{})
		return len(items) == 1 && items[0].ID == id && items[0].State == "handed-over", err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = Await(t.Context(), from, 30*time.Second, func() (bool, error) {
		items, err := from.Outbox(t.Context(), client.Query{ID: id})
		return err == nil && items[0].State == "handed-over", err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("several recipients", func(t *testing.T) { toSeveral(t, run) })
}

// toSeveral sends one body to two desks. Openly, they share a conversation and
// each body lists both; confidentially, neither.
func toSeveral(t *testing.T, run *Running) {
	body, err := schema.Samples.ReadFile("testdata/case/05-info-request.fr.json")
	if err != nil {
		t.Fatal(err)
	}
	to := []signed.Address{"fi.spoc", "se.spoc"}
	for _, confidential := range []bool{false, true} {
		sending, err := run.Desks["icpb.command"].Send(t.Context(), client.Draft{
			To: to, Type: "INFO_REQUEST", Body: body, Confidential: confidential})
		if err != nil {
			t.Fatal(err)
		}
		if len(sending.Messages) != 2 || len(sending.Blocked) > 0 {
			t.Fatalf("confidential %v: sent as %+v", confidential, sending)
		}
		var received []*client.Message
		for i, m := range sending.Messages {
			if m.To != to[i] {
				t.Errorf("message %d is to %s", i, m.To)
			}
			at := run.Desks[to[i]]
			err := Await(t.Context(), at, 30*time.Second, func() (bool, error) {
				items, err := at.Inbox(t.Context(), client.Query{})
				return slices.ContainsFunc(items, func(i client.InboxItem) bool { return i.ID == m.ID && i.State == "handed-over" }), err
			})
			if err != nil {
				t.Fatal(err)
			}
			read, err := at.Read(t.Context(), client.Ref{ID: m.ID})
			if err != nil {
				t.Fatal(err)
			}
			received = append(received, read)
		}
		if received[0].ID == received[1].ID {
			t.Errorf("confidential %v: the two have one id", confidential)
		}
		if shared := received[0].Conversation == received[1].Conversation; shared == confidential {
			t.Errorf("confidential %v: one conversation: %v", confidential, shared)
		}
		for _, m := range received {
			var said struct {
				Recipients []signed.Address `json:"recipients"`
			}
			if err := json.Unmarshal(m.Body, &said); err != nil {
				t.Fatal(err)
			}
			if !confidential && !slices.Equal(said.Recipients, to) || confidential && said.Recipients != nil {
				t.Errorf("confidential %v: the body for %s lists %v", confidential, m.To, said.Recipients)
			}
		}
	}
}
