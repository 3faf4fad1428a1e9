package store

import (
	"fmt"

	"samband/gateway/signed"
)

// counting says in a query what [State.Counts] says.
const counting = `state NOT IN ('failed', 'refused', 'expired', 'withdrawn', 'rejected')`

// Counts reports whether a message in this state counts for a clock: it was not
// found invalid, and has not ended otherwise than in an officer's view.
func (s State) Counts() bool {
	return s != Failed && (!s.Ended() || s == HandedOver)
}

// OpenRequests returns what this desk received of a type and nobody has answered,
// oldest first.
func (t *Tx) OpenRequests(typ string) ([]InboxItem, error) {
	return rows(t, "read inbox", scanInbox, inboxColumns+openRequests, typ)
}

const openRequests = `WHERE i.type = ? AND answered = 0 AND ` + counting + ` ORDER BY i.seq`

// RequestsOf returns what this desk received from another in a conversation,
// oldest first.
func (t *Tx) RequestsOf(from signed.Address, conversation signed.ID) ([]InboxItem, error) {
	return rows(t, "read inbox", scanInbox, inboxColumns+`WHERE i.conversation = ? AND +i.sender = ?
		ORDER BY i.seq`, conversation[:], string(from))
}

// RequestsTo returns what this desk sent to another in a conversation and nobody
// has answered, oldest first.
func (t *Tx) RequestsTo(to signed.Address, conversation signed.ID) ([]OutboxItem, error) {
	return rows(t, "read outbox", scanOutbox, outboxColumns+`WHERE o.conversation = ? AND o.recipient = ?
		AND o.answered = 0 ORDER BY o.seq`, conversation[:], string(to))
}

// SentReplies returns what this desk answered to a message and had accepted, in
// the log's order.
func (t *Tx) SentReplies(message signed.Hash) ([]OutboxItem, error) {
	return rows(t, "read outbox", scanOutbox, outboxColumns+sentReplies, message[:])
}

const sentReplies = `JOIN facts f ON f.message = o.message AND f.event = 'accepted'
	WHERE o.reply_to = ? ORDER BY f.idx`

// Time returns when the log recorded an event of a message; zero: it did not.
func (t *Tx) Time(message signed.Hash, event string) (signed.Time, error) {
	at, err := first(rows(t, "read logged time", scanTime,
		`SELECT time FROM facts WHERE message = ? AND event = ?`, message[:], event))
	if err == ErrNotFound {
		err = nil
	}
	return at, err
}

func scanTime(scan func(...any) error) (signed.Time, error) {
	var at int64
	err := scan(&at)
	return fromUnix(at), err
}

// A Dialogue is the questions back about one request between its two desks, and
// their answers.
type Dialogue struct {
	Request          signed.Hash
	Received         bool           // by this desk, which then asks the questions; else it answers them
	With             signed.Address // the other desk
	Conversation     signed.ID
	Question, Answer string // types
}

// A Turn is a question or an answer of a dialogue.
type Turn struct {
	Message  signed.Hash
	ReplyTo  signed.Hash
	Question bool
	Accepted signed.Time // by the log
}

// Turns returns the accepted turns of a dialogue that count. What it reads are
// they alone, however long the conversation is.
func (t *Tx) Turns(d Dialogue) ([]Turn, error) {
	query := askedOfUs
	if d.Received {
		query = askedByUs
	}
	return rows(t, "read questions", scanTurn, query,
		d.Request[:], d.Question, d.Answer, string(d.With), d.Conversation[:])
}

func scanTurn(scan func(...any) error) (u Turn, err error) {
	var message, reply []byte
	var at int64
	err = scan(&message, &reply, &u.Question, &at)
	copy(u.Message[:], message)
	copy(u.ReplyTo[:], reply)
	u.Accepted = fromUnix(at)
	return u, err
}

var (
	askedByUs = turnsBetween("outbox", "recipient", "inbox", "sender")
	askedOfUs = turnsBetween("inbox", "sender", "outbox", "recipient")
)

// turnsBetween makes a query that walks from a request to the questions about it,
// from each to its answers, and from each of them to the questions about it. The
// plus keeps SQLite from searching by that column.
func turnsBetween(questions, asked, answers, told string) string {
	return fmt.Sprintf(`WITH RECURSIVE turn (message, reply_to, question, time) AS (
		VALUES (?1, x'', 0, 0)
		UNION ALL
		SELECT m.message, m.reply_to, 1, f.time FROM turn t JOIN %[1]s m ON m.reply_to = t.message
			JOIN facts f ON f.message = m.message AND f.event = 'accepted'
			WHERE NOT t.question AND m.type = ?2 AND +m.%[2]s = ?4 AND +m.conversation = ?5 AND m.%[5]s
		UNION ALL
		SELECT m.message, m.reply_to, 0, f.time FROM turn t JOIN %[3]s m ON m.reply_to = t.message
			JOIN facts f ON f.message = m.message AND f.event = 'accepted'
			WHERE t.question AND m.type = ?3 AND +m.%[4]s = ?4 AND +m.conversation = ?5 AND m.%[5]s
		) SELECT message, reply_to, question, time FROM turn WHERE time > 0`, questions, asked, answers, told, counting)
}

// CountAnswer counts an answer that was logged, of a class of deadlines, in time
// or late.
func (t *Tx) CountAnswer(class string, onTime bool) error {
	return t.put("count answer", `INSERT INTO answers (class, on_time, n) VALUES (?,?,1)
		ON CONFLICT (class, on_time) DO UPDATE SET n = n + 1`, class, onTime)
}

// An AnswerCount is how many answers were logged.
type AnswerCount struct {
	Class  string
	OnTime bool
	N      int
}

// CountAnswers returns what CountAnswer has counted.
func (t *Tx) CountAnswers() ([]AnswerCount, error) {
	return rows(t, "count answers", func(scan func(...any) error) (c AnswerCount, err error) {
		return c, scan(&c.Class, &c.OnTime, &c.N)
	}, `SELECT class, on_time, n FROM answers`)
}
