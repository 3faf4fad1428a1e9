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
	body  io.Reader
}

// done gives back all that the call took.
func (u *underway) done() { u.desks.reserve(u.desk, -u.bytes) }

// Read reads of the body, until the desk may have no more.
func (u *underway) Read(b []byte) (int, error) {
	n, err := u.body.Read(b)
	if !u.desks.reserve(u.desk, n) {
		return 0, problem.New(problem.BrokerBusy, "%s has as many bytes under way as one desk may, %d", u.desk, maxUnderway)
	}
	u.bytes += n
	return n, err
}
