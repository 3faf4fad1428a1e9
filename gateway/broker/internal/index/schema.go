package index

import (
	"database/sql"
	"fmt"

	"samband/gateway/broker/internal/journal"
)

// schemaVersion is raised with every change below: an index of another version
// is rebuilt, never migrated.
const schemaVersion = 6

const schema = `
-- One row: what everything else was derived from.
CREATE TABLE position (
	one           INTEGER PRIMARY KEY CHECK (one = 1),
	grp           INTEGER NOT NULL,
	audit_size    INTEGER NOT NULL, audit_root    BLOB NOT NULL,
	register_size INTEGER NOT NULL, register_root BLOB NOT NULL
);

-- Each accepted message: the leaf of its acceptance, in which group and as which
-- of its records, where its envelope lies, and how far it came. Rows are written
-- in the order of the log, so that few pages change.
CREATE TABLE messages (
	leaf       INTEGER PRIMARY KEY,
	time       INTEGER NOT NULL,
	grp        INTEGER NOT NULL,
	entry      INTEGER NOT NULL,
	message    BLOB NOT NULL,
	id         BLOB NOT NULL,
	sender     TEXT NOT NULL,
	recipient  TEXT NOT NULL,
	type       TEXT NOT NULL,
	urgency    TEXT NOT NULL,
	rank       INTEGER NOT NULL,           -- 0: urgent; 1: not
	conversation BLOB,                     -- NULL: its envelope was gone when the index was rebuilt
	expires    INTEGER NOT NULL,
	size       INTEGER NOT NULL,           -- bytes of its envelope; 0: that was gone, likewise
	blob_grp   INTEGER,                    -- NULL: the broker has its bytes no more
	blob_place INTEGER,
	keep       INTEGER NOT NULL,           -- 1 while somebody may still need the bytes: see removal.go
	wanted     INTEGER NOT NULL DEFAULT 0, -- how often the bytes are still to be handed out, since its recipient asked again
	consigned  INTEGER,                    -- leaf
	consigned_time INTEGER,
	ended      INTEGER                     -- leaf
);
-- With its two desks, so that no row is read for whoever is neither of them.
CREATE UNIQUE INDEX messages_text ON messages (message, recipient, sender);
CREATE UNIQUE INDEX messages_id   ON messages (id, sender);
CREATE INDEX messages_queue ON messages (recipient) WHERE ended IS NULL;
CREATE INDEX messages_clock ON messages (expires) WHERE consigned IS NULL AND ended IS NULL;
CREATE INDEX messages_lapse ON messages (expires) WHERE consigned IS NOT NULL AND ended IS NULL;
CREATE INDEX messages_wanted_until ON messages (expires) WHERE wanted > 0;
CREATE INDEX messages_blob  ON messages (blob_grp, keep) WHERE blob_grp IS NOT NULL;
CREATE INDEX messages_again_from ON messages (sender)
	WHERE blob_grp IS NULL AND ended IS NULL AND (consigned IS NULL OR wanted > 0);
CREATE INDEX messages_waiting ON messages (recipient, sender, rank)
	WHERE blob_grp IS NOT NULL AND ended IS NULL AND consigned IS NULL;
CREATE INDEX messages_wanted ON messages (recipient, rank)
	WHERE blob_grp IS NOT NULL AND ended IS NULL AND consigned IS NOT NULL AND wanted > 0;

-- Each other leaf of the audit log.
CREATE TABLE events (
	leaf      INTEGER PRIMARY KEY,
	kind      TEXT NOT NULL,
	time      INTEGER NOT NULL,
	grp       INTEGER NOT NULL,
	entry     INTEGER NOT NULL,
	accepted  INTEGER,           -- leaf of the message that it is of
	id        BLOB,              -- of the message
	sender    TEXT,              -- whose progress this is; NULL where it is nobody's
	signer    TEXT,              -- in whose name it was said, where that is not its sender; NULL: nobody's
	statement BLOB,
	code      TEXT
);
CREATE INDEX events_progress ON events (sender) WHERE sender IS NOT NULL;
CREATE INDEX events_erased ON events (statement) WHERE kind = 'erased';
CREATE INDEX events_words    ON events (signer) WHERE signer IS NOT NULL;

-- Ids that their sender withdrew before any text of them was accepted.
CREATE TABLE withdrawals (
	sender TEXT NOT NULL,
	id     BLOB NOT NULL,
	leaf   INTEGER NOT NULL,
	time   INTEGER NOT NULL,
	PRIMARY KEY (sender, id)
) WITHOUT ROWID;
CREATE INDEX withdrawals_time ON withdrawals (time);

-- Texts that were refused for good, by the caller who submitted them.
CREATE TABLE rejections (
	caller TEXT NOT NULL,
	text   BLOB NOT NULL,
	leaf   INTEGER NOT NULL,
	until  INTEGER NOT NULL,
	PRIMARY KEY (caller, text)
) WITHOUT ROWID;
CREATE INDEX rejections_until ON rejections (until);

-- Groups that lie in JOURNAL.
CREATE TABLE groups (grp INTEGER PRIMARY KEY);
`

// create makes the tables and the version.
func (x *Index) create() error {
	return x.change(func(tx *sql.Tx) error {
		if _, err := tx.Exec(schema + fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion)); err != nil {
			return unsound("create tables", err)
		}
		return savePosition(tx, journal.Position{})
	})
}

func savePosition(tx *sql.Tx, p journal.Position) error {
	_, err := tx.Exec("INSERT OR REPLACE INTO position VALUES (1, ?, ?, ?, ?, ?)",
		int64(p.Group), p.Audit.Entries, p.Audit.Root[:], p.Register.Entries, p.Register.Root[:])
	if err != nil {
		return fmt.Errorf("store position: %w", err)
	}
	return nil
}

func loadPosition(db *sql.DB) (p journal.Position, err error) {
	var group int64
	row := db.QueryRow("SELECT grp, audit_size, audit_root, register_size, register_root FROM position")
	err = row.Scan(&group, &p.Audit.Entries, fixed(p.Audit.Root[:]), &p.Register.Entries, fixed(p.Register.Root[:]))
	if err != nil {
		return p, unsound("read position", err)
	}
	p.Group = uint64(group)
	return p, nil
}

// fixed scans a column of exactly so many bytes: a hash or an id; NULL is zero.
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
