//go:build unix

package cli

import "syscall"

// private keeps what this process makes for its owner alone, by whatever umask it was
// started. The libraries that make files of their own go by it.
func private() { syscall.Umask(0o077) }
