package index

import (
	"database/sql"
	"fmt"

	"samband/gateway/signed"
)

// schemaVersion is raised with every change below: an index of another version
// is rebuilt, never migrated.
const schemaVersion = 2

const schema = `
-- One row: what everything else was derived from.
CREATE TABLE position (
	one            INTEGER PRIMARY KEY CHECK (one = 1),
	grp            INTEGER NOT NULL,
	audit_origin   TEXT NOT NULL, audit_size    INTEGER NOT NULL, audit_root    BLOB NOT NULL,
	register_origin TEXT NOT NULL, register_size INTEGER NOT NULL, register_root BLOB NOT NULL
);

-- Each leaf of the audit log: what happened, in which group and as which of its
-- records, and where the envelope lies that it accepts.
CREATE TABLE events (
	leaf       INTEGER PRIMARY KEY,
	kind       TEXT NOT NULL,
	time       INTEGER NOT NULL,
	grp        INTEGER NOT NULL,
	entry      INTEGER NOT NULL,
	blob_grp   INTEGER,           -- NULL: it accepts none, or none is here
	blob_place INTEGER,
	message    BLOB,
	id         BLOB,
	sender     TEXT,              -- whose progress this is; NULL where it is nobody's
	statement  BLOB,
	code       TEXT
);
CREATE INDEX events_message  ON events (message) WHERE message IS NOT NULL;
CREATE INDEX events_progress ON events (sender, leaf) WHERE sender IS NOT NULL;
CREATE INDEX events_blob     ON events (blob_grp) WHERE blob_grp IS NOT NULL;

-- Each accepted message and how far it came.
CREATE TABLE messages (
	message   BLOB PRIMARY KEY,
	id        BLOB NOT NULL,
	sender    TEXT NOT NULL,
	recipient TEXT NOT NULL,
	type      TEXT NOT NULL,
	urgency   TEXT NOT NULL,
	expires   INTEGER NOT NULL,
	accepted  INTEGER NOT NULL,           -- leaf
	accepted_time INTEGER NOT NULL,
	consigned INTEGER,                    -- leaf
	consigned_time INTEGER,
	ended     INTEGER,                    -- leaf
	gone      INTEGER NOT NULL DEFAULT 0, -- the broker has its bytes no more
	wanted    INTEGER NOT NULL DEFAULT 0  -- its recipient asked for them again
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_id ON messages (sender, id);
CREATE INDEX messages_queue ON messages (recipient, accepted) WHERE ended IS NULL;
CREATE INDEX messages_clock ON messages (expires) WHERE consigned IS NULL AND ended IS NULL;
CREATE INDEX messages_again_from ON messages (sender, accepted)
	WHERE gone = 1 AND ended IS NULL AND (consigned IS NULL OR wanted = 1);
CREATE INDEX messages_again_to ON messages (recipient, accepted)
	WHERE gone = 1 AND ended IS NULL AND (consigned IS NULL OR wanted = 1);

-- Ids that their sender withdrew before any text of them was accepted.
CREATE TABLE withdrawals (
	sender TEXT NOT NULL,
	id     BLOB NOT NULL,
	leaf   INTEGER NOT NULL,
	PRIMARY KEY (sender, id)
) WITHOUT ROWID;

-- Texts that were refused for good, by the caller who submitted them.
CREATE TABLE rejections (
	caller TEXT NOT NULL,
	text   BLOB NOT NULL,
	leaf   INTEGER NOT NULL,
	until  INTEGER NOT NULL,
	PRIMARY KEY (caller, text)
) WITHOUT ROWID;

-- Groups that the JOURNAL holds, and why each must stay: one row for each
-- envelope in it that somebody may still need.
CREATE TABLE groups (grp INTEGER PRIMARY KEY);
CREATE TABLE holds (
	message BLOB PRIMARY KEY,
	grp     INTEGER NOT NULL,
	reason  TEXT NOT NULL  -- consigning, ending
) WITHOUT ROWID;
CREATE INDEX holds_grp ON holds (grp);
`

// create makes the tables and the version in one transaction.
func create(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(schema + fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion)); err != nil {
		return fmt.Errorf("%w: create tables: %v", ErrUnsound, err)
	}
	if err := savePosition(tx, Position{}); err != nil {
		return err
	}
	return tx.Commit()
}

func savePosition(tx *sql.Tx, p Position) error {
	_, err := tx.Exec("INSERT OR REPLACE INTO position VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
		int64(p.Group), p.Audit.Origin, p.Audit.Size, p.Audit.Root[:],
		p.Register.Origin, p.Register.Size, p.Register.Root[:])
	if err != nil {
		return fmt.Errorf("store position: %w", err)
	}
	return nil
}

func loadPosition(db *sql.DB) (p Position, err error) {
	var group int64
	row := db.QueryRow("SELECT grp, audit_origin, audit_size, audit_root, register_origin, register_size, register_root FROM position")
	err = row.Scan(&group, &p.Audit.Origin, &p.Audit.Size, scanHash(&p.Audit.Root),
		&p.Register.Origin, &p.Register.Size, scanHash(&p.Register.Root))
	if err != nil {
		return p, fmt.Errorf("%w: read position: %v", ErrUnsound, err)
	}
	p.Group = uint64(group)
	return p, nil
}

// scanHash reads a hash from a column; NULL is zero.
func scanHash(h *signed.Hash) sql.Scanner { return fixed(h[:]) }

// scanID reads an id from a column; NULL is zero.
func scanID(id *signed.ID) sql.Scanner { return fixed(id[:]) }

// fixed scans a column of exactly so many bytes.
type fixed []byte

func (f fixed) Scan(v any) error {
	b, ok := v.([]byte)
	if v == nil {
		return nil
	}
	if !ok || len(b) != len(f) {
		return fmt.Errorf("a column does not have %d bytes", len(f))
	}
	copy(f, b)
	return nil
}
