package sequencer

import (
	"testing"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// What a later group changed stays when an earlier one is dropped.
func TestOverlay(t *testing.T) {
	o := newOverlay()
	id, text := signed.NewID(), signed.HashOf("m")
	first := &journal.Message{From: "se.spoc", ID: id, Text: text, Accepted: &journal.Event{Leaf: 1}}
	second := &journal.Message{From: "se.spoc", ID: id, Text: text, Accepted: &journal.Event{Leaf: 1}, End: &journal.Event{Leaf: 2}}
	withdrawn := &journal.Message{From: "se.spoc", ID: signed.NewID(), End: &journal.Event{Leaf: 3}}
	k := key{"se.spoc", id}
	changes := func(m *journal.Message) delta {
		d := newDelta()
		d.messages[key{m.From, m.ID}] = m
		return d
	}
	o.add(1, changes(first))
	o.add(2, changes(second))
	o.add(3, changes(withdrawn))
	o.drop(1, changes(first))
	if o.known(k) != second || o.message(text) != second {
		t.Error("the later group's change is gone")
	}
	if o.message(signed.Hash{}) != nil {
		t.Error("the zero hash finds a message")
	}
	o.drop(2, changes(second))
	if o.known(k) != nil || o.message(text) != nil {
		t.Error("an applied change is still there")
	}
	o.drop(3, changes(withdrawn))
	if len(o.messages)+len(o.texts) != 0 {
		t.Error("the overlay keeps what the index has")
	}
	if o.reaches(2) || !o.reaches(3) {
		t.Error("the overlay reaches as far as group 3, and says otherwise")
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for n := range uint64(100) {
		c.put(&journal.Group{Number: n}, cacheBytes/10)
	}
	if c.bytes > cacheBytes || len(c.groups) != 10 || c.get(99) == nil || c.get(0) != nil {
		t.Errorf("%d bytes in %d groups", c.bytes, len(c.groups))
	}
	c.drop(99)
	c.drop(99)
	if c.get(99) != nil || c.bytes != 9*(cacheBytes/10) {
		t.Errorf("%d bytes after a drop", c.bytes)
	}
}
