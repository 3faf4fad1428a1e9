package desk_test

import (
	"encoding/json"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// about is a piece of information on one person, by this name.
func about(t *testing.T, subject, name string) client.Draft {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(body(t, "07-spontaneous.json"), &members); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"vehicles", "identity_documents", "organisations", "locations", "communications", "relations", "attachments", "recipients"} {
		delete(members, other)
	}
	members["subject"], members["purpose"] = subject, "INVESTIGATE_CRIME"
	members["persons"] = json.RawMessage(`[{"id": "P1", "category": "SUSPECT", "identities": [{"kind": "PRESUMED",
		"names": [{"kind": "PRIMARY", "full": "` + name + `"}], "birth_date": "1979-03-02"}]}]`)
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return client.Draft{To: []signed.Address{"fi.spoc"}, Type: "SPONTANEOUS", Body: b}
}

// handedOver sends a draft and waits until its receiver has it.
func handedOver(t *testing.T, from *desk.Desk, draft client.Draft) client.Ref {
	t.Helper()
	id := send(t, from, draft)
	awaitOut(t, from, id, "handed-over")
	return client.Ref{From: "se.spoc", ID: id}
}

// Whom a message is about is compared with all that a desk has opened, what it sent and
// what it received, in whatever spelling: after each unlock anew, not after an erasure,
// and nothing of it lies on the disk.
func TestSeenBefore(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	first := handedOver(t, se, about(t, "The first", "Xhevdet Kryeziu-Qwertz"))
	second := handedOver(t, se, about(t, "The second", "XHEVDET KRYEZIU QWERTZ"))
	stranger := handedOver(t, se, about(t, "A stranger", "Jaana Virtanen"))

	before := func(d *desk.Desk, m client.Ref, want ...client.Ref) {
		t.Helper()
		read, err := d.Read(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.SeenBefore) != len(want) {
			t.Fatalf("%s: seen before %+v, want %v", d.Address(), read.SeenBefore, want)
		}
		for i, b := range read.SeenBefore {
			if b.Message != want[i] || !b.Certain || b.Path != "/persons/0" || b.Kind != "NOMINAL" || b.Subject == "" || b.Accepted.IsZero() {
				t.Errorf("%s: seen before %+v, want %v", d.Address(), b, want[i])
			}
		}
	}
	before(fi, second, first)
	before(fi, first, second)
	before(fi, stranger)
	before(se, second, first)

	if err := fi.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := fi.Read(ctx, first); problem.CodeOf(err) != problem.DeskLocked {
		t.Fatalf("a locked desk shows a message: %v", err)
	}
	s.unlock(fi)
	before(fi, second, first)

	if err := fi.Erase(ctx, first); err != nil {
		t.Fatal(err)
	}
	before(fi, second)
	before(se, second, first)

	for _, name := range []string{"Xhevdet", "XHEVDET", "KRYEZIU", "kryeziu"} {
		if s.onDisk("fi.spoc", []byte(name)) || s.onDisk("se.spoc", []byte(name)) {
			t.Errorf("%q stands on the disk", name)
		}
	}
}
