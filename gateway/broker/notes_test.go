package broker_test

import (
	"testing"

	"samband/gateway/envelope"
)

// No group stays in JOURNAL for the notes of its statements, though the sender
// believes no consignment and no end without them: it gets them from the records,
// whenever it comes.
func TestNoteOutlivesItsGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	taken, refused, withdrawn, never := se.envelope("fi.spoc"), se.envelope("fi.spoc"), se.envelope("fi.spoc"), se.envelope("fi.spoc")
	for _, e := range []*envelope.Envelope{taken, refused, withdrawn} {
		se.accepted(e)
	}
	stated := []struct {
		event envelope.Event
		by    *keyedDesk
		note  []byte
	}{
		{envelope.Consigned, fi, fi.consignment(taken.TextHash())},
		{envelope.HandedOver, fi, fi.statement(envelope.HandedOver, taken)},
		{envelope.Refused, fi, fi.statement(envelope.Refused, refused)},
		{envelope.Withdrawn, se, se.statement(envelope.Withdrawn, withdrawn)},
		{envelope.Withdrawn, se, se.statement(envelope.Withdrawn, never)},
	}
	for _, s := range stated {
		s.by.stated(s.note)
		w.untilRemoved(b) // each has a group of its own
	}

	items := se.progress(0, 0).Items
	if len(items) != len(stated) {
		t.Fatalf("the sender hears of %d statements, not %d", len(items), len(stated))
	}
	for i, s := range stated {
		if f := items[i].LoggedEvent; f.Event != s.event || string(f.Note) != string(s.note) {
			t.Errorf("statement %d is %s with note %q, not %s with %q", i, f.Event, f.Note, s.event, s.note)
		}
	}
	if again := se.accepted(taken); string(again.Consigned.Note) != string(stated[0].note) || string(again.End.Note) != string(stated[1].note) {
		t.Errorf("a repeat is told %+v and %+v", again.Consigned, again.End)
	}
}
