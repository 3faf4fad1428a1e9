//go:build linux

// Package smalldisk gives a test a true file system of a few megabytes, to fill it.
//
// [Within] runs the test once more in a process of its own, in a mount namespace of its own,
// so that what [Mount] mounts is gone with it: with a user namespace where the system lets
// anyone make one, else as root. Where neither is possible the test is skipped, or fails, as
// package needs says. [Alone] needs neither: there [Bound] makes each write fail.
package smalldisk

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"samband/gateway/durable"
	"samband/gateway/gatewaytest/needs"
)

// inside says to a test that its process may mount.
const inside = "SAMBAND_TEST_SMALLDISK"

// Within reports whether the test runs in a process that may mount; else it runs the test
// in one, and fails when that does.
func Within(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return true
	}
	var words []string // of what did not work
	for _, attr := range []*syscall.SysProcAttr{
		{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		},
		{Cloneflags: syscall.CLONE_NEWNS},
	} {
		if err := mayMount(attr); err != nil {
			words = append(words, err.Error())
			continue
		}
		again(t, attr)
		return false
	}
	needs.Missing(t, "nothing can be mounted here: %s", strings.Join(words, "; "))
	return false
}

// Alone reports whether the test has a process of its own, whose bounds it may set; else it
// runs the test in one, as Within does.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == "" {
		again(t, nil)
		return false
	}
	return true
}

// Bound sets the most bytes that this process writes into any file, and ignores the signal
// that comes with it: with 0, each write fails as on a full disk that no measure shows.
func Bound(t testing.TB, bytes uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
	if limit.Cur = limit.Max; bytes < limit.Max {
		limit.Cur = bytes
	}
	if err = errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)); err != nil {
		t.Fatal(err)
	}
}

// again runs a test in a process of its own.
func again(t *testing.T, attr *syscall.SysProcAttr) {
	t.Helper()
	patience := 10 * time.Minute
	if end, ok := t.Deadline(); ok {
		patience = time.Until(end)
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout="+patience.String())
	c.Env, c.SysProcAttr = append(os.Environ(), inside+"=1"), attr
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}

// mayMount tries whether a process so made can mount.
func mayMount(attr *syscall.SysProcAttr) error {
	dir, err := os.MkdirTemp("", "samband-mount-")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	c := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "none", dir)
	c.SysProcAttr = attr
	out, err := c.CombinedOutput()
	if err != nil {
		return errors.New(strings.TrimSpace(string(out) + " " + err.Error()))
	}
	return nil
}

// Mount mounts a tmpfs with these options until the test ends.
func Mount(t testing.TB, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	MountOn(t, dir, options)
	return dir
}

// MountOn is Mount on a folder that is there.
func MountOn(t testing.TB, dir, options string) {
	t.Helper()
	// The namespace's mounts are its own: none of ours comes up in another.
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("none", dir, "tmpfs", 0, options)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// Fill takes all of a folder's disk but so many bytes, as another program would, and
// returns what gives it free again.
func Fill(t testing.TB, dir string, leave int64) (free func()) {
	t.Helper()
	f, err := os.CreateTemp(dir, "filled-*")
	if err != nil {
		t.Fatal(err)
	}
	for piece := int64(1 << 20); piece >= 4<<10; piece /= 2 {
		for {
			d, err := durable.DiskOf(dir)
			if err != nil {
				t.Fatal(err)
			}
			if d.Free-piece < leave {
				break
			}
			if _, err := f.Write(make([]byte, piece)); err != nil {
				break // the rest by smaller pieces
			}
		}
	}
	return func() {
		t.Helper()
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			t.Error(err)
		}
	}
}
