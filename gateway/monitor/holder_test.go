package monitor

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// Who holds a folder is named while he does, and only then.
func TestHolder(t *testing.T) {
	dir := t.TempDir()
	if pid, known := Holder(dir); known {
		t.Errorf("nobody holds it, and %d is named", pid)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if pid, known := Holder(dir); runtime.GOOS == "linux" && (!known || pid != os.Getpid()) {
		t.Errorf("this process %d holds it, and %d is named", os.Getpid(), pid)
	}
	if _, known := Holder(dir + "/nothing"); known {
		t.Error("what isn't there is held")
	}
}
