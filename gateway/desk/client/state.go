package client

// A State is where a message stands: queued, and then what the log proves of it.
type State string

const (
	Queued   State = "queued"   // of a sent one: durable at its desk, not yet accepted
	Rejected State = "rejected" // of a sent one: the broker refused it for good

	Accepted   State = "accepted"
	Consigned  State = "consigned"
	HandedOver State = "handed-over"
	Refused    State = "refused" // by the receiving desk
	Expired    State = "expired"
	Withdrawn  State = "withdrawn"
	Lapsed     State = "lapsed" // consigned, and never handed over or refused: its recipient owed a word
)

// SentStates and ReceivedStates list the states in the order of a message's life.
var (
	SentStates     = []State{Queued, Accepted, Consigned, HandedOver, Refused, Expired, Withdrawn, Lapsed, Rejected}
	ReceivedStates = []State{Accepted, Consigned, HandedOver, Refused, Expired, Withdrawn, Lapsed}
)

// Ended reports whether nothing more will happen to a message.
func (s State) Ended() bool {
	switch s {
	case HandedOver, Refused, Expired, Withdrawn, Lapsed, Rejected:
		return true
	}
	return false
}
