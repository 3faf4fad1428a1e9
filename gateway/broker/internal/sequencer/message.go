package sequencer

import (
	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// A key finds a message by its sender and id.
type key struct {
	from signed.Address
	id   signed.ID
}

// A rejection finds a rejected text by who submitted it.
type rejection struct {
	caller signed.Address
	text   signed.Hash
}

// A delta is what a group changes of what is known.
type delta struct {
	messages map[key]*journal.Message
	texts    map[signed.Hash]*journal.Message // those of them that were accepted
	rejected map[rejection]*journal.Event
}

func newDelta() delta {
	return delta{map[key]*journal.Message{}, map[signed.Hash]*journal.Message{}, map[rejection]*journal.Event{}}
}
