package desk_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// A fault has the next commits of a desk's database fail that do a certain write:
// with it a rule is broken that SQLite checks at the commit.
type fault struct {
	slog.Handler
	db      *sql.DB
	lasts   int64 // so many commits
	strikes atomic.Int64
	struck  chan struct{} // closed with the last
}

func newFault(lasts int64) *fault {
	return &fault{Handler: slog.DiscardHandler, lasts: lasts, struck: make(chan struct{})}
}

// at readies the fault in the database of a desk that runs.
func (f *fault) at(dir, write string) {
	f.db = must(sql.Open("sqlite", filepath.Join(dir, "desk.db?_pragma=busy_timeout(10000)")))
	must(f.db.Exec(`CREATE TABLE none (id INTEGER PRIMARY KEY);
		CREATE TABLE broken (id INTEGER REFERENCES none DEFERRABLE INITIALLY DEFERRED);
		CREATE TRIGGER fault AFTER ` + write + ` BEGIN INSERT INTO broken VALUES (1); END`))
}

// Handle takes the fault away when the desk says that the last commit failed, before it
// opens the database anew. A commit that fails while it is being opened is said in
// other words: the desk reads its row of heads then, in one group with whoever sends.
func (f *fault) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "a write to the database failed" && r.Message != "the database can't be opened" {
		return nil
	}
	if f.strikes.Add(1) == f.lasts {
		must(f.db.Exec(`DROP TRIGGER fault`))
		must(0, f.db.Close())
		close(f.struck)
	}
	return nil
}

func (*fault) Enabled(context.Context, slog.Level) bool { return true }

// faulty runs a desk, unlocked, that the fault hears.
func (s *stage) faulty(addr signed.Address, f *fault) *desk.Desk {
	s.t.Helper()
	conf := s.conf(nil)
	conf.Log = slog.New(f)
	d := must(s.StartDesk(addr, conf))
	s.unlock(d)
	s.ready(d)
	return d
}

// sends sends under a name until the desk has taken it: a desk whose database was
// being opened anew said no to what came meanwhile.
func (s *stage) sends(d *desk.Desk, name string) (id signed.ID) {
	s.t.Helper()
	draft := request(s.t)
	draft.Name = name
	await(s.t, d, "taking a message", func() bool {
		sending, err := d.Send(ctx, draft)
		if err == nil {
			id = sending.Messages[0].ID
		}
		return err == nil
	})
	return id
}

// One commit fails, at the sender or the receiver, whatever it was to write. The
// desk goes on in the same process, unlocked: what was queued before and after is
// handed over, once.
func TestFailedCommit(t *testing.T) {
	for name, test := range map[string]struct {
		at    signed.Address
		write string
	}{
		"a message is queued": {"se.spoc", "INSERT ON mail"},
		"an acceptance":       {"se.spoc", "UPDATE ON mail WHEN NEW.state = 'accepted'"},
		"an end":              {"se.spoc", "UPDATE ON mail WHEN NEW.state = 'handed-over'"},
		"an arrival":          {"fi.spoc", "INSERT ON mail"},
		"a word":              {"fi.spoc", "UPDATE ON mail WHEN NEW.unproven = 'handed-over'"},
		"the proof of a word": {"fi.spoc", "UPDATE ON mail WHEN NEW.state = 'handed-over'"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			f := newFault(1)
			se, fi := s.faulty("se.spoc", f), s.faulty("fi.spoc", f)
			s.cut("se.spoc")
			sent := []signed.ID{s.sends(se, "first"), s.sends(se, "second")}
			f.at(s.desk(test.at), test.write)
			if name == "a message is queued" {
				if _, err := se.Send(ctx, request(t)); err == nil {
					t.Error("a message whose commit failed is answered as queued")
				}
			}
			s.mend("se.spoc")
			select {
			case <-f.struck:
			case <-time.After(patience):
				t.Fatal("no commit failed")
			}
			sent = append(sent, s.sends(se, "third"))
			for _, id := range sent {
				awaitIn(t, fi, id, "handed-over")
				await(t, se, "told of the handover", func() bool {
					items, err := se.Outbox(ctx, client.Query{ID: id})
					return err == nil && items[0].State == "handed-over"
				})
			}
			if n := f.strikes.Load(); n != 1 {
				t.Errorf("%d commits failed", n)
			}
			if se.Locked() || fi.Locked() {
				t.Error("a ring was locked")
			}
			if in, out := must(fi.Inbox(ctx, client.Query{})), must(se.Outbox(ctx, client.Query{})); len(in) != 3 || len(out) != 3 {
				t.Errorf("of 3 messages se has %d and fi %d", len(out), len(in))
			}
			for _, d := range []*desk.Desk{se, fi} {
				if v := must(d.Verify(ctx, client.Ref{})); v.Messages != 3 || v.Proven != 6 || len(v.Faults)+len(v.Evidence) != 0 {
					t.Errorf("%s proves %+v", d.Address(), v)
				}
			}
			if m, err := fi.Read(ctx, client.Ref{ID: sent[0]}); err != nil || len(m.Body) == 0 {
				t.Errorf("fi reads: %v", err)
			}
		})
	}
}

// A disk that fails again and again is not asked without end: after the first
// failure the desk opens its database at once, after the next it pauses.
func TestFailedCommitAgain(t *testing.T) {
	s := newStage(t)
	f := newFault(2)
	conf := s.conf(nil)
	conf.Log, conf.Retry = slog.New(f), time.Hour
	se := must(s.StartDesk("se.spoc", conf))
	s.unlock(se)
	s.ready(se)
	f.at(s.desk("se.spoc"), "INSERT ON mail")
	for end := time.Now().Add(patience); f.strikes.Load() < 2; {
		if time.Now().After(end) {
			t.Fatal("no second commit failed")
		}
		if _, err := se.Send(ctx, request(t)); err == nil {
			t.Fatal("a message whose commit failed is answered as queued")
		}
	}
	<-f.struck
	if _, err := se.Send(ctx, request(t)); err == nil {
		t.Error("the database was opened again at once")
	}
}
