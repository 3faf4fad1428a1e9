package store

import (
	"samband/gateway/signed"
)

// What follows is asked by whoever mends this database: what one table says that another
// lacks.

// TextsOfNone returns texts that no message has.
func (t *Tx) TextsOfNone() ([]signed.Hash, error) {
	return rows(t, "read texts of no message", scanHash("texts"), `SELECT `+wholeOf("texts", "")+`, text FROM texts WHERE text NOT IN (SELECT text FROM attempts)`)
}

// A Placeless is a text whose message is gone, and the place that it had.
type Placeless struct {
	Seq  int64
	Text signed.Hash
}

// Placeless returns the texts of messages that are gone.
func (t *Tx) Placeless() ([]Placeless, error) {
	return rows(t, "read texts of lost messages", func(scan func(...any) error) (p Placeless, err error) {
		err = scan(sealed("attempts"), &p.Seq, fixed(p.Text[:]))
		return p, err
	}, `SELECT `+wholeOf("attempts", "")+`, seq, text FROM attempts WHERE seq NOT IN (SELECT seq FROM mail) ORDER BY seq`)
}

// Textless returns the messages whose text is gone.
func (t *Tx) Textless() ([]Row, error) { return t.mail(`WHERE m.text NOT IN (SELECT text FROM texts)`) }

// Keyless returns the messages that were opened, and not erased, and whose file key is
// gone: those that this desk sent, or that were handed over.
func (t *Tx) Keyless() ([]Row, error) {
	return t.mail(`JOIN texts t ON t.text = m.text WHERE t.erased = 0 AND (m.received = 0 OR m.state = 'handed-over') AND m.text NOT IN (SELECT text FROM file_keys)`)
}

// AddLostText keeps in the place of a text that it is gone: it has no header, and is erased.
func (t *Tx) AddLostText(text signed.Hash) error {
	return t.put("note a lost text", `INSERT INTO texts (text, note, sealed, erased) VALUES (?, x'', x'', 1)`, text[:])
}

// Unaccepted returns the sent messages of which a proof was there, and is not.
func (t *Tx) Unaccepted(received bool) ([]Row, error) {
	return t.mail(`WHERE m.received = ? AND m.accepted = 1 AND NOT EXISTS (SELECT 1 FROM proven p WHERE p.text = m.text AND p.event = 'accepted')`, received)
}

// Unsaid returns the messages whose end no proof says, though it stands here. Rejected is
// the broker's word, or this desk's own.
func (t *Tx) Unsaid() ([]Row, error) {
	return t.mail(`WHERE m.state NOT IN ('queued', 'accepted', 'rejected') AND m.accepted = 1
		AND NOT EXISTS (SELECT 1 FROM proven p WHERE p.text = m.text AND p.event = m.state)`)
}

// Effective returns the messages that mean something for earlier ones.
func (t *Tx) Effective() ([]Row, error) { return t.mail(`WHERE m.effective = 1 ORDER BY m.seq`) }

// DropAllLinks forgets the links of all messages.
func (t *Tx) DropAllLinks() error { return t.put("forget links", `DELETE FROM links`) }

// AddConversations makes the conversations anew from the messages.
func (t *Tx) AddConversations() error {
	if err := t.put("forget conversations", `DELETE FROM conversations`); err != nil {
		return err
	}
	return t.put("make conversations anew", `INSERT INTO conversations (conversation, other, last)
		SELECT conversation, CASE WHEN received THEN sender ELSE recipient END AS other, max(seq) FROM mail GROUP BY conversation, other`)
}

// DropCursor forgets how far a feed was read.
func (t *Tx) DropCursor(feed string) error {
	return t.put("forget cursor", `DELETE FROM cursors WHERE feed = ?`, feed)
}

// OpenErasuresAgain has the lists that were opened opened once more: they hide what they
// name again.
func (t *Tx) OpenErasuresAgain() error {
	return t.put("open lists of erasures again", `UPDATE erasures SET state = 'unopened' WHERE state = 'opened'`)
}

// RegisterGap is the first index of the register that is not there.
func (t *Tx) RegisterGap() (index int64, err error) {
	err = t.row("look for a gap in the register", []any{&index}, `SELECT coalesce(min(idx) + 1, 0) FROM register r WHERE NOT EXISTS (SELECT 1 FROM register n WHERE n.idx = r.idx + 1)
		AND EXISTS (SELECT 1 FROM register z WHERE z.idx = 0)`)
	return index, err
}

// DropEntries forgets the register's entries from an index on.
func (t *Tx) DropEntries(from int64) error {
	return t.put("forget register entries", `DELETE FROM register WHERE idx >= ?`, from)
}

// EachProof gives the proofs one by one, the newest first, until f says that it is enough.
func (t *Tx) EachProof(f func(proof []byte) (enough bool)) error {
	return t.each(func(scan func(...any) error) (bool, error) {
		var proof []byte
		if err := scan(&proof); err != nil {
			return false, err
		}
		return f(proof), nil
	}, `SELECT proof FROM proven WHERE `+wholeOf("proven", "")+` ORDER BY rowid DESC`)
}
