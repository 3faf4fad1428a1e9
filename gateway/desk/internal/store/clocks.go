package store

import (
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Open returns the messages of a direction that ask, count, and are neither settled
// nor dropped, and have not lapsed, oldest first. They are few beside all that passed.
func (t *Tx) Open(received bool) ([]Row, error) { return t.mail(openMail, received) }

const openMail = `WHERE m.received = ? AND m.asks = 1 AND m.answered = 0 AND m.dropped = 0 AND ` + counting + ` AND state != 'lapsed' ORDER BY m.seq`

// Index returns the place in the log of an event of a text; ErrNotFound: it is not
// proven.
func (t *Tx) Index(textHash signed.Hash, event envelope.Event) (index int64, err error) {
	err = t.row("read place in the log", []any{sealed("proven"), &index}, `SELECT `+wholeOf("proven", "")+`, idx FROM proven WHERE text = ? AND event = ?`, textHash[:], string(event))
	return index, err
}

// Time returns when the log recorded an event of a text; zero: it did not.
func (t *Tx) Time(textHash signed.Hash, event envelope.Event) (signed.Time, error) {
	at, err := first(rows(t, "read logged time", func(scan func(...any) error) (at signed.Time, err error) {
		err = scan(sealed("proven"), unix{&at})
		return at, err
	},
		`SELECT `+wholeOf("proven", "")+`, time FROM proven WHERE text = ? AND event = ?`, textHash[:], string(event)))
	if err == ErrNotFound {
		err = nil
	}
	return at, err
}

// scanAge scans a time that is computed of many rows.
func scanAge(scan func(...any) error) (at signed.Time, err error) {
	err = scan(unix{&at})
	return at, err
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
		return c, scan(sealed("answers"), &c.Class, &c.OnTime, &c.N)
	}, `SELECT `+wholeOf("answers", "")+`, class, on_time, n FROM answers`)
}
