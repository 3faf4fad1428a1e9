package store

import (
	"samband/gateway/signed"
)

// AddMessage keeps a text as it crosses the wire: header note and sealed part.
func (t *Tx) AddMessage(message signed.Hash, note, sealed []byte) error {
	return t.put("keep message", `INSERT INTO messages (message, note, sealed) VALUES (?,?,?)
		ON CONFLICT DO NOTHING`, message[:], note, sealed)
}

// Note returns the header note of a message.
func (t *Tx) Note(message signed.Hash) (note []byte, err error) {
	err = t.row("read header", []any{&note}, `SELECT note FROM messages WHERE message = ?`, message[:])
	return note, err
}

// Envelope returns a message as it crossed the wire; ErrNotFound when it was
// erased.
func (t *Tx) Envelope(message signed.Hash) ([]byte, error) {
	var note, sealed []byte
	err := t.row("read message", []any{&note, &sealed},
		`SELECT note, sealed FROM messages WHERE message = ? AND erased = 0`, message[:])
	return append(note, sealed...), err
}

// PutFileKey keeps the wrapped file key of a message.
func (t *Tx) PutFileKey(message signed.Hash, wrapped []byte) error {
	return t.put("keep file key", `INSERT INTO file_keys (message, wrapped) VALUES (?,?)
		ON CONFLICT DO NOTHING`, message[:], wrapped)
}

// FileKey returns the wrapped file key of a message; ErrNotFound when it was
// never opened, or erased.
func (t *Tx) FileKey(message signed.Hash) (wrapped []byte, err error) {
	err = t.row("read file key", []any{&wrapped}, `SELECT wrapped FROM file_keys WHERE message = ?`, message[:])
	return wrapped, err
}

// Erase drops the file key of a message and its sealed part; the header stays,
// for what is proven of it. ErrNotFound when it was erased before. Call Scrub
// after the transaction.
func (t *Tx) Erase(message signed.Hash) error {
	if err := t.put("erase file key", `DELETE FROM file_keys WHERE message = ?`, message[:]); err != nil {
		return err
	}
	return t.exec("erase sealed part", `UPDATE messages SET sealed = x'', erased = 1 WHERE message = ? AND erased = 0`, message[:])
}
