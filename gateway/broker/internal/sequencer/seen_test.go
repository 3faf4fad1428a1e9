package sequencer

import (
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// A group is seen once its ids are found, and not when its checkpoint is signed:
// who asks in between would take an id of it for unknown.
func TestSeenIsFound(t *testing.T) {
	keys, err := signed.GenerateKeys("nordic.example/audit", signed.UseCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	log, err := tree.Open(t.TempDir(), keys[0].Public)
	if err != nil {
		t.Fatal(err)
	}
	s := &Sequencer{cfg: Config{AuditKey: keys[0], RegisterKey: keys[0]}, tree: log, registerTree: log, over: newOverlay()}
	d := &groupDraft{group: journal.Group{Number: 1}, audit: &auditlog.Range{}, register: &auditlog.Range{}, changed: newDelta()}
	k := key{"se.spoc", signed.NewID()}
	d.changed.messages[k] = &journal.Message{From: k.from, ID: k.id}
	if err := s.grow(d); err != nil {
		t.Fatal(err)
	}
	if s.Seen() == 1 && s.over.known(k) == nil {
		t.Error("group 1 is seen, and its id is unknown")
	}
	s.over.add(1, d.changed)
	if s.Seen() != 1 || s.over.known(k) == nil {
		t.Errorf("seen are %d groups; the id is %v", s.Seen(), s.over.known(k))
	}
}
