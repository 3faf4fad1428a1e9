package broker_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/envelope"
)

// A desk consigned a message and lost its disk; the broker let the bytes go, as
// it may. Progress from the beginning has the desk's own word, so it wants the message,
// and its sender has it still.
func TestLostDiskOfADesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.stated(fi.consignment(e.TextHash()))
	w.untilRemoved(b)
	if a := fi.inbox(0); len(a.Items) != 0 {
		t.Errorf("the inbox has %d messages that are consigned", len(a.Items))
	}
	words := fi.progress(0, 0).Items
	if len(words) != 1 || words[0].Event != envelope.Consigned || words[0].Message != e.TextHash() || words[0].Sender != "se.spoc" || words[0].ID != e.ID || len(words[0].Note) == 0 {
		t.Fatalf("in its own name it hears %+v", words)
	}
	check(t, fi.client.Want(context.Background(), fi.heads(), api.Want{Message: e.TextHash()}))
	if again := se.progress(0, 0).Again; len(again) != 1 || again[0].Message != e.TextHash() {
		t.Fatalf("the sender is asked for %v", again)
	}
	se.accepted(e)
	a := fi.inbox(20 * time.Second)
	for len(a.Items) == 0 {
		a = fi.inbox(20 * time.Second)
	}
	if !bytes.Equal(a.Items[0].Envelope, e.Bytes()) || a.Items[0].Consigned == nil {
		t.Error("what comes again is not what was consigned")
	}
}
