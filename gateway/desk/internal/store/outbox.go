package store

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A State is where a message stands.
type State string

const (
	// Of the outbox alone.
	Queued   State = "queued"   // durable here, not yet accepted
	Accepted State = "accepted" // the log proves its acceptance
	Rejected State = "rejected" // the broker refused it for good

	// Of the inbox alone.
	Stored State = "stored" // durable here, its consignment not yet proven
	Opened State = "opened" // in an officer's view, its handover not yet proven
	Failed State = "failed" // found invalid, the refusal not yet proven

	// Of both.
	Consigned State = "consigned"

	// Ends.
	HandedOver State = "handed-over"
	Refused    State = "refused" // by the receiving desk
	Expired    State = "expired"
	Withdrawn  State = "withdrawn"
)

// OutboxStates and InboxStates list the states in the order of a message's life.
var (
	OutboxStates = []State{Queued, Accepted, Consigned, HandedOver, Refused, Expired, Withdrawn, Rejected}
	InboxStates  = []State{Stored, Consigned, Opened, Failed, HandedOver, Refused, Expired, Withdrawn}
)

// Ended reports whether nothing more will happen to a message.
func (s State) Ended() bool {
	switch s {
	case HandedOver, Refused, Expired, Withdrawn, Rejected:
		return true
	}
	return false
}

// An OutboxItem is one envelope that this desk sends.
type OutboxItem struct {
	ID           signed.ID
	Seq          int64
	Send         string // names the send; its envelopes share it
	To           signed.Address
	Message      signed.Hash // of the newest attempt, or of the accepted one
	Type         string
	Conversation signed.ID
	ReplyTo      signed.Hash // zero: none
	Outcome      string      // what it says, as a word of the catalogue, such as PARTIAL
	State        State
	Answered     signed.Time  // when an answer ended its clock; zero: none did
	Code         problem.Code // why it was refused, or what it waits for
	Detail       string
	Note         []byte // header note of Message
}

// AddOutbox puts a new item behind the others.
func (t *Tx) AddOutbox(o OutboxItem) error {
	err := t.put("queue message", `INSERT INTO outbox
		(id, seq, send, recipient, message, type, conversation, reply_to, outcome, state)
		VALUES (?,(SELECT coalesce(max(seq),0)+1 FROM outbox),?,?,?,?,?,?,?,?)`,
		o.ID[:], o.Send, string(o.To), o.Message[:], o.Type, o.Conversation[:], o.ReplyTo[:], o.Outcome, string(o.State))
	if err != nil {
		return err
	}
	return t.addAttempt(o.ID, o.Message)
}

func (t *Tx) addAttempt(id signed.ID, message signed.Hash) error {
	return t.put("keep attempt", `INSERT INTO attempts (message, id) VALUES (?,?)`, message[:], id[:])
}

// AddAttempt makes a message the newest text of an id. Earlier ones are kept:
// one of them may turn out to be the accepted one.
func (t *Tx) AddAttempt(id signed.ID, message signed.Hash) error {
	if err := t.addAttempt(id, message); err != nil {
		return err
	}
	return t.SetAttempt(id, message)
}

// SetAttempt says which of an id's texts counts.
func (t *Tx) SetAttempt(id signed.ID, message signed.Hash) error {
	return t.exec("set attempt", `UPDATE outbox SET message = ? WHERE id = ?
		AND EXISTS (SELECT 1 FROM attempts WHERE attempts.id = outbox.id AND message = ?)`, message[:], id[:], message[:])
}

// AttemptOf returns the id under which this desk made a text.
func (t *Tx) AttemptOf(message signed.Hash) (id signed.ID, err error) {
	var b []byte
	err = t.row("find attempt", []any{&b}, `SELECT id FROM attempts WHERE message = ?`, message[:])
	copy(id[:], b)
	return id, err
}

// SetOutbox moves an item to a state, with a code and its detail or with none.
func (t *Tx) SetOutbox(id signed.ID, state State, code problem.Code, detail string) error {
	t.moved = append(t.moved, move{id, state})
	return t.exec("move outbox item", `UPDATE outbox SET state = ?, code = ?, detail = ? WHERE id = ?`,
		string(state), string(code), detail, id[:])
}

