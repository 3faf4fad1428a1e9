package mail

import (
	"time"

	"samband/gateway/signed"
	"samband/gateway/verify"
)

// maxOffset is how far this desk's clock may be from the log's before it is
// shown (SPEC §9.4).
const maxOffset = time.Minute

// compareClocks checks the log's time of a record against the span of the call
// that it was written in. A repeat was recorded earlier and tells nothing: its
// record lies before what this desk knew of the log when it called.
func (m *Room) compareClocks(begin time.Time, known *verify.Logs, index int64, at signed.Time) {
	if index < known.Audit().Size {
		return
	}
	end := m.Now()
	var offset time.Duration
	switch at := at.AsTime(); {
	case at.After(end):
		offset = at.Sub(end)
	case at.Before(begin.Truncate(time.Second)):
		offset = at.Sub(begin)
	}
	m.Metrics.offset.Set(offset.Seconds())
	if offset.Abs() > maxOffset {
		m.Log.Warn("this desk's clock and the log's disagree", "log minus desk", offset.String())
	}
}
