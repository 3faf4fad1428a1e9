package gatewaytest

import (
	"testing"
	"time"

	"samband/gateway/desk"
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
	sending, err := from.Send(t.Context(), desk.Draft{To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Body: body, Urgent: true,
		Attachments: []desk.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: photo}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(sending.Messages) != 1 {
		t.Fatalf("sending: %+v", sending)
	}
	id := sending.Messages[0].ID
	err = Await(t.Context(), to, 30*time.Second, func() (bool, error) {
		items, err := to.Inbox(t.Context(), desk.Query{})
		return len(items) == 1 && items[0].ID == id && items[0].State == "handed-over", err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = Await(t.Context(), from, 30*time.Second, func() (bool, error) {
		items, err := from.Outbox(t.Context(), desk.Query{ID: id})
		return err == nil && items[0].State == "handed-over", err
	})
	if err != nil {
		t.Fatal(err)
	}
}
