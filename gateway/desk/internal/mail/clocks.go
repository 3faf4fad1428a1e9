package mail

import (
	"fmt"
	"time"

	"samband/gateway/signed"
)

// maxOffset is how far this desk's clock may be from the log's before it is
// shown (SPEC §11.2).
const maxOffset = time.Minute

// onTheWay is how long an answer may take to come here: so much less may be its time.
const onTheWay = 5 * time.Second

// compareClocks compares the log's time in an answer with this desk's clock.
func (m *Room) compareClocks(at signed.Time) {
	offset := at.AsTime().Sub(m.Now())
	if offset <= time.Second && offset >= -onTheWay {
		offset = 0
	}
	m.setOffset(offset)
}

// setOffset notes how far the log's time is ahead of this desk's clock.
func (m *Room) setOffset(offset time.Duration) {
	m.Metrics.offset.Set(offset.Seconds())
	before := time.Duration(m.offset.Swap(int64(offset)))
	if wrong, was := offset.Abs() > maxOffset, before.Abs() > maxOffset; wrong != was {
		if wrong {
			m.Log.Warn("this desk's clock and the log's disagree", "log minus desk", offset.Truncate(time.Second).String())
		} else {
			wake(m.workers.urgent) // what was refused for its dates may pass now
			wake(m.workers.outbox)
		}
		m.Touch()
	}
}

// ClockFault says how far this desk's clock is from the log's; nil while they agree.
// Which of the two is wrong nobody can prove.
func (m *Room) ClockFault() error {
	offset := time.Duration(m.offset.Load())
	if offset.Abs() <= maxOffset {
		return nil
	}
	word := "slow"
	if offset < 0 {
		word = "fast"
	}
	return fmt.Errorf("this desk's clock is %s %s against the log: compare both with a third", inWords(offset.Abs()), word)
}

// inWords is a duration as a person says it.
func inWords(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Round(time.Hour)/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}
