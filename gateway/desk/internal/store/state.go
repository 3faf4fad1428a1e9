package store

// A State is where a message stands: queued, and then what the log proves of it.
type State string

const (
	Queued   State = "queued"   // of a sent one: durable here, not yet accepted
	Rejected State = "rejected" // of a sent one: the broker refused it for good

	Accepted   State = "accepted"
	Consigned  State = "consigned"
	HandedOver State = "handed-over"
	Refused    State = "refused" // by the receiving desk
	Expired    State = "expired"
	Withdrawn  State = "withdrawn"
)

// SentStates and ReceivedStates list the states in the order of a message's life.
var (
	SentStates     = []State{Queued, Accepted, Consigned, HandedOver, Refused, Expired, Withdrawn, Rejected}
	ReceivedStates = []State{Accepted, Consigned, HandedOver, Refused, Expired, Withdrawn}
)

// Ended reports whether nothing more will happen to a message.
func (s State) Ended() bool {
	switch s {
	case HandedOver, Refused, Expired, Withdrawn, Rejected:
		return true
	}
	return false
}

// Counts reports whether a message in this state counts for a clock: it has not
// ended otherwise than in an officer's view.
func (s State) Counts() bool { return !s.Ended() || s == HandedOver }

// counting says in a query what Counts says; nor does a message count that this
// desk has found invalid.
const counting = `unproven != 'refused' AND state NOT IN ('refused', 'expired', 'withdrawn', 'rejected')`

// After reports whether a message that stood at t may come to stand at s: a
// state never goes back, and an end stays. Rejected is the broker's decision, which
// the log's proof of anything else takes back.
func (s State) After(t State) bool {
	return (!t.Ended() || t == Rejected) && order[s] > order[t]
}

var order = map[State]int{
	Queued: 1, Rejected: 2, Accepted: 3, Consigned: 4, HandedOver: 5, Refused: 5, Expired: 5, Withdrawn: 5,
}
