package index

import (
	"database/sql"
	"fmt"
)

// statements are those that Apply and the queries run often, prepared once.
type statements struct {
	// of the writer
	group, accept, event, consign, end, withdraw, reject, restore, owner *sql.Stmt

	// of readers
	byID, byHash, withdrawal, other, rejected, erased        *sql.Stmt
	senders, waiting, wanted, progress, againFrom, expirable *sql.Stmt
	lapsable                                                 *sql.Stmt
	removable, queues, unconsigned                           *sql.Stmt
}

const (
	messageColumns = "leaf, time, grp, entry, message, id, sender, recipient, type, urgency, conversation, expires, size, blob_grp, blob_place, wanted > 0, consigned, ended"
	eventColumns   = "e.leaf, e.kind, e.time, e.grp, e.entry, m.message, e.id, e.statement, e.code, e.sender, e.accepted FROM events e LEFT JOIN messages m ON m.leaf = e.accepted"

	// Spelled as in the partial indices, so that SQLite uses them.
	bytesWaiting = "blob_grp IS NOT NULL AND ended IS NULL AND consigned IS NULL"
	bytesWanted  = "blob_grp IS NOT NULL AND ended IS NULL AND consigned IS NOT NULL AND wanted > 0"
	bytesAwaited = "blob_grp IS NULL AND ended IS NULL AND (consigned IS NULL OR wanted > 0)"
)

func prepare(write, read *sql.DB) (*statements, error) {
	s := &statements{}
	for _, p := range []struct {
		db    *sql.DB
		stmt  **sql.Stmt
		query string
	}{
		{write, &s.group, "INSERT OR REPLACE INTO groups VALUES (?)"},
		{write, &s.accept, "INSERT INTO messages (leaf, time, grp, entry, message, id, sender, recipient, type, urgency, rank, conversation, expires, size, blob_grp, blob_place, keep) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{write, &s.event, "INSERT INTO events (leaf, kind, time, grp, entry, accepted, id, sender, signer, statement, code) VALUES (?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT))"},
		{write, &s.consign, "UPDATE messages SET consigned = ?, consigned_time = ?, keep = keep AND wanted > 0 WHERE leaf = ?"},
		{write, &s.end, "UPDATE messages SET ended = ?, wanted = 0, keep = 0 WHERE leaf = ?"},
		{write, &s.restore, "UPDATE messages SET size = ?, blob_grp = ?, blob_place = ?, keep = consigned IS NULL OR wanted > 0 WHERE leaf = ?"},
		{write, &s.withdraw, "INSERT INTO withdrawals VALUES (?, ?, ?, ?)"},
		{write, &s.reject, "INSERT OR REPLACE INTO rejections VALUES (?, ?, ?, ?)"},
		{write, &s.owner, "SELECT leaf, id, sender, ended FROM messages WHERE message = ?"},

		{read, &s.byID, "SELECT " + messageColumns + " FROM messages WHERE id = ? AND sender = ?"},
		{read, &s.byHash, "SELECT " + messageColumns + " FROM messages WHERE message = ? AND ? IN (recipient, sender, '')"},
		{read, &s.withdrawal, "SELECT leaf FROM withdrawals WHERE sender = ? AND id = ?"},
		{read, &s.other, "SELECT " + eventColumns + " WHERE e.leaf = ?"},
		{read, &s.erased, "SELECT leaf FROM events WHERE statement = ? AND kind = 'erased'"},
		{read, &s.rejected, "SELECT leaf FROM rejections WHERE caller = ? AND text IN (?, ?) AND until > ? ORDER BY leaf LIMIT 1"},
		{read, &s.senders, `WITH RECURSIVE next (sender) AS (
			SELECT min(sender) FROM messages INDEXED BY messages_waiting WHERE recipient = ?1 AND ` + bytesWaiting + `
			UNION ALL
			SELECT (SELECT min(sender) FROM messages INDEXED BY messages_waiting WHERE recipient = ?1 AND sender > next.sender AND ` + bytesWaiting + `)
			FROM next WHERE next.sender IS NOT NULL
		) SELECT sender FROM next WHERE sender IS NOT NULL`},
		{read, &s.waiting, "SELECT " + messageColumns + " FROM messages INDEXED BY messages_waiting WHERE recipient = ? AND sender = ? AND (rank, leaf) > (?, ?) AND " + bytesWaiting + " ORDER BY rank, leaf LIMIT ?"},
		{read, &s.wanted, "SELECT " + messageColumns + " FROM messages INDEXED BY messages_wanted WHERE recipient = ? AND (rank, leaf) > (?, ?) AND " + bytesWanted + " ORDER BY rank, leaf LIMIT ?"},
		{read, &s.progress, "SELECT " + eventColumns + ` WHERE e.leaf IN (
			SELECT leaf FROM (SELECT leaf FROM events WHERE sender = ?1 AND leaf >= ?2 ORDER BY leaf LIMIT ?3)
			UNION ALL SELECT leaf FROM (SELECT leaf FROM events WHERE signer = ?1 AND leaf >= ?2 ORDER BY leaf LIMIT ?3)
		) ORDER BY e.leaf LIMIT ?3`},
		{read, &s.againFrom, "SELECT " + messageColumns + " FROM messages WHERE sender = ? AND " + bytesAwaited + " ORDER BY leaf LIMIT ?"},
		{read, &s.expirable, "SELECT message FROM messages WHERE consigned IS NULL AND ended IS NULL AND expires <= ? ORDER BY expires, leaf LIMIT ?"},
		{read, &s.lapsable, "SELECT message FROM messages WHERE consigned IS NOT NULL AND ended IS NULL AND expires <= ? ORDER BY expires, leaf LIMIT ?"},
		{read, &s.removable, "SELECT grp FROM groups g WHERE NOT EXISTS (SELECT 1 FROM messages WHERE blob_grp = g.grp AND keep > 0) ORDER BY grp LIMIT ?"},
		{read, &s.unconsigned, `SELECT sender, recipient, COUNT(*), SUM(size)
			FROM messages WHERE consigned IS NULL AND ended IS NULL GROUP BY sender, recipient`},
		{read, &s.queues, `SELECT recipient,
			COUNT(*) FILTER (WHERE consigned IS NULL), MIN(time) FILTER (WHERE consigned IS NULL),
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
