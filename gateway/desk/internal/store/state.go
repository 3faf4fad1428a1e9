package store

import "samband/gateway/desk/client"

// A State is where a message stands, in the words of package client.
type State client.State

const (
	Queued     = State(client.Queued)
	Rejected   = State(client.Rejected)
	Accepted   = State(client.Accepted)
	Consigned  = State(client.Consigned)
	HandedOver = State(client.HandedOver)
	Refused    = State(client.Refused)
	Expired    = State(client.Expired)
	Withdrawn  = State(client.Withdrawn)
)

// Ended reports whether nothing more will happen to a message.
func (s State) Ended() bool { return client.State(s).Ended() }

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
