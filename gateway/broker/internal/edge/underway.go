package edge

import (
	"io"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// underway is how much of the bytes that its desk may have under way one call
// takes. They are reserved as they are read, so a caller reserves nothing by a
// length that it only announces.
type underway struct {
	desks *desks
	desk  signed.Address
	bytes int
}

// done gives back all that the call took.
func (u *underway) done() { u.desks.reserve(u.desk, -u.bytes) }

// readAll reads to the end, or until the desk may have no more.
func (u *underway) readAll(r io.Reader) ([]byte, error) { return io.ReadAll(reserving{u, r}) }

// reserving is a reader whose bytes are reserved.
type reserving struct {
	*underway
	io.Reader
}

func (r reserving) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if !r.desks.reserve(r.desk, n) {
		return 0, problem.New(problem.BrokerBusy, "%s has as many bytes under way as one desk may, %d", r.desk, maxUnderway)
	}
	r.bytes += n
	return n, err
}
