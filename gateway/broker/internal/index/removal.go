package index

import (
	"database/sql"
	"fmt"

	"samband/gateway/signed"
)

// A group leaves the JOURNAL when nobody may still need an envelope of it: once
// each is consigned or ended, since then sender and recipient have it. One that
// came again, or was asked for after its consignment, is needed until it is
// ended. No group stays for a note: the records have the notes too.

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

// Gone says that these groups no longer lie in JOURNAL: removed, or lost.
func (x *Index) Gone(groups ...uint64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.change(func(tx *sql.Tx) error {
		for _, g := range groups {
			for _, query := range []string{
				"UPDATE messages SET blob_grp = NULL, blob_place = NULL, keep = 0 WHERE blob_grp = ?", // keepsNot
				"DELETE FROM groups WHERE grp = ?",
			} {
				if _, err := tx.Exec(query, int64(g)); err != nil {
					return fmt.Errorf("note that group %d is gone: %w", g, err)
				}
			}
		}
		return nil
	})
}

// Want says that a desk asks for the bytes of a message again; false when no
// open message to this desk has that hash.
func (x *Index) Want(desk signed.Address, message signed.Hash) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	open := false
	err := x.change(func(tx *sql.Tx) error {
		// Bytes that are still here stay until the message is ended.
		res, err := tx.Exec(`UPDATE messages SET wanted = 1, keep = iif(blob_grp IS NULL, ?, ?)
			WHERE message = ? AND recipient = ? AND ended IS NULL`, keepsNot, keepsUntilEnded, message[:], string(desk))
		if err != nil {
			return fmt.Errorf("note a want: %w", err)
		}
		n, err := res.RowsAffected()
		open = n == 1
		return err
	})
	return open, err
}
