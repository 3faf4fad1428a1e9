package api

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxUnsent is how many bytes wait in the system to be sent, beside those on their way: all
// that a short call waits for behind a long one on its connection.
const maxUnsent = 64 << 10

// keepShort has the system take no more than maxUnsent. Where it can't, calls wait longer.
func keepShort(c net.Conn) {
	control(c, func(fd int) { unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent) })
}

// unsent is how many bytes lie in the system that the other end has not taken.
func unsent(c net.Conn) (n int64) {
	control(c, func(fd int) {
		if queued, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ); err == nil {
			n = int64(queued)
		}
	})
	return n
}

func control(c net.Conn, f func(fd int)) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := s.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}
