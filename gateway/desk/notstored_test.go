package desk_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// locksDatabase locks a desk's database as another program does, until unlock is called.
func (s *stage) locksDatabase(addr signed.Address) (unlock func()) {
	s.t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(s.desk(addr), "desk.db?_pragma=busy_timeout(10000)")))
	conn := must(db.Conn(ctx))
	must(conn.ExecContext(ctx, "BEGIN IMMEDIATE"))
	return func() {
		must(conn.ExecContext(ctx, "ROLLBACK"))
		must(0, conn.Close())
		must(0, db.Close())
	}
}

// Another program that has the database locked for a moment is waited out. Where it stays
// longer, nothing was stored, and whoever asked by the socket is told so: no word of the
// desk's trying again. Once it is gone the same command passes.
func TestLockedDatabaseIsWaitedOut(t *testing.T) {
	s := newStage(t)
	s.atWork("se.spoc")
	c := client.New(s.desk("se.spoc"))
	defer c.Close()
	time.AfterFunc(2*time.Second, s.locksDatabase("se.spoc"))
	if _, err := c.Send(ctx, request(t)); err != nil {
		t.Errorf("a lock of two seconds: %v", err)
	}
	sent := len(must(c.Outbox(ctx, client.Query{})))

	unlock := s.locksDatabase("se.spoc")
	_, err := c.Send(ctx, request(t))
	if problem.CodeOf(err) != problem.NotStored || !strings.Contains(err.Error(), "another program has locked the desk's database") {
		t.Errorf("a lock that stays: %v", err)
	}
	if next := problem.CodeOf(err).Row().Next; !strings.Contains(next, "nothing was stored") || !strings.Contains(next, "repeat the command") {
		t.Errorf("next: %s", next)
	}
	if now := len(must(c.Outbox(ctx, client.Query{}))); now != sent {
		t.Errorf("of what was not stored the outbox shows %d", now-sent)
	}
	unlock()
	if _, err := c.Send(ctx, request(t)); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

// A commit that the disk did not confirm is told as that.
func TestFailedCommitIsTold(t *testing.T) {
	s := newStage(t)
	f := newFault(1)
	d := s.faulty("se.spoc", f)
	c := client.New(s.desk("se.spoc"))
	defer c.Close()
	s.cut("se.spoc")
	f.at(s.desk("se.spoc"), "INSERT ON mail")
	if _, err := c.Send(ctx, request(t)); problem.CodeOf(err) != problem.StoredUnknown {
		t.Errorf("a failed commit: %v", err)
	}
	<-f.struck
	await(t, d, "taking a message", func() bool {
		_, err := c.Send(ctx, request(t))
		return err == nil
	})
}
