package api

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes lie in the system that the other end has not taken.
func unsent(c net.Conn) (n int64) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		if queued, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			n = int64(queued)
		}
	})
	return n
}
