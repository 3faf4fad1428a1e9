package desk_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
)

// Where a program says so, a lock ends Run: the lock is answered, nobody is served after
// that, and what Leave returns keeps the folder for the desk that is opened on it.
func TestLockEndsRun(t *testing.T) {
	s := newStage(t)
	open := func(kept *os.File) *desk.Desk {
		return must(desk.New(desk.Config{Dir: s.desk("se.spoc"), Broker: silence{}, LockEnds: true, Kept: kept}))
	}
	d := open(nil)
	if must(d.StaysLocked()) {
		t.Error("a desk that nobody locked stays locked")
	}
	must(0, d.Unlock(t.Context(), passphrase))
	ran := make(chan error)
	go func() { ran <- d.Run(t.Context()) }()
	c := client.New(s.desk("se.spoc"))
	late := time.Now().Add(patience)
	for _, err := c.Status(t.Context()); err != nil; _, err = c.Status(t.Context()) {
		if time.Now().After(late) {
			t.Fatal("the desk never served")
		}
	}
	if err := c.Lock(t.Context()); err != nil {
		t.Errorf("the lock is answered with %v", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, client.ErrNotServed) {
		t.Errorf("the lock is answered, and who is locked answers still: %v", err)
	}
	if err := <-ran; !errors.Is(err, desk.ErrLocked) {
		t.Errorf("Run returns %v", err)
	}
	if err := d.Unlock(t.Context(), passphrase); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("a desk that ends is unlocked: %v", err)
	}
	lock := must(d.Leave())
	if _, err := desk.New(desk.Config{Dir: s.desk("se.spoc"), Broker: silence{}}); err == nil {
		t.Error("another opens the folder of a desk that is to go on")
	}
	if d = open(lock); !d.Locked() || !must(d.StaysLocked()) {
		t.Error("the desk that goes on is not locked")
	}
	must(0, d.Unlock(t.Context(), passphrase))
	if must(d.StaysLocked()) {
		t.Error("a person unlocked it, and it stays locked")
	}
	must(0, d.Close())
}

// However a lock and an unlock run together, the desk ends as its own log says last. An
// unlock that the lock overtook is refused; one that was done before it is not.
func TestLockDuringUnlock(t *testing.T) {
	s := newStage(t)
	d := must(desk.New(desk.Config{Dir: s.desk("se.spoc"), Broker: silence{}}))
	defer d.Close()
	for range 20 {
		unlocked := make(chan error)
		go func() { unlocked <- d.Unlock(context.Background(), passphrase) }()
		must(0, d.Lock(t.Context()))
		switch err := <-unlocked; {
		case err == nil:
			if last := must(d.Log(t.Context(), client.Query{Limit: 1}))[0]; last.Event == "locked" != d.Locked() {
				t.Fatalf("the log says last %q, and the desk is locked: %t", last.Event, d.Locked())
			}
		case problem.CodeOf(err) != problem.DeskLocked || !d.Locked():
			t.Fatalf("unlock returns %v, and the desk is locked: %t", err, d.Locked())
		}
		if must(d.StaysLocked()) != d.Locked() {
			t.Fatalf("locked: %t, and its mark says otherwise", d.Locked())
		}
	}
}
