package store

import (
	"context"
	"fmt"
)

// migrations bring the tables from one version to the next. A published one is
// never changed; a new one is added at the end.
var migrations = []string{`
-- The register as replayed, and the heads of both logs as verified.
CREATE TABLE register (
	idx  INTEGER PRIMARY KEY,
	note BLOB NOT NULL
) STRICT;
CREATE TABLE heads (
	log        TEXT PRIMARY KEY,
	size       INTEGER NOT NULL,
	root       BLOB NOT NULL,
	checkpoint BLOB NOT NULL,
	verified   INTEGER NOT NULL
) STRICT;
-- How long the audit log was when the register was first seen at a size.
CREATE TABLE sightings (
	register INTEGER PRIMARY KEY,
	audit    INTEGER NOT NULL
) STRICT;
CREATE TABLE cursors (
	feed   TEXT PRIMARY KEY,
	cursor TEXT NOT NULL
) STRICT;

-- Every message text this desk holds, sent or received, as it crossed the wire.
CREATE TABLE messages (
	message BLOB PRIMARY KEY,
	note    BLOB NOT NULL,
	sealed  BLOB NOT NULL
) STRICT;
-- The keys that open them. To delete a row is to erase the message.
CREATE TABLE file_keys (
	message BLOB PRIMARY KEY REFERENCES messages,
	wrapped BLOB NOT NULL
) STRICT;
-- What the audit log proves of a message.
CREATE TABLE facts (
	message  BLOB NOT NULL REFERENCES messages,
	event    TEXT NOT NULL,
	note     BLOB,
	proof    BLOB NOT NULL,
	idx      INTEGER NOT NULL,
	time     INTEGER NOT NULL,
	register INTEGER NOT NULL,
	code     TEXT NOT NULL,
	PRIMARY KEY (message, event)
) STRICT;

CREATE TABLE outbox (
	id           BLOB PRIMARY KEY,
	seq          INTEGER NOT NULL UNIQUE,
	send         TEXT NOT NULL,
	recipient    TEXT NOT NULL,
	message      BLOB NOT NULL REFERENCES messages,
	type         TEXT NOT NULL,
	conversation BLOB NOT NULL,
	reply_to     BLOB NOT NULL,
	outcome      TEXT NOT NULL,
	state        TEXT NOT NULL,
	answered     INTEGER NOT NULL DEFAULT 0,
	code         TEXT NOT NULL DEFAULT '',
	detail       TEXT NOT NULL DEFAULT '',
	UNIQUE (send, recipient)
) STRICT;
CREATE INDEX outbox_state ON outbox (state);
CREATE INDEX outbox_conversation ON outbox (conversation);
-- Each text that was ever made under an id.
CREATE TABLE attempts (
	message BLOB PRIMARY KEY REFERENCES messages,
	id      BLOB NOT NULL REFERENCES outbox
) STRICT;
CREATE INDEX attempts_id ON attempts (id);

CREATE TABLE inbox (
	message      BLOB PRIMARY KEY REFERENCES messages,
	seq          INTEGER NOT NULL UNIQUE,
	sender       TEXT NOT NULL,
	id           BLOB NOT NULL,
	type         TEXT NOT NULL,
	conversation BLOB NOT NULL,
	reply_to     BLOB NOT NULL,
	outcome      TEXT NOT NULL DEFAULT '',
	state        TEXT NOT NULL,
	answered     INTEGER NOT NULL DEFAULT 0,
	code         TEXT NOT NULL DEFAULT '',
	detail       TEXT NOT NULL DEFAULT '',
	UNIQUE (sender, id)
) STRICT;
CREATE INDEX inbox_state ON inbox (state);
CREATE INDEX inbox_conversation ON inbox (conversation);

-- Signed notes that wait for their proof.
CREATE TABLE statements (
	message BLOB NOT NULL REFERENCES messages,
	event   TEXT NOT NULL,
	seq     INTEGER NOT NULL UNIQUE,
	note    BLOB NOT NULL,
	PRIMARY KEY (message, event)
) STRICT;

-- Bytes that convict a broker, and the desk's own log.
CREATE TABLE evidence (
	code    TEXT NOT NULL,
	subject TEXT NOT NULL,
	seen    INTEGER NOT NULL,
	detail  TEXT NOT NULL,
	bytes   BLOB NOT NULL,
	PRIMARY KEY (code, subject)
) STRICT;
CREATE TABLE log (
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	time    INTEGER NOT NULL,
	event   TEXT NOT NULL,
	subject TEXT NOT NULL,
	code    TEXT NOT NULL,
	detail  TEXT NOT NULL
) STRICT;
`, `
-- Clocks look up what answers a request, and never walk its conversation, which
-- the sender chooses.
CREATE INDEX outbox_replies ON outbox (reply_to, type);
CREATE INDEX inbox_replies ON inbox (reply_to, type);
CREATE INDEX inbox_unanswered ON inbox (type)
	WHERE answered = 0 AND state NOT IN ('failed', 'refused', 'expired', 'withdrawn', 'rejected');
ALTER TABLE inbox ADD COLUMN answer BLOB NOT NULL DEFAULT x''; -- the message of ours that ended its clock
ALTER TABLE inbox ADD COLUMN access TEXT NOT NULL DEFAULT ''; -- as this desk declared, such as indirect
-- Answers that were logged, as they were judged then.
CREATE TABLE answers (
	class   TEXT NOT NULL,
	on_time INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (class, on_time)
) STRICT;
`, `
-- To whom a sending did not go, and why: a repeat of its name says so again.
CREATE TABLE blocked (
	send      TEXT NOT NULL,
	recipient TEXT NOT NULL,
	code      TEXT NOT NULL,
	detail    TEXT NOT NULL,
	PRIMARY KEY (send, recipient)
) STRICT;
-- Whose sealed part was taken away.
ALTER TABLE messages ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
`}

// migrate runs the migrations that the file lacks, each in one transaction
// together with the number that says so.
func (s *Store) migrate() error {
	var have int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(migrations) {
		return fmt.Errorf("its form %d is of a later version than this program's %d", have, len(migrations))
	}
	for v := have; v < len(migrations); v++ {
		err := s.Update(func(*Tx) error {
			form := fmt.Sprintf("PRAGMA user_version = %d", v+1)
			_, err := s.conn.ExecContext(context.Background(), migrations[v]+form)
			return err
		})
		if err != nil {
			return fmt.Errorf("bring to form %d: %w", v+1, err)
		}
	}
	return nil
}
