package mail

import (
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
)

// A Verdict is what a message was found to be.
type Verdict = verdict

// JudgeBy puts judge in the place of the room's own judging, which it may call, and
// bounds how long a judgement may take. Run must not have been called.
func (m *Room) JudgeBy(limit time.Duration, judge func(e *envelope.Envelope, own func() *Verdict) *Verdict) {
	m.judging.limit = limit
	m.judging.judge = func(e *envelope.Envelope, accepted store.Fact) *verdict {
		return judge(e, func() *verdict { return m.judge(e, accepted) })
	}
}
