package broker_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// One message from acceptance to its proven end.
func TestLifeOfAMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]

	got := make(chan *api.InboxAnswer, 1)
	fi.inbox(0)                                       // learns the register
	go func() { got <- fi.inbox(30 * time.Second) }() // waits, and is woken

	e := se.envelope("fi.spoc")
	first := se.accepted(e)
	inbox := <-got
	if len(inbox.Items) != 1 || !bytes.Equal(inbox.Items[0].Envelope, e.Bytes()) {
		t.Fatalf("the inbox has %d items", len(inbox.Items))
	}
	if r := w.prove(inbox.Items[0].Acceptance); r.Message != e.TextHash() {
		t.Fatalf("the inbox proves %+v", r)
	}

	consignment := fi.consignment(e.TextHash())
	if r := fi.stated(consignment); r.Kind != envelope.Consigned || r.Statement != signed.HashOf(consignment) {
		t.Fatalf("consigned: %+v", r)
	}
	over := fi.statement(envelope.HandedOver, e)
	if r := fi.stated(over); r.Kind != envelope.HandedOver || r.By != "fi.spoc" {
		t.Fatalf("handed over: %+v", r)
	}
	// A repeat gets the first entry again.
	if r := fi.stated(over); r.Index != 2 {
		t.Fatalf("a repeat of the end is leaf %d", r.Index)
	}

	progress := se.progress(0, 30*time.Second)
	for len(progress.Items) < 2 {
		next := se.progress(progress.Next, 30*time.Second)
		progress.Items, progress.Next = append(progress.Items, next.Items...), next.Next
	}
	for i, want := range []struct {
		event envelope.Event
		note  []byte
	}{{envelope.Consigned, consignment}, {envelope.HandedOver, over}} {
		item := progress.Items[i]
		if item.Event != want.event || !bytes.Equal(item.Note, want.note) || item.ID != e.ID || item.Message != e.TextHash() {
			t.Errorf("progress %d: %+v", i, item)
		}
		w.prove(item.Proof)
	}

	again := se.accepted(e)
	if w.prove(again.Acceptance).Index != w.prove(first.Acceptance).Index || again.End == nil || again.Consigned == nil {
		t.Errorf("a repeat is answered with %+v", again)
	}
	if inbox := fi.inbox(0); len(inbox.Items) != 0 {
		t.Errorf("an ended message is in the inbox")
	}
	b.stop()
	if audit, _ := w.checkLogs(); audit.Size != 3 {
		t.Errorf("the log has %d entries", audit.Size)
	}
}

func TestIDReused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se := w.desks["se.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	other := se.envelope("fi.spoc", func(h *envelope.Header) { h.ID = e.ID })
	for range 2 {
		_, err := se.submit(other)
		r := wants(t, err, problem.IDReused)
		if r.Accepted != e.TextHash() {
			t.Errorf("the accepted text is not shown")
		}
		if rec := w.prove(r.Proof); rec.Kind != envelope.Rejected || rec.TextHash != other.TextHash() || rec.Index != 1 {
			t.Errorf("the refusal is logged as %+v", rec)
		}
	}
}

func TestWithdrawal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]

	e := se.envelope("fi.spoc")
	se.accepted(e)
	if r := se.stated(se.statement(envelope.Withdrawn, e)); r.Kind != envelope.Withdrawn || r.Message != e.TextHash() {
		t.Errorf("withdrawn: %+v", r)
	}
	_, err := fi.state(fi.consignment(e.TextHash()))
	if r := wants(t, err, problem.AlreadyEnded); r.Stands == nil || r.Stands.Event != envelope.Withdrawn {
		t.Errorf("the end is not shown: %+v", r.Stands)
	}

	consigned := se.envelope("fi.spoc")
	se.accepted(consigned)
	fi.stated(fi.consignment(consigned.TextHash()))
	_, err = se.state(se.statement(envelope.Withdrawn, consigned))
	if r := wants(t, err, problem.AlreadyConsigned); r.Stands == nil || r.Stands.Event != envelope.Consigned {
		t.Errorf("the consignment is not shown: %+v", r.Stands)
	}

	// An id that no message came for: none may come then.
	never := se.envelope("fi.spoc")
	if r := se.stated(se.statement(envelope.Withdrawn, never)); r.Message != (signed.Hash{}) {
		t.Errorf("withdrawn before it came: %+v", r)
	}
	_, err = se.submit(never)
	wants(t, err, problem.AlreadyEnded)
	if p := se.progress(0, 10*time.Second); len(p.Items) == 0 {
		t.Errorf("the sender hears nothing of its withdrawals")
	}
}

// Absent and forbidden look alike.
func TestStatementsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se, fi, no := w.desks["se.spoc"], w.desks["fi.spoc"], w.desks["no.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	for _, h := range []*keyedDesk{no, se} {
		_, err := h.state(h.consignment(e.TextHash()))
		theirs := wants(t, err, problem.UnknownMessage).Problem.Detail
		_, err = h.state(h.consignment(signed.HashOf("no message")))
		if none := wants(t, err, problem.UnknownMessage).Problem.Detail; none != theirs {
			t.Errorf("%s learns that the message exists: %q and %q", h.Address, theirs, none)
		}
	}
	if err := no.client.Want(context.Background(), no.heads(), api.Want{Message: e.TextHash()}); err == nil {
		t.Error("another desk may want the message")
	}
	if len(fi.inbox(10*time.Second).Items) != 1 {
		t.Error("the message is not where it belongs")
	}
}
