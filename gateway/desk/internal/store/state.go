package store

import "samband/gateway/desk/client"

// counts reports whether a message in a state counts for a clock: it has not ended
// otherwise than in an officer's view. One that lapsed counts: its recipient had it, and
// gains nothing by a word that it owes.
func counts(s client.State) bool { return !s.Ended() || s == client.HandedOver || s == client.Lapsed }

// counting says in a query what counts says; nor does a message count that this
// desk has found invalid.
const counting = `unproven != 'refused' AND state NOT IN ('refused', 'expired', 'withdrawn', 'rejected')`

// Follows reports whether a message that stood at before may come to stand at s: a
// state never goes back, and an end stays. Rejected is the broker's decision, which
// the log's proof of anything else takes back.
func Follows(s, before client.State) bool {
	return (!before.Ended() || before == client.Rejected) && order[s] > order[before]
}

var order = map[client.State]int{
	client.Queued: 1, client.Rejected: 2, client.Accepted: 3, client.Consigned: 4,
	client.HandedOver: 5, client.Refused: 5, client.Expired: 5, client.Withdrawn: 5, client.Lapsed: 5,
}
