package desk_test

import (
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A broker that keeps two logs under one key is found out by the first text that
// crosses between desks that were shown different ones.

// fork is the same exchange at a second edge, under the same keys, whose log
// begins otherwise.
func (s *stage) fork() *stage {
	fork := s.newEdge()
	fork.set(func() {
		for range 9 {
			fork.record(auditlog.Record{Kind: auditlog.Refusals, Caller: "fi.spoc", Count: 1}, 1)
		}
	})
	other := *s
	other.edge = fork
	return &other
}

// carry accepts a message of the other history in this one.
func (s *stage) carry(other *stage, id signed.ID) {
	var b []byte
	other.edge.set(func() { b = other.edge.byID("se.spoc", id).bytes })
	s.edge.set(func() { must(s.edge.accept(b, s.edge.register.Size())) })
}

// Sweden and Finland are shown two histories. What Sweden had verified when it
// wrote is no prefix of what Finland sees.
func TestHistoryOfTheSender(t *testing.T) {
	s := newLie(t)
	fork := s.fork()
	se := s.unlocked("se.spoc")
	s.ready(se)
	awaitOut(t, se, send(t, se, request(t)), "accepted") // Sweden knows a log with an entry
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	fi := fork.unlocked("fi.spoc")
	fork.carry(s, id)
	awaitEvidence(t, fi, "LOG_CONTRADICTS")
	fork.edge.set(func() {
		if m := fork.edge.byID("se.spoc", id); m.consigned != nil || m.end != nil {
			t.Error("Finland consigned a message from another history")
		}
	})
}

// Sweden wrote before it knew an entry, so nothing in its message tells; the
// answer does.
func TestHistoryOfTheRecipient(t *testing.T) {
	s := newLie(t)
	fork := s.fork()
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi := fork.unlocked("fi.spoc")
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	fork.carry(s, id)
	awaitIn(t, fi, id, "handed-over")
	var note []byte
	fork.edge.set(func() { note = fork.edge.byID("se.spoc", id).end.note })
	s.edge.set(func() {
		m := s.edge.byID("se.spoc", id)
		m.end = &event{s.edge.record(auditlog.Record{
			Kind: envelope.HandedOver, Message: m.TextHash(), By: "fi.spoc", Statement: signed.HashOf(note),
		}, s.edge.register.Size()), note}
		for range 9 { // long enough to be compared
			s.edge.record(auditlog.Record{Kind: auditlog.Refusals, Caller: "fi.spoc", Count: 1}, 1)
		}
	})
	awaitEvidence(t, se, "LOG_CONTRADICTS")
	if o := outState(t, se, id); o.State != "accepted" {
		t.Errorf("the message is %s", o.State)
	}
}
