package store

import (
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// OpenRequests returns what this desk received of a type and nobody has answered,
// oldest first.
func (t *Tx) OpenRequests(typ string) ([]Row, error) { return t.mail(openRequests, typ) }

const openRequests = `WHERE m.received = 1 AND m.type = ? AND m.answered = 0 AND ` + counting + ` ORDER BY m.seq`

// Requests returns what passed between this desk and another in a conversation, in
// one direction, oldest first.
func (t *Tx) Requests(received bool, other signed.Address, conversation signed.ID) ([]Row, error) {
	return t.mail(`WHERE m.conversation = ? AND m.received = ? AND ? = CASE WHEN m.received THEN m.sender ELSE m.recipient END
		ORDER BY m.seq`, conversation[:], received, string(other))
}

// SentReplies returns what this desk answered to a text and had accepted, in the
// log's order.
func (t *Tx) SentReplies(textHash signed.Hash) ([]Row, error) {
	return t.mail(sentReplies, textHash[:])
}

const sentReplies = `JOIN proven f ON f.text = m.text AND f.event = 'accepted'
	WHERE m.received = 0 AND m.reply_to = ? ORDER BY f.idx`

// Time returns when the log recorded an event of a text; zero: it did not.
func (t *Tx) Time(textHash signed.Hash, event envelope.Event) (signed.Time, error) {
	at, err := first(rows(t, "read logged time", scanTime,
		`SELECT time FROM proven WHERE text = ? AND event = ?`, textHash[:], string(event)))
	if err == ErrNotFound {
		err = nil
	}
	return at, err
}

func scanTime(scan func(...any) error) (at signed.Time, err error) {
	err = scan(unix{&at})
	return at, err
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
	TextHash signed.Hash
	ReplyTo  signed.Hash
	Question bool
	Accepted signed.Time // by the log
}

// Turns returns the accepted turns of a dialogue that count. What it reads are
// they alone, however long the conversation is.
func (t *Tx) Turns(d Dialogue) ([]Turn, error) {
	return rows(t, "read questions", scanTurn, turns,
		d.Request[:], d.Question, d.Answer, string(d.With), d.Conversation[:], !d.Received)
}

func scanTurn(scan func(...any) error) (u Turn, err error) {
	err = scan(fixed(u.TextHash[:]), fixed(u.ReplyTo[:]), &u.Question, unix{&u.Accepted})
	return u, err
}

// turns walks from a request to the questions about it, from each to its answers,
// and from each of them to the questions about it. Questions are of the direction
// that the last parameter says, answers of the other. The plus keeps SQLite from
// searching by that column.
const turns = `WITH RECURSIVE turn (text, reply_to, question, time) AS (
	VALUES (?1, x'', 0, 0)
	UNION ALL
	SELECT m.text, m.reply_to, NOT t.question, f.time FROM turn t
		JOIN mail m ON m.reply_to = t.text AND m.received = CASE WHEN t.question THEN NOT ?6 ELSE ?6 END
			AND m.type = CASE WHEN t.question THEN ?3 ELSE ?2 END
		JOIN proven f ON f.text = m.text AND f.event = 'accepted'
		WHERE ?4 = CASE WHEN +m.received THEN +m.sender ELSE +m.recipient END AND +m.conversation = ?5 AND +m.` + counting + `
	) SELECT text, reply_to, question, time FROM turn WHERE time > 0`

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
