package cli

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// Who locks a folder is named while he does, and only then.
func TestLockingProcess(t *testing.T) {
	dir := t.TempDir()
	if pid, known := lockingProcess(dir); known {
		t.Errorf("nobody locks it, and %d is named", pid)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if pid, known := lockingProcess(dir); runtime.GOOS == "linux" && (!known || pid != os.Getpid()) {
		t.Errorf("this process %d locks it, and %d is named", os.Getpid(), pid)
	}
	if _, known := lockingProcess(dir + "/nothing"); known {
		t.Error("what isn't there is locked")
	}
}
