package store

import (
	"errors"

	"samband/gateway/signed"
)

// An Erasing is a message that this desk erased and that no list in the log names yet.
type Erasing struct {
	Seq      int64
	Received bool
	From     signed.Address
	ID       signed.ID
	Since    signed.Time // by this desk's clock
}

// AddErasing notes that a list owes a message.
func (t *Tx) AddErasing(e Erasing) error {
	return t.put("note erasure", `INSERT INTO erasing (received, sender, id, since) VALUES (?,?,?,?)`,
		e.Received, string(e.From), e.ID[:], e.Since.Unix())
}

// Unlisted returns the oldest erasures that no list was made of.
func (t *Tx) Unlisted(limit int) ([]Erasing, error) {
	return rows(t, "read erasures", func(scan func(...any) error) (e Erasing, err error) {
		return e, scan(sealed("erasing"), &e.Seq, &e.Received, &e.From, fixed(e.ID[:]), unix{&e.Since})
	}, `SELECT `+wholeOf("erasing", "")+`, seq, received, sender, id, since FROM erasing WHERE list = x'' ORDER BY seq LIMIT ?`, limit)
}

// CountErasing says how many erasures no list in the log names yet.
func (t *Tx) CountErasing() (n int, err error) {
	err = t.row("count erasures", []any{&n}, `SELECT count(*) FROM erasing`)
	return n, err
}

// How this desk stands to a list of its own.
const (
	ListMade       = "made"       // signed, and not proven yet
	ListProven     = "proven"     // the log has it
	ListUnopened   = "unopened"   // the log had it and this desk did not know: to be opened
	ListOpened     = "opened"     // likewise, and what it names is hidden
	ListUnreadable = "unreadable" // likewise, and it does not open with this ring
	ListLost       = "lost"       // likewise, and the broker has the note no more
)

// An Erasures is a list of erasures as it was signed.
type Erasures struct {
	List  signed.Hash // of the note
	Note  []byte
	State string
	Since signed.Time // by this desk's clock
}

// AddErasures keeps a list.
func (t *Tx) AddErasures(e Erasures) error {
	return t.put("keep list of erasures", `INSERT INTO erasures (list, note, state, since) VALUES (?,?,?,?)`,
		e.List[:], bytesOf(e.Note), e.State, e.Since.Unix())
}

// ListErasing notes which list was made of an erasure.
func (t *Tx) ListErasing(seq int64, list signed.Hash) error {
	return t.exec("note list of erasure", `UPDATE erasing SET list = ? WHERE seq = ?`, list[:], seq)
}

// Erasures returns the lists of a state, the oldest first.
func (t *Tx) Erasures(state string, limit int) ([]Erasures, error) {
	return rows(t, "read lists of erasures", func(scan func(...any) error) (e Erasures, err error) {
		return e, scan(sealed("erasures"), fixed(e.List[:]), &e.Note, &e.State, unix{&e.Since})
	}, `SELECT `+wholeOf("erasures", "")+`, list, note, state, since FROM erasures WHERE state = ? ORDER BY since, list LIMIT ?`, state, limit)
}

// ErasuresState returns how this desk stands to a list; "" when it does not know it.
func (t *Tx) ErasuresState(list signed.Hash) (state string, err error) {
	err = t.row("read list of erasures", []any{sealed("erasures"), &state}, `SELECT `+wholeOf("erasures", "")+`, state FROM erasures WHERE list = ?`, list[:])
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return state, err
}

// MoveErasures changes how this desk stands to a list. Of a proven one it keeps that it
// knows it, and its erasures are owed no more.
func (t *Tx) MoveErasures(list signed.Hash, state string) error {
	if err := t.exec("move list of erasures", `UPDATE erasures SET state = ?1, note = iif(?1 = 'proven', x'', note) WHERE list = ?2`, state, list[:]); err != nil {
		return err
	}
	if state != ListProven {
		return nil
	}
	return t.put("settle erasures", `DELETE FROM erasing WHERE list = ?`, list[:])
}

// RenewErasures puts a list in the place of one that was signed anew.
func (t *Tx) RenewErasures(old signed.Hash, e Erasures) error {
	if err := t.exec("renew list of erasures", `UPDATE erasures SET list = ?, note = ? WHERE list = ?`, e.List[:], e.Note, old[:]); err != nil {
		return err
	}
	return t.put("renew list of erasures", `UPDATE erasing SET list = ? WHERE list = ?`, e.List[:], old[:])
}

// AddErasedName keeps a name of a list that this desk did not know.
func (t *Tx) AddErasedName(name []byte) error {
	return t.put("keep erased name", `INSERT INTO erased_names (name) VALUES (?) ON CONFLICT DO NOTHING`, name)
}

// DropErasedName forgets one.
func (t *Tx) DropErasedName(name []byte) error {
	return t.put("drop erased name", `DELETE FROM erased_names WHERE name = ?`, name)
}

// IsErasedName reports whether a list that this desk did not know has a name.
func (t *Tx) IsErasedName(name []byte) (yes bool, err error) {
	err = t.row("read erased name", []any{&yes}, `SELECT EXISTS (SELECT 1 FROM erased_names WHERE name = ?)`, name)
	return yes, err
}

// Texts returns all texts that a message has or had.
func (t *Tx) Texts(seq int64) ([]signed.Hash, error) {
	return rows(t, "read texts", scanHash("attempts"), `SELECT `+wholeOf("attempts", "")+`, text FROM attempts WHERE seq = ?`, seq)
}

// Hide hides the texts of a message that are not erased.
func (t *Tx) Hide(seq int64) error {
	return t.put("hide message", `INSERT INTO hidden (text)
		SELECT a.text FROM attempts a JOIN texts t ON t.text = a.text WHERE a.seq = ? AND t.erased = 0 ON CONFLICT DO NOTHING`, seq)
}

// Unhide shows the texts of a message again; ErrNotFound when none is hidden.
func (t *Tx) Unhide(seq int64) error {
	return t.exec("show message", `DELETE FROM hidden WHERE text IN (SELECT text FROM attempts WHERE seq = ?)`, seq)
}

// Hidden reports whether a text is hidden.
func (t *Tx) Hidden(textHash signed.Hash) (yes bool, err error) {
	err = t.row("read what is hidden", []any{&yes}, `SELECT EXISTS (SELECT 1 FROM hidden WHERE text = ?)`, textHash[:])
	return yes, err
}

// HiddenMessages returns the messages that are hidden, the newest first.
func (t *Tx) HiddenMessages(limit int) ([]Row, error) {
	return t.mail(`WHERE m.seq IN (SELECT a.seq FROM attempts a JOIN hidden h ON h.text = a.text) ORDER BY m.seq DESC LIMIT ?`, limit)
}

// CountHidden says how many texts are hidden.
func (t *Tx) CountHidden() (n int, err error) {
	err = t.row("count what is hidden", []any{&n}, `SELECT count(*) FROM hidden`)
	return n, err
}

// CountErasures says how many lists have a state.
func (t *Tx) CountErasures(state string) (n int, err error) {
	err = t.row("count lists of erasures", []any{&n}, `SELECT count(*) FROM erasures WHERE state = ?`, state)
	return n, err
}

// Messages returns messages behind a place, oldest first.
func (t *Tx) Messages(after int64, limit int) ([]Row, error) {
	return t.mail(`WHERE m.seq > ? ORDER BY m.seq LIMIT ?`, after, limit)
}
