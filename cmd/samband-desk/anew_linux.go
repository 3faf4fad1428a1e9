package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// image is the program that this process executes. It stays the same when its file was
// replaced or removed meanwhile, since it is no path of the file.
const image = "/proc/self/exe"

// serveAnew executes this program in its own place, to serve a locked desk: nothing is
// left of the memory that had the keys, and the folder's lock stays with the process. It
// returns only if that fails.
func serveAnew(dir string, lock *os.File) error {
	if err := keepOnly(lock); err != nil {
		return fmt.Errorf("lock: close what is open: %w", err)
	}
	args := []string{os.Args[0], "serve", "--dir", dir, "--" + keptLock, strconv.Itoa(int(lock.Fd()))}
	return fmt.Errorf("lock: execute the program anew: %w", syscall.Exec(image, args, serviceEnvironment(os.Environ())))
}

// keepOnly sees to it that the program executed anew has three files open beside its
// output: none to read from, and the lock.
func keepOnly(lock *os.File) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		return err
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			return err
		}
		if fd <= 2 {
			continue
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		if err != nil && !errors.Is(err, unix.EBADF) { // the folder that was read is closed by now
			return err
		}
	}
	_, err = unix.FcntlInt(lock.Fd(), unix.F_SETFD, 0)
	return err
}

// serviceEnvironment is what a program that serves needs of its environment: where it is,
// what systemd told it, and how it is to run. Nothing else is passed on.
func serviceEnvironment(environment []string) (passed []string) {
	needs := map[string]bool{
		"PATH": true, "HOME": true, "USER": true, "LOGNAME": true, "LANG": true, "TZ": true, "TMPDIR": true,
		"NOTIFY_SOCKET": true, "WATCHDOG_PID": true, "WATCHDOG_USEC": true, "INVOCATION_ID": true, "JOURNAL_STREAM": true,
		"CREDENTIALS_DIRECTORY": true, "STATE_DIRECTORY": true, "RUNTIME_DIRECTORY": true, "SYSTEMD_EXEC_PID": true,
		"GODEBUG": true, "GOGC": true, "GOMAXPROCS": true, "GOMEMLIMIT": true,
	}
	for _, pair := range environment {
		if name, _, _ := strings.Cut(pair, "="); needs[name] {
			passed = append(passed, pair)
		}
	}
	return passed
}

// nameProcess lets ps show the program's name, where it was executed anew: the kernel names
// a process after the path that was executed. A failure changes nothing else.
func nameProcess() { _ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0) }

// keptFile is the lock that this process kept when it executed itself anew.
func keptFile(fd uintptr) *os.File {
	syscall.CloseOnExec(int(fd))
	return os.NewFile(fd, "lock")
}
