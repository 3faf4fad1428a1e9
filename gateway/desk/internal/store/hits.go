package store

import (
	"encoding/json"

	"samband/gateway/signed"
)

// LastProven is the place behind which [Tx.HandedOverSince] begins, for who has seen all
// there is.
func (t *Tx) LastProven() (at int64, err error) {
	err = t.row("read last proof", []any{&at}, `SELECT coalesce(max(rowid), 0) FROM proven`)
	return at, err
}

// HandedOverSince lists received messages of the types that were handed over after a
// place, in the order in which this desk learnt it.
func (t *Tx) HandedOverSince(after int64, types []string, limit int) ([]Shown, error) {
	return rows(t, "read what was handed over", func(scan func(...any) error) (s Shown, err error) {
		err = scan(sealed("proven"), sealed("mail"), &s.At, &s.Row.Seq, fixed(s.Row.TextHash[:]), fixed(s.Row.ID[:]), &s.Row.From)
		return s, err
	}, handedOverSince, after, listOf(types), limit)
}

var handedOverSince = `SELECT ` + wholeOf("proven", "p") + `, ` + wholeOf("mail", "m") + `, p.rowid, m.seq, m.text, m.id, m.sender FROM proven p JOIN attempts a ON a.text = p.text JOIN mail m ON m.seq = a.seq
	WHERE p.rowid > ? AND p.event = 'handed-over' AND m.received = 1 AND m.type IN (SELECT value FROM json_each(?)) ORDER BY p.rowid LIMIT ?`

// Unreplied lists received messages of a type behind a place that were handed over, that
// are open, and to which this desk has sent nothing, oldest first.
func (t *Tx) Unreplied(typ string, after int64, limit int) ([]Row, error) {
	return t.mail(unreplied, typ, after, limit)
}

const unreplied = `INDEXED BY mail_handed_over WHERE m.received = 1 AND m.state = 'handed-over' AND m.type = ? AND m.seq > ?
	AND m.answered = 0 AND m.dropped = 0 AND NOT EXISTS (SELECT 1 FROM mail r INDEXED BY mail_answering WHERE r.received = 0 AND r.reply_to = m.text AND r.` + counting + `)
	ORDER BY m.seq LIMIT ?`

// Replied reports whether this desk has sent a reply to a text that may still count.
func (t *Tx) Replied(textHash signed.Hash) (yes bool, err error) {
	err = t.row("look for a reply", []any{&yes}, replied, textHash[:])
	return yes, err
}

const replied = `SELECT EXISTS (SELECT 1 FROM mail r INDEXED BY mail_answering WHERE r.received = 0 AND r.reply_to = ? AND r.` + counting + `)`

func listOf(words []string) string {
	b, _ := json.Marshal(words) // strings always encode
	return string(b)
}

// AddMatch keeps what this desk found for a received query, sealed, under the reference
// by which others name it.
func (t *Tx) AddMatch(reference string, query signed.Hash, sealed []byte) error {
	return t.put("keep match", `INSERT INTO matches (reference, text, sealed) VALUES (?,?,?)`, reference, query[:], sealed)
}

// Match returns what AddMatch kept; ErrNotFound when there is none, or the query was
// erased.
func (t *Tx) Match(reference string) (query signed.Hash, found []byte, err error) {
	err = t.row("read match", []any{sealed("matches"), fixed(query[:]), &found}, `SELECT `+wholeOf("matches", "")+`, text, sealed FROM matches WHERE reference = ?`, reference)
	return query, found, err
}
