package records

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An opening writes the end of the newest segment anew: a frame whose sync failed may be in
// memory alone, and nothing may come behind it (F4). That a power cut finds it on the disk is
// for a test in gatewaytest, whose disk forgets what was not synced.
func TestOpenWritesTheLastFrameAnew(t *testing.T) {
	dir := archive(t, segmentBytes, 1, 2, 3)
	path := filepath.Join(dir, segment{first: 1}.name())
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	a := open(t, dir)
	if info, err := os.Stat(path); err != nil || !info.ModTime().After(long.Add(time.Minute)) {
		t.Errorf("it was not written: %v", err)
	}
	fill(t, a, 4)
	want(t, a, 1, 1, 2, 3, 4)
}
