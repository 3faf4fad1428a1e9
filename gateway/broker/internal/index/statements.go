package index

import (
	"database/sql"
	"fmt"
)

// statements are those that Apply and the queries run often, prepared once.
type statements struct {
	// of the writer
	group, event, accept, consign, end, withdraw, reject *sql.Stmt
	hold, release, restore, present, owner               *sql.Stmt

	// of readers
	byID, byHash, withdrawal, facts, leaf, rejected *sql.Stmt
	inbox, progress, againFrom, againTo, expirable  *sql.Stmt
	removable, queues                               *sql.Stmt
}

const (
	eventColumns   = "leaf, kind, time, grp, entry, blob_grp, blob_place, message, id, statement, code"
	messageColumns = "message, id, sender, recipient, type, urgency, expires, wanted"

	// Spelled as in the partial index, so that SQLite uses it.
	bytesAwaited = "gone = 1 AND ended IS NULL AND (consigned IS NULL OR wanted = 1)"
)

func prepare(write, read *sql.DB) (*statements, error) {
	s := &statements{}
	for _, p := range []struct {
		db    *sql.DB
		stmt  **sql.Stmt
		query string
	}{
		{write, &s.group, "INSERT OR REPLACE INTO groups VALUES (?)"},
		{write, &s.event, "INSERT INTO events (leaf, kind, time, grp, entry, blob_grp, blob_place, message, id, sender, statement, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, CAST(? AS TEXT))"},
		{write, &s.accept, "INSERT INTO messages (message, id, sender, recipient, type, urgency, expires, accepted, accepted_time, gone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{write, &s.consign, "UPDATE messages SET consigned = ?, consigned_time = ? WHERE message = ?"},
		{write, &s.end, "UPDATE messages SET ended = ?, wanted = 0 WHERE message = ?"},
		{write, &s.withdraw, "INSERT INTO withdrawals VALUES (?, ?, ?)"},
		{write, &s.reject, "INSERT OR REPLACE INTO rejections VALUES (?, ?, ?, ?)"},
		{write, &s.hold, "INSERT OR REPLACE INTO holds VALUES (?, ?, ?)"},
		{write, &s.release, "DELETE FROM holds WHERE message = ? AND reason IN (?, ?)"},
		{write, &s.restore, "UPDATE events SET blob_grp = ?, blob_place = ? WHERE leaf = ?"},
		{write, &s.present, "UPDATE messages SET gone = 0, wanted = 0 WHERE message = ?"},
		{write, &s.owner, "SELECT id, sender, accepted, consigned, ended FROM messages WHERE message = ?"},

		{read, &s.byID, "SELECT " + messageColumns + " FROM messages WHERE sender = ? AND id = ?"},
		{read, &s.byHash, "SELECT " + messageColumns + " FROM messages WHERE message = ?"},
		{read, &s.withdrawal, "SELECT leaf FROM withdrawals WHERE sender = ? AND id = ?"},
		{read, &s.facts, "SELECT " + eventColumns + " FROM events WHERE message = ? ORDER BY leaf"},
		{read, &s.leaf, "SELECT " + eventColumns + " FROM events WHERE leaf = ?"},
		{read, &s.rejected, "SELECT leaf FROM rejections WHERE caller = ? AND text = ? AND until > ?"},
		{read, &s.inbox, "SELECT " + messageColumns + " FROM messages WHERE recipient = ? AND ended IS NULL AND gone = 0 AND accepted >= ? ORDER BY accepted LIMIT ?"},
		{read, &s.progress, "SELECT " + eventColumns + " FROM events WHERE sender = ? AND leaf >= ? ORDER BY leaf LIMIT ?"},
		{read, &s.againFrom, "SELECT " + messageColumns + " FROM messages WHERE sender = ? AND " + bytesAwaited + " ORDER BY accepted LIMIT ?"},
		{read, &s.againTo, "SELECT " + messageColumns + " FROM messages WHERE recipient = ? AND " + bytesAwaited + " ORDER BY accepted LIMIT ?"},
		{read, &s.expirable, "SELECT message FROM messages WHERE consigned IS NULL AND ended IS NULL AND expires <= ? ORDER BY expires, accepted LIMIT ?"},
		{read, &s.removable, "SELECT grp FROM groups g WHERE NOT EXISTS (SELECT 1 FROM holds h WHERE h.grp = g.grp) ORDER BY grp LIMIT ?"},
		{read, &s.queues, `SELECT recipient,
			COUNT(*) FILTER (WHERE consigned IS NULL), MIN(accepted_time) FILTER (WHERE consigned IS NULL),
			COUNT(consigned), MIN(consigned_time)
			FROM messages WHERE ended IS NULL GROUP BY recipient ORDER BY recipient`},
	} {
		stmt, err := p.db.Prepare(p.query)
		if err != nil {
			return s, fmt.Errorf("prepare %.40q: %w", p.query, err)
		}
		*p.stmt = stmt
	}
	return s, nil
}
