package passphrase

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// silence has a terminal show nothing of what is typed, from now till restore, and not just
// while a line is read: what a person pastes, or types ahead of the question, would show
// between two questions.
func silence(in *os.File) (restore func(), err error) {
	fd := int(in.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	silent := *was
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG // a line at a time, and Ctrl-C ends the program
	silent.Iflag |= unix.ICRNL
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, was) }, unix.IoctlSetTermios(fd, unix.TCSETS, &silent)
}

// readLine reads a line of a terminal that is silent, byte by byte: what comes after it is
// the next question's. Package term waits on at Ctrl-D.
func readLine(in *os.File) ([]byte, error) {
	line := make([]byte, 0, 4096) // no terminal gives a longer one
	for b := make([]byte, 1); ; {
		switch _, err := in.Read(b); {
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil && b[0] == '\n':
			clear(b)
			return line, nil
		case err != nil:
			clear(line)
			return nil, err
		case len(line) < cap(line):
			line = append(line, b[0])
		}
	}
}
