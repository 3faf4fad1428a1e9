package api

// Of the answers below, a list that is empty is left out in JSON.

import (
	"time"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A Catchup leads a caller from the heads it named to the heads that the
// answer's proofs stand under.
type Catchup struct {
	Audit    AuditCatchup    `json:"audit"`
	Register RegisterCatchup `json:"register"`
}

// AuditCatchup brings the newest checkpoint of the audit log, and the proof
// that it extends the caller's size. From size zero the proof is empty.
type AuditCatchup struct {
	Checkpoint  string `json:"checkpoint"`
	Consistency Hashes `json:"consistency,omitempty"`
}

// RegisterCatchup brings the newest checkpoint of the register, and its entries
// from the caller's size on. Of many entries only the first come: the caller
// fetches the rest by Register before it believes the checkpoint.
type RegisterCatchup struct {
	Checkpoint string   `json:"checkpoint"`
	Entries    [][]byte `json:"entries,omitempty"`
}

// A LoggedEvent is an event with its evidence.
type LoggedEvent struct {
	Event       envelope.Event `json:"event"`
	Note        []byte         `json:"note,omitempty"` // the whole consignment or statement; none for expired
	Proof       string         `json:"proof"`
	Consistency Hashes         `json:"consistency,omitempty"` // from the note's own as-of to the catchup's checkpoint
}

// An ItemsAnswer answers a call of items: each in its place, and one catchup, taken
// after the last was ordered. All proofs of the answer stand under it.
type ItemsAnswer[Item any] struct {
	Items   []Item  `json:"items"`
	Catchup Catchup `json:"catchup"`
}

// SubmitAnswer answers Submit.
type SubmitAnswer = ItemsAnswer[SubmitItem]

// A SubmitItem is what became of one envelope: accepted, or a problem.
type SubmitItem struct {
	Hash       signed.Hash  `json:"hash"`                 // of the item's bytes
	Acceptance string       `json:"acceptance,omitempty"` // proof; none beside a problem
	Consigned  *LoggedEvent `json:"consigned,omitempty"`  // where the message was known and is consigned
	End        *LoggedEvent `json:"end,omitempty"`        // where the message was known and has ended
	Problem    *Document    `json:"problem,omitempty"`
}

// Refusal returns the item's problem as a *[Refusal]; nil where there is none.
func (i *SubmitItem) Refusal() error { return refusalOf(i.Problem) }

// StateAnswer answers State.
type StateAnswer = ItemsAnswer[StateItem]

// A StateItem is what became of one note: logged, or a problem.
type StateItem struct {
	Hash    signed.Hash `json:"hash"`            // of the item's bytes
	Proof   string      `json:"proof,omitempty"` // none beside a problem
	Problem *Document   `json:"problem,omitempty"`
}

// Refusal returns the item's problem as a *[Refusal]; nil where there is none.
func (i *StateItem) Refusal() error { return refusalOf(i.Problem) }

// ConsistencyAnswer answers Consistency.
type ConsistencyAnswer struct {
	Consistency Hashes `json:"consistency,omitempty"` // none from size 0, and to the same size
}

// A Page says which part of a feed is asked for.
type Page struct {
	After Cursor        // zero for the beginning
	Wait  time.Duration // how long to wait when there is nothing: whole seconds, at most MaxWait
	Limit int           // items wanted: 1 to MaxLimit
}

// A FeedAnswer is a page of a feed.
type FeedAnswer[Item, Lost any] struct {
	Items   []Item  `json:"items,omitempty"`
	Next    Cursor  `json:"next"`
	Again   []Lost  `json:"again,omitempty"` // whose bytes the sender is to send once more, unchanged
	Catchup Catchup `json:"catchup"`
}

// InboxAnswer answers Inbox. Again is what was accepted for the caller and lost.
type InboxAnswer = FeedAnswer[InboxItem, signed.Hash]

// An InboxItem is one message to the caller.
type InboxItem struct {
	Cursor     Cursor       `json:"cursor"`
	Envelope   []byte       `json:"envelope"`
	Acceptance string       `json:"acceptance"`          // proof
	Consigned  *LoggedEvent `json:"consigned,omitempty"` // the caller's own consignment, if it stands

	// From the envelope's own as-of to the catchup's checkpoint.
	Consistency Hashes `json:"consistency,omitempty"`
}

// ProgressAnswer answers Progress. Again is what the caller is to send again.
type ProgressAnswer = FeedAnswer[ProgressItem, Again]

// A ProgressItem is one event of a message that the caller sent.
type ProgressItem struct {
	Cursor  Cursor      `json:"cursor"`
	ID      signed.ID   `json:"id"`
	Message signed.Hash `json:"message,omitzero"` // none where an id was withdrawn before it was accepted
	LoggedEvent
}

// Again names a message whose bytes are wanted again.
type Again struct {
	ID      signed.ID   `json:"id"`
	Message signed.Hash `json:"message"`
}

// A Want is the body of a want.
type Want struct {
	Message signed.Hash `json:"message"`
}

// RegisterAnswer answers Register.
type RegisterAnswer struct {
	Checkpoint string   `json:"checkpoint"`
	Entries    [][]byte `json:"entries,omitempty"`
}
