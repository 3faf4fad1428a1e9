//go:build unix

package local

import "golang.org/x/sys/unix"

// ownersOnly gives a socket that has no name yet the mode that its file will have.
func ownersOnly(fd uintptr) error { return unix.Fchmod(int(fd), 0o600) }
