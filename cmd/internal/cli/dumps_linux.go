package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ForbidDumps forbids that the memory of this process is written to a file when it
// crashes, and that another process of the same account reads it. A program that has a
// passphrase or private keys calls it before all else, also when it was executed anew.
func ForbidDumps() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid dumps of memory: %w", err)
	}
	var core unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_CORE, &core)
	if err == nil && core != (unix.Rlimit{}) {
		err = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	}
	if err != nil {
		return fmt.Errorf("forbid dumps of memory: limit them to no byte: %w", err)
	}
	return nil
}
