package broker_test

import (
	"testing"

	"samband/gateway/api"
	"samband/gateway/envelope"
)

// Whoever holds a certificate of the sender may ask its progress from beyond what
// the sender has read, and the broker lets the group of the end go. The sender
// still gets the statement: it believes no end without it.
func TestNoteOutlivesItsGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	note := fi.statement(envelope.HandedOver, e)
	r := fi.stated(note)
	se.progress(api.Past(r.Index), 0) // the thief
	w.untilRemoved(b)
	items := se.progress(0, 0).Items
	if len(items) != 1 || string(items[0].Note) != string(note) {
		t.Errorf("the sender hears %+v", items)
	}
	if again := se.accepted(e); again.End == nil || string(again.End.Note) != string(note) {
		t.Errorf("a repeat is told %+v", again.End)
	}
}