// OutboxAnswered notes when a clock that runs for the other desk was ended.
func (t *Tx) OutboxAnswered(id signed.ID, at signed.Time) error {
	return t.exec("mark outbox item", `UPDATE outbox SET answered = ? WHERE id = ?`, at.Unix(), id[:])
}

const outboxColumns = `SELECT o.id, o.seq, o.send, o.recipient, o.message, o.type, o.conversation,
	o.reply_to, o.outcome, o.state, o.answered, o.code, o.detail, m.note
	FROM outbox o JOIN messages m USING (message) `

func scanOutbox(scan func(...any) error) (o OutboxItem, err error) {
	var id, message, conversation, reply []byte
	var answered int64
	err = scan(&id, &o.Seq, &o.Send, &o.To, &message, &o.Type, &conversation, &reply,
		&o.Outcome, &o.State, &answered, &o.Code, &o.Detail, &o.Note)
	copy(o.ID[:], id)
	copy(o.Message[:], message)
	copy(o.Conversation[:], conversation)
	copy(o.ReplyTo[:], reply)
	if answered > 0 {
		o.Answered = fromUnix(answered)
	}
	return o, err
}

func (t *Tx) oneOutbox(query string, args ...any) (OutboxItem, error) {
	return first(rows(t, "read outbox", scanOutbox, outboxColumns+query, args...))
}

// Outbox returns one item.
func (t *Tx) Outbox(id signed.ID) (OutboxItem, error) {
	return t.oneOutbox(`WHERE o.id = ?`, id[:])
}

// Outboxes returns the newest items, the newest first.
func (t *Tx) Outboxes(limit int) ([]OutboxItem, error) {
	return rows(t, "read outbox", scanOutbox, outboxColumns+`ORDER BY o.seq DESC LIMIT ?`, limit)
}

// ToSubmit returns the items that have no proof of acceptance, oldest first:
// what is queued, and what was heard of before its acceptance was.
func (t *Tx) ToSubmit() ([]OutboxItem, error) {
	return rows(t, "read outbox", scanOutbox, outboxColumns+`WHERE o.state = 'queued'
		OR o.state IN ('consigned', 'handed-over', 'refused', 'expired') AND NOT EXISTS
			(SELECT 1 FROM facts f WHERE f.message = o.message AND f.event = 'accepted')
		ORDER BY o.seq`)
}

// Send returns the items of a send, by recipient.
func (t *Tx) Send(name string) ([]OutboxItem, error) {
	return rows(t, "read outbox", scanOutbox, outboxColumns+`WHERE o.send = ? ORDER BY o.recipient`, name)
}

// A Blocked is a recipient to whom a sending did not go.
type Blocked struct {
	To     signed.Address
	Code   problem.Code
	Detail string
}

// AddBlocked keeps with a sending whom it did not go to.
func (t *Tx) AddBlocked(send string, b Blocked) error {
	return t.put("keep blocked recipient", `INSERT INTO blocked (send, recipient, code, detail) VALUES (?,?,?,?)`,
		send, string(b.To), string(b.Code), b.Detail)
}

// Blocked returns whom a sending did not go to.
func (t *Tx) Blocked(send string) ([]Blocked, error) {
	return rows(t, "read blocked recipients", func(scan func(...any) error) (b Blocked, err error) {
		return b, scan(&b.To, &b.Code, &b.Detail)
	}, `SELECT recipient, code, detail FROM blocked WHERE send = ? ORDER BY recipient`, send)
}

func first[T any](all []T, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	if len(all) == 0 {
		return zero, ErrNotFound
	}
	return all[0], nil
}

// After reports whether a message that stood at t may come to stand at s: a
// state never goes back, and an end stays. Rejected is the broker's word, which
// the log's proof of anything else takes back.
func (s State) After(t State) bool {
	return (!t.Ended() || t == Rejected) && order[s] > order[t]
}

var order = map[State]int{
	Queued: 1, Stored: 1, Rejected: 2, Accepted: 3, Consigned: 4, Opened: 5, Failed: 5,
	HandedOver: 6, Refused: 6, Expired: 6, Withdrawn: 6,
}
