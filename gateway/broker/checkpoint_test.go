package broker_test

import (
	"os"
	"strings"
	"testing"

	"samband/gateway/auditlog"
)

// A checkpoint with one bit flipped stops the broker, which says what to do and
// changes nothing; once the file is deleted it is made anew.
func TestCheckpointDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	p := w.earlier()
	before := w.answers(p)
	b.stop()
	for _, log := range []string{"audit", "register"} {
		path := w.path("log", log, auditlog.CheckpointFile)
		whole, err := os.ReadFile(path)
		check(t, err)
		damaged := append([]byte(nil), whole...)
		damaged[len(damaged)-10] ^= 1
		check(t, os.WriteFile(path, damaged, 0o644))
		b = w.start()
		b.stoppedFor(t, "checkpoint-bent")
		if why := b.Started().Stopped; !strings.Contains(why, log) || !strings.Contains(why, "delete this file") {
			t.Errorf("stopped for %q, which is no help", why)
		}
		w.acceptsNothing()
		b.stop()
		if after, err := os.ReadFile(path); err != nil || string(after) != string(damaged) {
			t.Errorf("the damaged checkpoint was changed: %v", err)
		}
		check(t, os.Remove(path))
		b = w.start()
		b.found(t, "tiles-gone")
		w.same(before, w.answers(p))
		b.stop()
		w.checkLogs()
	}
}
