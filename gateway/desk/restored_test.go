package desk_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
)

// A desk's database is put back from a backup that is older than its last message. The
// desk says so, hears what became of that message, lists it as lost with the desk that has
// it, and accuses nobody. So does one that begins empty.
func TestRestoredSender(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	stop()
	backup := t.TempDir()
	database := func() []string { return must(filepath.Glob(filepath.Join(s.desk("se.spoc"), "desk.db*"))) }
	for _, f := range database() {
		must(0, os.WriteFile(filepath.Join(backup, filepath.Base(f)), must(os.ReadFile(f)), 0o600))
	}
	se, stop = s.start("se.spoc")
	s.unlock(se)
	fi, stopFi := s.start("fi.spoc")
	s.unlock(fi)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	stop()
	for _, f := range database() {
		must(0, os.Remove(f))
	}
	must(0, os.CopyFS(s.desk("se.spoc"), os.DirFS(backup)))

	se, stop = s.start("se.spoc")
	await(t, se, "told of the message", func() bool {
		for _, e := range must(se.Log(ctx, client.Query{})) {
			if e.Event == "not held here" && strings.Contains(e.Subject, id.String()) {
				return true
			}
		}
		return false
	})
	checkLost := func(d *desk.Desk, want client.LostMessage) {
		t.Helper()
		await(t, d, "told what is lost", func() bool {
			lost := must(d.Lost(ctx, client.Query{}))
			if len(lost) == 1 {
				lost[0].Leaf = 0
			}
			return len(lost) == 1 && lost[0] == want
		})
		st := must(d.Status(ctx))
		if st.Lost != 1 || len(st.Losses) != 1 || st.Losses[0].Kind != "behind" || !strings.Contains(st.Losses[0].Detail, "it lacks the last") {
			t.Errorf("the status has %d lost, %+v", st.Lost, st.Losses)
		}
		if !slices.ContainsFunc(must(d.Log(ctx, client.Query{})), func(e client.LogEntry) bool {
			return e.Event == "lost" && strings.Contains(e.Subject, id.String()) && strings.Contains(e.Detail, string(want.Other))
		}) {
			t.Error("the desk's log has no line of what is lost")
		}
	}
	checkLost(se, client.LostMessage{ID: id, Other: "fi.spoc", Event: envelope.HandedOver})
	if v := must(se.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("an honest broker is accused: %+v", v)
	}

	// A person has seen to it: no alarm stays, nor does a start find it again.
	must(0, se.SettleLosses(ctx, "asked fi.spoc, who has it"))
	stop()
	se, _ = s.start("se.spoc")
	if st := must(se.Status(ctx)); len(st.Losses) != 0 || st.Lost != 0 || len(must(se.Lost(ctx, client.Query{}))) != 1 {
		t.Errorf("settled, its status has %+v and %d lost", st.Losses, st.Lost)
	}

	// The receiver loses all that it has.
	stopFi()
	s.removeDatabase("fi.spoc")
	must(desk.BeginEmpty(s.desk("fi.spoc"), "no backup", morning))
	fi = s.unlocked("fi.spoc")
	await(t, fi, "told what is lost", func() bool {
		lost := must(fi.Lost(ctx, client.Query{}))
		return len(lost) == 1 && lost[0].ID == id && lost[0].Received && lost[0].Other == "se.spoc" && lost[0].Event == envelope.HandedOver
	})
	if st := must(fi.Status(ctx)); len(st.Losses) != 1 || st.Losses[0].Kind != "empty" || st.Lost != 1 || st.Evidence != 0 {
		t.Errorf("begun empty, its status is %+v", st)
	}
}

// A swap puts files in the place of a desk's database when a write to it has failed.
type swap struct {
	slog.Handler
	once sync.Once
	do   func()
}

func (*swap) Enabled(context.Context, slog.Level) bool { return true }

func (h *swap) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "a write to the database failed" {
		h.once.Do(h.do)
	}
	return nil
}

// The database goes back while the desk runs: a write fails, and what is opened anew then is
// an older one. The desk says so, lists what it lacks, and takes nobody for a thief of its
// ring, since the words that it has forgotten are its own.
func TestGoesBackWhileRunning(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()
	h := &swap{Handler: slog.DiscardHandler, do: s.keepDatabase("fi.spoc")}
	conf := s.conf(nil)
	conf.Log = slog.New(h)
	fi = must(s.StartDesk("fi.spoc", conf))
	s.unlock(fi)
	lost := send(t, se, request(t))
	awaitIn(t, fi, lost, "handed-over")
	awaitOut(t, se, lost, "handed-over")
	f := newFault(1)
	f.at(s.desk("fi.spoc"), "INSERT ON mail")
	defer f.db.Close()
	next := send(t, se, request(t))
	awaitOut(t, se, next, "handed-over")
	awaitIn(t, fi, next, "handed-over")
	await(t, fi, "told what is lost", func() bool {
		all := must(fi.Lost(ctx, client.Query{}))
		return len(all) == 1 && all[0].ID == lost && all[0].Other == "se.spoc"
	})
	if st := must(fi.Status(ctx)); len(st.Losses) != 1 || st.Losses[0].Kind != "behind" || st.Evidence != 0 {
		t.Errorf("its status is %+v", st)
	}
}
