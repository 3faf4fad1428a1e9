package store

import "samband/gateway/signed"

// A Conversation is what this desk and another speak of.
type Conversation struct {
	ID    signed.ID
	Other signed.Address
	Last  int64 // Seq of its newest message
}

// Conversations returns the conversations with the newest messages, the newest first;
// or, for an id that is not zero, those that have it.
func (t *Tx) Conversations(id signed.ID, limit int) ([]Conversation, error) {
	query, args := newestConversations, []any{limit}
	if !id.IsZero() {
		query, args = conversationsOf, []any{id[:], limit}
	}
	return rows(t, "read conversations", func(scan func(...any) error) (c Conversation, err error) {
		return c, scan(sealed("conversations"), fixed(c.ID[:]), &c.Other, &c.Last)
	}, query, args...)
}

// Conversation completes the id and the other desk of a conversation.
func (t *Tx) Conversation(c Conversation) (Conversation, error) {
	err := t.row("read conversation", []any{sealed("conversations"), &c.Last}, `SELECT `+wholeOf("conversations", "")+`, last FROM conversations WHERE conversation = ? AND other = ?`, c.ID[:], string(c.Other))
	return c, err
}

var (
	newestConversations = `SELECT ` + wholeOf("conversations", "") + `, conversation, other, last FROM conversations ORDER BY last DESC LIMIT ?`
	conversationsOf     = `SELECT ` + wholeOf("conversations", "") + `, conversation, other, last FROM conversations WHERE conversation = ? ORDER BY last DESC LIMIT ?`
)

// ClosedBy returns the message that closed a conversation between this desk and
// another, the first by the log, and when it was accepted; ErrNotFound: it is open.
func (t *Tx) ClosedBy(id signed.ID, other signed.Address) (by Later, err error) {
	return first(rows(t, "read what closed a conversation", func(scan func(...any) error) (l Later, err error) {
		l.Row, err = scanRow(func(columns ...any) error {
			return scan(append(columns, sealed("proven"), unix{&l.Accepted}, &l.Index)...)
		})
		return l, err
	}, closedBy, id[:], string(other)))
}

var closedBy = mailColumnsOf + `, ` + wholeOf("proven", "f") + `, f.time, f.idx FROM mail m INDEXED BY mail_closing
	JOIN proven f ON f.text = m.text AND f.event = 'accepted'
	WHERE m.conversation = ? AND m.closes = 1 AND m.effective = 1 AND ? = CASE WHEN m.received THEN m.sender ELSE m.recipient END
	ORDER BY f.idx LIMIT 1`

// LastOf returns the newest message of a type that this desk sent, was accepted and
// counts; ErrNotFound: there is none.
func (t *Tx) LastOf(typ string) (Row, error) { return t.message(lastOf, typ) }

const lastOf = `INDEXED BY mail_yearly WHERE m.received = 0 AND m.accepted = 1 AND m.type = ? AND ` + counting + ` ORDER BY m.seq DESC LIMIT 1`
