package index

import (
	"database/sql"
	"fmt"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A group leaves the JOURNAL when nobody may still need an envelope of it: once
// each is consigned or ended, since then sender and recipient have it. One that its
// recipient asked for again is needed until its bytes were handed out so often as
// handOuts says, or until it expires or ends. No group stays for a note: the records
// have the notes too.

// handOuts is how often the bytes of a message are handed out after its recipient asked
// for them: each time the answer may be lost on the way.
const handOuts = 3

// Removable lists groups of which nobody needs an envelope any more, oldest first.
// Whoever removes one from the JOURNAL says so by Gone, before or after: either
// order survives a crash between.
func (x *Index) Removable(limit int) ([]uint64, error) {
	return all(x.statements.removable, func(rows *sql.Rows) (uint64, error) {
		var group int64
		err := rows.Scan(&group)
		return uint64(group), err
	}, limit)
}

// Gone says that these groups no longer lie in JOURNAL.
func (x *Index) Gone(groups ...uint64) error {
	return x.without("DELETE FROM groups WHERE grp = ?", groups)
}

// Lost says that the envelopes of these groups are lost. What lies in JOURNAL in their
// place is removable.
func (x *Index) Lost(groups ...uint64) error {
	return x.without("INSERT OR REPLACE INTO groups VALUES (?)", groups)
}

func (x *Index) without(then string, groups []uint64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.change(func(tx *sql.Tx) error {
		for _, g := range groups {
			for _, query := range []string{"UPDATE messages SET blob_grp = NULL, blob_place = NULL, keep = 0 WHERE blob_grp = ?", then} {
				if _, err := tx.Exec(query, int64(g)); err != nil {
					return fmt.Errorf("note that group %d is gone: %w", g, err)
				}
			}
		}
		return nil
	})
}

// Want says that a desk asks for the bytes of a message again; false when no
// message to this desk has that hash that is open and has not expired by now.
func (x *Index) Want(desk signed.Address, message signed.Hash, now signed.Time) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	open := false
	err := x.change(func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE messages SET wanted = ?, keep = blob_grp IS NOT NULL
			WHERE message = ? AND recipient = ? AND ended IS NULL AND expires > ?`, handOuts, message[:], string(desk), now.Unix())
		if err != nil {
			return fmt.Errorf("note a want: %w", err)
		}
		n, err := res.RowsAffected()
		open = n == 1
		return err
	})
	return open, err
}

// HandedOut says that the bytes of messages that were wanted went out once more.
func (x *Index) HandedOut(messages []*journal.Message) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.change(func(tx *sql.Tx) error {
		for _, m := range messages {
			_, err := tx.Exec(`UPDATE messages SET wanted = wanted - 1, keep = keep AND (consigned IS NULL OR wanted > 1)
				WHERE message = ? AND wanted > 0`, m.Text[:])
			if err != nil {
				return fmt.Errorf("note that wanted bytes went out: %w", err)
			}
		}
		return nil
	})
}

// forgotten are the rows that say nothing any more at a time, so many at most of each:
// that the bytes of an expired message are wanted; that an id is withdrawn of which no
// envelope can be accepted any more, since all that were made before are expired
// (SPEC §8.3); and that a text is refused whose refusal doesn't bind any more.
var forgotten = []struct {
	query string
	ago   int64 // seconds
}{
	{`UPDATE messages SET wanted = 0, keep = keep AND consigned IS NULL
		WHERE leaf IN (SELECT leaf FROM messages WHERE wanted > 0 AND expires <= ? LIMIT ?)`, 0},
	{`DELETE FROM withdrawals WHERE (sender, id) IN (SELECT sender, id FROM withdrawals WHERE time <= ? LIMIT ?)`,
		int64(envelope.WithdrawnFor.Seconds())},
	{`DELETE FROM rejections WHERE (caller, text) IN (SELECT caller, text FROM rejections WHERE until <= ? LIMIT ?)`, 0},
}

// Forget drops what says nothing any more at now.
func (x *Index) Forget(now signed.Time, limit int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.change(func(tx *sql.Tx) error {
		for _, f := range forgotten {
			if _, err := tx.Exec(f.query, now.Unix()-f.ago, limit); err != nil {
				return fmt.Errorf("forget what binds nobody any more: %w", err)
			}
		}
		return nil
	})
}
