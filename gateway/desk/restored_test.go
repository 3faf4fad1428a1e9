package desk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk/client"
)

// A desk is put back from a backup that is older than its last message. It hears
// what became of that message, says so in its log, and accuses nobody.
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
	fi := s.unlocked("fi.spoc")
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	stop()
	for _, f := range database() {
		must(0, os.Remove(f))
	}
	must(0, os.CopyFS(s.desk("se.spoc"), os.DirFS(backup)))

	se, _ = s.start("se.spoc")
	await(t, se, "told of the message", func() bool {
		for _, e := range must(se.Log(ctx, client.Query{})) {
			if e.Event == "not held here" && strings.Contains(e.Subject, id.String()) {
				return true
			}
		}
		return false
	})
	if v := must(se.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("an honest broker is accused: %+v", v)
	}
}
