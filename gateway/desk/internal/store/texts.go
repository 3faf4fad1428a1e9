package store

import (
	"samband/gateway/signed"
)

// AddText keeps a text as it crosses the wire: header note and sealed part.
func (t *Tx) AddText(textHash signed.Hash, note, sealed []byte) error {
	return t.put("keep text", `INSERT INTO texts (text, note, sealed) VALUES (?,?,?)
		ON CONFLICT DO NOTHING`, textHash[:], note, sealed)
}

// PutNote replaces the signatures of a text.
func (t *Tx) PutNote(textHash signed.Hash, note []byte) error {
	return t.exec("sign text anew", `UPDATE texts SET note = ? WHERE text = ?`, note, textHash[:])
}

// Note returns the header note of a text.
func (t *Tx) Note(textHash signed.Hash) (note []byte, err error) {
	err = t.row("read header", []any{sealed("texts"), &note}, `SELECT `+wholeOf("texts", "")+`, note FROM texts WHERE text = ?`, textHash[:])
	return note, err
}

// Header returns the text of a header note without its signatures.
func (t *Tx) Header(textHash signed.Hash) (header string, err error) {
	err = t.row("read header", []any{sealed("texts"), &header}, `SELECT `+wholeOf("texts", "")+`, substr(note, 1, instr(note, x'0a0a')) FROM texts WHERE text = ?`, textHash[:])
	return header, err
}

// Envelope returns a text as it crossed the wire; ErrNotFound when it was erased.
func (t *Tx) Envelope(textHash signed.Hash) ([]byte, error) {
	var note, content []byte
	err := t.row("read message", []any{sealed("texts"), &note, &content},
		`SELECT `+wholeOf("texts", "")+`, note, sealed FROM texts WHERE text = ? AND erased = 0`, textHash[:])
	return append(note, content...), err
}

// PutFileKey keeps the wrapped file key of a text.
func (t *Tx) PutFileKey(textHash signed.Hash, wrapped []byte) error {
	return t.put("keep file key", `INSERT INTO file_keys (text, wrapped) VALUES (?,?)
		ON CONFLICT DO NOTHING`, textHash[:], wrapped)
}

// FileKey returns the wrapped file key of a text; ErrNotFound when it was never
// opened, or erased.
func (t *Tx) FileKey(textHash signed.Hash) (wrapped []byte, err error) {
	err = t.row("read file key", []any{sealed("file_keys"), &wrapped}, `SELECT `+wholeOf("file_keys", "")+`, wrapped FROM file_keys WHERE text = ?`, textHash[:])
	return wrapped, err
}

// Erase drops the file key of a text, its sealed part, and what was found for it; it is
// hidden no more; the
// header stays, for what is proven of it. ErrNotFound when it was erased before. Call Scrub after
// the transaction.
func (t *Tx) Erase(textHash signed.Hash) error {
	if err := t.put("erase file key", `DELETE FROM file_keys WHERE text = ?`, textHash[:]); err != nil {
		return err
	}
	if err := t.put("erase matches", `DELETE FROM matches WHERE text = ?`, textHash[:]); err != nil {
		return err
	}
	if err := t.put("erase", `DELETE FROM hidden WHERE text = ?`, textHash[:]); err != nil {
		return err
	}
	return t.exec("erase sealed part", `UPDATE texts SET sealed = x'', erased = 1 WHERE text = ? AND erased = 0`, textHash[:])
}
