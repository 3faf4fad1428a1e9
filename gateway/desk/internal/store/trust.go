package store

import (
	"errors"
	"fmt"
	"time"

	"samband/gateway/signed"
	"samband/gateway/verify"
)

// AddEntry keeps the register entry of an index, unless it is there.
func (t *Tx) AddEntry(index int64, note []byte) error {
	return t.put("keep register entry", `INSERT INTO register (idx, note) VALUES (?,?) ON CONFLICT DO NOTHING`, index, note)
}

// Entries returns the register's notes in order.
func (t *Tx) Entries() ([][]byte, error) {
	return rows(t, "read register", func(scan func(...any) error) (note []byte, err error) {
		return note, scan(sealed("register"), &note)
	}, `SELECT `+wholeOf("register", "")+`, note FROM register ORDER BY idx`)
}

// A Head is a log's head as this desk verified it, with the checkpoint's bytes.
type Head struct {
	signed.Head
	Checkpoint []byte
	Verified   signed.Time   // by this desk's clock
	Silent     time.Duration // for how long it had not grown then, while the broker answered
}

// PutHead keeps a head of a log, "audit" or "register", unless a longer one is
// there: of two answers that came at once the shorter may be written last.
func (t *Tx) PutHead(log string, h Head) error {
	return t.put("keep head", `INSERT INTO heads (log, size, root, checkpoint, verified, silent) VALUES (?,?,?,?,?,?)
		ON CONFLICT (log) DO UPDATE SET size = excluded.size, root = excluded.root,
		checkpoint = excluded.checkpoint, verified = excluded.verified, silent = excluded.silent
		WHERE excluded.size >= heads.size`,
		log, h.Size, h.Root[:], h.Checkpoint, h.Verified.Unix(), int64(h.Silent/time.Second))
}

// Head returns the newest verified head of a log; ErrNotFound before the first.
func (t *Tx) Head(log string) (h Head, err error) {
	var silent int64
	err = t.row("read head", []any{sealed("heads"), &h.Size, fixed(h.Root[:]), &h.Checkpoint, unix{&h.Verified}, &silent},
		`SELECT `+wholeOf("heads", "")+`, size, root, checkpoint, verified, silent FROM heads WHERE log = ?`, log)
	h.Silent = time.Duration(silent) * time.Second
	return h, err
}

// SawRegister notes how long the audit log was in the answer that first showed
// the register at this size.
func (t *Tx) SawRegister(register, audit int64) error {
	return t.put("note register's size", `INSERT INTO sightings (register, audit) VALUES (?,?)
		ON CONFLICT (register) DO UPDATE SET audit = min(audit, excluded.audit)`, register, audit)
}

// Sightings returns all that SawRegister noted, the smallest register first.
func (t *Tx) Sightings() ([]verify.Sighting, error) {
	return rows(t, "read register's sizes", func(scan func(...any) error) (s verify.Sighting, err error) {
		return s, scan(sealed("sightings"), &s.Register, &s.Audit)
	}, `SELECT `+wholeOf("sightings", "")+`, register, audit FROM sightings ORDER BY register`)
}

// PutCursor keeps how far a feed was read.
func (t *Tx) PutCursor(feed, cursor string) error {
	return t.put("keep cursor", `INSERT INTO cursors (feed, cursor) VALUES (?,?)
		ON CONFLICT (feed) DO UPDATE SET cursor = excluded.cursor`, feed, cursor)
}

// Cursor returns how far a feed was read, "" at its beginning.
func (t *Tx) Cursor(feed string) (cursor string, err error) {
	err = t.row("read cursor", []any{sealed("cursors"), &cursor}, `SELECT `+wholeOf("cursors", "")+`, cursor FROM cursors WHERE feed = ?`, feed)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return cursor, err
}

// fixed scans a column into the bytes of an array; an empty column leaves them zero.
type fixed []byte

func (f fixed) Scan(column any) error {
	b, ok := column.([]byte)
	if !ok || len(b) != len(f) && len(b) > 0 {
		return fmt.Errorf("a column of %d bytes is expected", len(f))
	}
	copy(f, b)
	return nil
}

// unix scans a column of seconds into a time.
type unix struct{ *signed.Time }

func (u unix) Scan(column any) error {
	at, ok := column.(int64)
	if !ok {
		return errors.New("a column of seconds is expected")
	}
	*u.Time = signed.At(time.Unix(at, 0))
	return nil
}
