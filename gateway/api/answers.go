package api

import "samband/gateway/envelope"

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
	Note        []byte         `json:"note,omitempty"` // the whole consignment or statement; none for expired and lapsed
	Proof       string         `json:"proof"`
	Consistency Hashes         `json:"consistency,omitempty"` // from the note's own as-of to the catchup's checkpoint
}
