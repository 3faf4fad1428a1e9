package store

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An InboxItem is one envelope that this desk received.
type InboxItem struct {
	Message      signed.Hash
	Seq          int64
	From         signed.Address
	ID           signed.ID
	Type         string
	Conversation signed.ID
	ReplyTo      signed.Hash
	Outcome      string // once it was opened
	State        State
	Answered     signed.Time // when our answer ended its clock; zero: none did
	Answer       signed.Hash // that answer
	Access       string      // how this desk reaches what is asked for, once it declared that
	Code         problem.Code
	Detail       string
	Note         []byte
}

// AddInbox puts a new item behind the others. A second text of the same sender
// and id is refused by the table itself.
func (t *Tx) AddInbox(i InboxItem) error {
	return t.put("take in message", `INSERT INTO inbox
		(message, seq, sender, id, type, conversation, reply_to, state)
		VALUES (?,(SELECT coalesce(max(seq),0)+1 FROM inbox),?,?,?,?,?,?)`,
		i.Message[:], string(i.From), i.ID[:], i.Type, i.Conversation[:], i.ReplyTo[:], string(i.State))
}

// SetInbox moves an item to a state, with a code and its detail or with none.
func (t *Tx) SetInbox(message signed.Hash, state State, code problem.Code, detail string) error {
	return t.exec("move inbox item", `UPDATE inbox SET state = ?, code = ?, detail = ? WHERE message = ?`,
		string(state), string(code), detail, message[:])
}

// SetOutcome notes what an opened message says, as a word of the catalogue.
func (t *Tx) SetOutcome(message signed.Hash, outcome string) error {
	return t.exec("mark inbox item", `UPDATE inbox SET outcome = ? WHERE message = ?`, outcome, message[:])
}

// SetAccess notes what this desk declared of a message.
func (t *Tx) SetAccess(message signed.Hash, access string) error {
	return t.exec("mark inbox item", `UPDATE inbox SET access = ? WHERE message = ?`, access, message[:])
}

// InboxAnswered notes which answer of ours ended a message's clock, and when.
func (t *Tx) InboxAnswered(message, answer signed.Hash, at signed.Time) error {
	return t.exec("mark inbox item", `UPDATE inbox SET answered = ?, answer = ? WHERE message = ?`,
		at.Unix(), answer[:], message[:])
}

// InboxUnanswered takes that back.
func (t *Tx) InboxUnanswered(message signed.Hash) error {
	return t.exec("mark inbox item", `UPDATE inbox SET answered = 0, answer = x'' WHERE message = ?`, message[:])
}

const inboxColumns = `SELECT i.message, i.seq, i.sender, i.id, i.type, i.conversation,
	i.reply_to, i.outcome, i.state, i.answered, i.answer, i.access, i.code, i.detail, m.note
	FROM inbox i JOIN messages m USING (message) `

func scanInbox(scan func(...any) error) (i InboxItem, err error) {
	var message, id, conversation, reply, answer []byte
	var answered int64
	err = scan(&message, &i.Seq, &i.From, &id, &i.Type, &conversation, &reply,
		&i.Outcome, &i.State, &answered, &answer, &i.Access, &i.Code, &i.Detail, &i.Note)
	copy(i.Message[:], message)
	copy(i.ID[:], id)
	copy(i.Conversation[:], conversation)
	copy(i.ReplyTo[:], reply)
	copy(i.Answer[:], answer)
	if answered > 0 {
		i.Answered = fromUnix(answered)
	}
	return i, err
}

// Inbox returns one item.
func (t *Tx) Inbox(message signed.Hash) (InboxItem, error) {
	return first(rows(t, "read inbox", scanInbox, inboxColumns+`WHERE i.message = ?`, message[:]))
}

// InboxBy returns the item of a sender and id.
func (t *Tx) InboxBy(from signed.Address, id signed.ID) (InboxItem, error) {
	return first(rows(t, "read inbox", scanInbox, inboxColumns+`WHERE i.sender = ? AND i.id = ?`, string(from), id[:]))
}

// InboxID returns the items with an id: more than one only when two senders
// chose the same.
func (t *Tx) InboxID(id signed.ID) ([]InboxItem, error) {
	return rows(t, "read inbox", scanInbox, inboxColumns+`WHERE i.id = ?`, id[:])
}

// Inboxes returns the newest items, the newest first.
func (t *Tx) Inboxes(limit int) ([]InboxItem, error) {
	return rows(t, "read inbox", scanInbox, inboxColumns+`ORDER BY i.seq DESC LIMIT ?`, limit)
}

// InboxIn returns the items in a state, oldest first.
func (t *Tx) InboxIn(state State) ([]InboxItem, error) {
	return rows(t, "read inbox", scanInbox, inboxColumns+`WHERE i.state = ? ORDER BY i.seq`, string(state))
}

// CountWaiting says how many items, consigned here or to be sent, wait for what a
// detail names.
func (t *Tx) CountWaiting(detail string) (n int, err error) {
	err = t.row("count what waits", []any{&n}, `SELECT
		(SELECT count(*) FROM inbox WHERE state = 'consigned' AND detail = ?1) +
		(SELECT count(*) FROM outbox WHERE detail = ?1)`, detail)
	return n, err
}

// Counts says how many items each state has, of the outbox and of the inbox.
func (t *Tx) Counts() (outbox, inbox map[State]int, err error) {
	if outbox, err = t.counts("outbox"); err != nil {
		return nil, nil, err
	}
	inbox, err = t.counts("inbox")
	return outbox, inbox, err
}

func (t *Tx) counts(table string) (map[State]int, error) {
	type count struct {
		state State
		n     int
	}
	all, err := rows(t, "count "+table, func(scan func(...any) error) (c count, err error) {
		return c, scan(&c.state, &c.n)
	}, `SELECT state, count(*) FROM `+table+` GROUP BY state`)
	m := map[State]int{}
	for _, c := range all {
		m[c.state] = c.n
	}
	return m, err
}
