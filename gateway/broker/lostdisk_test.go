package broker_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/signed"
)

// A desk consigned a message and lost its disk; the broker let the bytes go, as
// it may. A reading from the beginning names the message, the desk wants it, and
// its sender has it still.
func TestLostDiskOfADesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.stated(fi.consignment(e.TextHash()))
	w.untilRemoved(b)
	if a := fi.inbox(0, 2*time.Second); len(a.Items)+len(a.Again) != 0 {
		t.Errorf("who waits hears of what it consigned: %d items, %d awaited", len(a.Items), len(a.Again))
	}
	if again := fi.inbox(0, 0).Again; !slices.Equal(again, []signed.Hash{e.TextHash()}) {
		t.Fatalf("who begins hears of %v", again)
	}
	check(t, fi.client.Want(context.Background(), fi.heads(), api.Want{Message: e.TextHash()}))
	if again := se.progress(0, 0).Again; len(again) != 1 || again[0].Message != e.TextHash() {
		t.Fatalf("the sender is asked for %v", again)
	}
	se.accepted(e)
	a := fi.inbox(0, 20*time.Second)
	for len(a.Items) == 0 {
		a = fi.inbox(0, 20*time.Second)
	}
	if !bytes.Equal(a.Items[0].Envelope, e.Bytes()) || a.Items[0].Consigned == nil {
		t.Error("what comes again is not what was consigned")
	}
}
