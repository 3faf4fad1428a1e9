package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"samband/gateway/signed"
)

// form is the number of the tables below, and of no other tables ever.
const form = 10

const tables = `
-- One row: whose database this is, which one, and how many commits it has that waited for
-- the disk. The high-water file beside it has the last two as well, and so this row needs
-- no seal.
CREATE TABLE mark (
	desk    TEXT NOT NULL,
	id      BLOB NOT NULL,
	commits INTEGER NOT NULL
) STRICT;
-- The hashes of files of the folder, as the last start read them.
CREATE TABLE noted (
	seal BLOB NOT NULL DEFAULT x'',
	file TEXT PRIMARY KEY,
	hash BLOB NOT NULL
) WITHOUT ROWID, STRICT;
-- What this database was found to have lost, until a person settles it.
CREATE TABLE losses (
	seal BLOB NOT NULL DEFAULT x'',
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	found   INTEGER NOT NULL,
	kind    TEXT NOT NULL,
	detail  TEXT NOT NULL,
	settled INTEGER NOT NULL DEFAULT 0 -- when a person did
) STRICT;
-- The messages that a lost copy of this desk had, as the log and the broker show them.
CREATE TABLE lost (
	seal BLOB NOT NULL DEFAULT x'',
	received INTEGER NOT NULL,
	sender   TEXT NOT NULL,
	id       BLOB NOT NULL,
	other    TEXT NOT NULL, -- the desk at the other end; empty: nobody said
	event    TEXT NOT NULL, -- the last that the log says of it
	leaf     INTEGER NOT NULL,
	settled  INTEGER NOT NULL DEFAULT 0, -- when a person saw to it
	PRIMARY KEY (received, sender, id)
) WITHOUT ROWID, STRICT;
CREATE INDEX lost_leaf ON lost (leaf);
-- The register as replayed, and the heads of both logs as verified.
CREATE TABLE register (
	seal BLOB NOT NULL DEFAULT x'', -- see seals.go
	idx  INTEGER PRIMARY KEY,
	note BLOB NOT NULL
) STRICT;
CREATE TABLE heads (
	seal BLOB NOT NULL DEFAULT x'',
	log        TEXT PRIMARY KEY,
	size       INTEGER NOT NULL,
	root       BLOB NOT NULL,
	checkpoint BLOB NOT NULL,
	verified   INTEGER NOT NULL,
	silent     INTEGER NOT NULL DEFAULT 0 -- for how many seconds it had not grown then
) STRICT;
-- How long the audit log was when the register was first seen at a size.
CREATE TABLE sightings (
	seal BLOB NOT NULL DEFAULT x'',
	register INTEGER PRIMARY KEY,
	audit    INTEGER NOT NULL
) STRICT;
CREATE TABLE cursors (
	seal BLOB NOT NULL DEFAULT x'',
	feed   TEXT PRIMARY KEY,
	cursor TEXT NOT NULL
) STRICT;

-- The hash of each note that this desk signed about a message, from before it was sent:
-- whatever else is said in its name, another said.
CREATE TABLE said (
	seal BLOB NOT NULL DEFAULT x'',
	note BLOB PRIMARY KEY
) WITHOUT ROWID, STRICT;
-- What was said in this desk's name and not by it, each word once.
CREATE TABLE elsewhere (
	seal BLOB NOT NULL DEFAULT x'',
	note   BLOB PRIMARY KEY,        -- its hash; of a message that was sent elsewhere, the message's
	text   BLOB NOT NULL,           -- the message
	lost   INTEGER NOT NULL,        -- 1: by a lost copy of this desk; 0: by somebody who has its ring
	wanted INTEGER NOT NULL         -- 1: this desk lacks the message and is to ask for it
) WITHOUT ROWID, STRICT;
CREATE INDEX elsewhere_sent   ON elsewhere (note) WHERE note = text;
CREATE INDEX elsewhere_lost   ON elsewhere (lost);
CREATE INDEX elsewhere_wanted ON elsewhere (text) WHERE wanted = 1;
-- From how many leaves of the audit log to how many this desk did not run, as far as it
-- has not read yet what was said in its name meanwhile.
CREATE TABLE absences (
	seal BLOB NOT NULL DEFAULT x'',
	since INTEGER PRIMARY KEY,
	until INTEGER NOT NULL
) STRICT;

-- Every text that this desk has, sent or received, as it crossed the wire.
CREATE TABLE texts (
	seal BLOB NOT NULL DEFAULT x'',
	text   BLOB PRIMARY KEY,
	note   BLOB NOT NULL,
	sealed BLOB NOT NULL,
	erased INTEGER NOT NULL DEFAULT 0 -- its sealed part was taken away
) STRICT;
-- The keys that open them, wrapped. To delete a row is to erase the text.
CREATE TABLE file_keys (
	seal BLOB NOT NULL DEFAULT x'',
	text    BLOB PRIMARY KEY REFERENCES texts,
	wrapped BLOB NOT NULL
) STRICT;
-- What the audit log proves of a text.
CREATE TABLE proven (
	seal BLOB NOT NULL DEFAULT x'',
	text     BLOB NOT NULL REFERENCES texts,
	event    TEXT NOT NULL,
	note     BLOB,
	proof    BLOB NOT NULL,
	idx      INTEGER NOT NULL,
	time     INTEGER NOT NULL,
	register INTEGER NOT NULL,
	code     TEXT NOT NULL,
	PRIMARY KEY (text, event)
) STRICT;

-- The messages: each once for each direction, whatever its texts.
CREATE TABLE mail (
	seal BLOB NOT NULL DEFAULT x'',
	seq          INTEGER PRIMARY KEY AUTOINCREMENT,
	received     INTEGER NOT NULL,
	sender       TEXT NOT NULL,
	id           BLOB NOT NULL,
	recipient    TEXT NOT NULL,
	text         BLOB NOT NULL REFERENCES texts, -- the newest, or the accepted one
	send         TEXT NOT NULL, -- names the sending; its messages share it
	type         TEXT NOT NULL,
	urgent       INTEGER NOT NULL,
	conversation BLOB NOT NULL,
	reply_to     BLOB NOT NULL,
	outcome      TEXT NOT NULL DEFAULT '', -- what it says; of a received one once it is handed over
	state        TEXT NOT NULL, -- what the log proves
	stands       INTEGER NOT NULL DEFAULT 0, -- since when, of a sent one
	expires      INTEGER NOT NULL DEFAULT 0,
	accepted     INTEGER NOT NULL DEFAULT 0, -- its acceptance is proven
	unproven     TEXT NOT NULL DEFAULT '', -- the event that this desk signed and has no proof of
	note         BLOB NOT NULL DEFAULT x'', -- the whole statement
	since        INTEGER NOT NULL DEFAULT 0, -- when that was signed, by this desk's clock
	unapplied    INTEGER NOT NULL DEFAULT 0, -- its outcome waits for the ring to be unlocked
	asks         INTEGER NOT NULL DEFAULT 0, -- its type asks for something
	closes       INTEGER NOT NULL DEFAULT 0, -- its type closes a conversation
	effective    INTEGER NOT NULL DEFAULT 0, -- what it means for others stands in links
	answered     INTEGER NOT NULL DEFAULT 0, -- when a reply settled what it asks
	answer       BLOB NOT NULL DEFAULT x'', -- which text did
	dropped      INTEGER NOT NULL DEFAULT 0, -- when its sender closed its conversation
	declared     TEXT NOT NULL DEFAULT '', -- as this desk alone declared of it, such as indirect
	clock_from   INTEGER NOT NULL DEFAULT 0, -- facts of its body, known when outcome is
	clock_until  INTEGER NOT NULL DEFAULT 0,
	access       TEXT NOT NULL DEFAULT '',
	code         TEXT NOT NULL DEFAULT '',
	detail       TEXT NOT NULL DEFAULT '',
	UNIQUE (received, sender, id)
) STRICT;
CREATE UNIQUE INDEX mail_send ON mail (send, recipient, type) WHERE received = 0;
CREATE INDEX mail_direction ON mail (received, seq);
CREATE INDEX mail_state ON mail (received, state);
CREATE INDEX mail_id ON mail (id);
CREATE INDEX mail_conversation ON mail (conversation);
-- What waits for each worker.
CREATE INDEX mail_unsent ON mail (urgent, seq)
	WHERE received = 0 AND NOT accepted AND unproven = '' AND state NOT IN ('withdrawn', 'rejected');
CREATE INDEX mail_unopened ON mail (seq)
	WHERE received = 1 AND unproven = '' AND state IN ('accepted', 'consigned');
CREATE INDEX mail_unproven ON mail (urgent, seq) WHERE unproven != '';
-- What another owes the next step of.
CREATE INDEX mail_owed ON mail (state, urgent, stands, expires)
	WHERE received = 0 AND unproven = '' AND state IN ('queued', 'accepted', 'consigned');
CREATE INDEX mail_held ON mail (text) WHERE received = 1 AND state = 'accepted';
CREATE INDEX mail_unapplied ON mail (unapplied, seq) WHERE unapplied = 1;
CREATE INDEX mail_open ON mail (received, seq)
	WHERE asks = 1 AND answered = 0 AND dropped = 0 AND unproven != 'refused' AND state NOT IN ('refused', 'expired', 'withdrawn', 'rejected');
CREATE INDEX mail_closing ON mail (conversation, seq) WHERE closes = 1 AND effective = 1;
CREATE INDEX mail_yearly ON mail (type, seq) WHERE received = 0 AND accepted = 1;
-- What a message means for an earlier one of its chain, by its place in the chain.
CREATE TABLE links (
	seal BLOB NOT NULL DEFAULT x'',
	reply INTEGER NOT NULL REFERENCES mail,
	asked INTEGER NOT NULL REFERENCES mail,
	kind  TEXT NOT NULL,
	place INTEGER NOT NULL, -- 1 is what in-reply-to names
	PRIMARY KEY (reply, kind, place)
) WITHOUT ROWID, STRICT;
CREATE INDEX links_asked ON links (asked, kind);
-- What this desk and another speak of, and its newest message.
CREATE TABLE conversations (
	seal BLOB NOT NULL DEFAULT x'',
	conversation BLOB NOT NULL,
	other        TEXT NOT NULL,
	last         INTEGER NOT NULL,
	PRIMARY KEY (conversation, other)
) WITHOUT ROWID, STRICT;
CREATE INDEX conversations_last ON conversations (last);
-- What a machine may answer, and whether it was.
CREATE INDEX mail_handed_over ON mail (type, seq) WHERE received = 1 AND state = 'handed-over';
CREATE INDEX mail_answering ON mail (reply_to) WHERE received = 0;
-- Each text that was ever made under an id, or received.
CREATE TABLE attempts (
	seal BLOB NOT NULL DEFAULT x'',
	text BLOB NOT NULL REFERENCES texts,
	seq  INTEGER NOT NULL REFERENCES mail,
	PRIMARY KEY (text, seq)
) STRICT;
-- Each sending, with a keyed digest of its draft: a repeat of its name must be of
-- the same draft.
CREATE TABLE sendings (
	seal BLOB NOT NULL DEFAULT x'',
	send   TEXT PRIMARY KEY,
	digest BLOB NOT NULL
) STRICT;
-- The messages that are copies of the others of their sending.
CREATE TABLE copies (
	seal BLOB NOT NULL DEFAULT x'',
	seq INTEGER PRIMARY KEY REFERENCES mail
) STRICT;
-- To whom a sending did not go, and why: a repeat of its name says so again.
CREATE TABLE blocked (
	seal BLOB NOT NULL DEFAULT x'',
	send      TEXT NOT NULL,
	recipient TEXT NOT NULL,
	code      TEXT NOT NULL,
	detail    TEXT NOT NULL,
	PRIMARY KEY (send, recipient)
) STRICT;
-- What this desk found for a query that it received, sealed under the storage key, by
-- the reference that its answer gave it. It goes when the query is erased.
CREATE TABLE matches (
	seal BLOB NOT NULL DEFAULT x'',
	reference TEXT PRIMARY KEY,
	text      BLOB NOT NULL REFERENCES texts,
	sealed    BLOB NOT NULL
) STRICT;
CREATE INDEX matches_text ON matches (text);
-- Messages that this desk erased and that no list of its own in the log names yet.
CREATE TABLE erasing (
	seal BLOB NOT NULL DEFAULT x'',
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	received INTEGER NOT NULL,
	sender   TEXT NOT NULL,
	id       BLOB NOT NULL,
	since    INTEGER NOT NULL,
	list     BLOB NOT NULL DEFAULT x'' -- the list that was made of it; empty: none yet
) STRICT;
CREATE INDEX erasing_list ON erasing (list, seq);
-- This desk's own lists of erasures, by the hash of the note: those that it made, and
-- those that the log has and it did not know. Then it was put back from a backup.
CREATE TABLE erasures (
	seal BLOB NOT NULL DEFAULT x'',
	list  BLOB PRIMARY KEY,
	note  BLOB NOT NULL,
	state TEXT NOT NULL,
	since INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_state ON erasures (state, since);
-- What the lists named that it did not know: such a message may come later.
CREATE TABLE erased_names (
	seal BLOB NOT NULL DEFAULT x'',
	name BLOB PRIMARY KEY
) WITHOUT ROWID, STRICT;
-- Texts of messages that those lists named: hidden until a person decides.
CREATE TABLE hidden (
	seal BLOB NOT NULL DEFAULT x'',
	text BLOB PRIMARY KEY REFERENCES texts
) WITHOUT ROWID, STRICT;
-- The opening keys of the ring, as it was last unlocked.
CREATE TABLE opening_keys (
	seal BLOB NOT NULL DEFAULT x'',
	key      BLOB PRIMARY KEY,
	place    INTEGER NOT NULL, -- the newest has the highest
	replaced INTEGER NOT NULL DEFAULT 0 -- since when the register names a newer one; 0: it names this, or is to
) WITHOUT ROWID, STRICT;
-- Answers that were logged, as the clock stood then.
CREATE TABLE answers (
	seal BLOB NOT NULL DEFAULT x'',
	class   TEXT NOT NULL,
	on_time INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (class, on_time)
) STRICT;

-- Bytes that convict a broker.
CREATE TABLE evidence (
	seal BLOB NOT NULL DEFAULT x'',
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	code    TEXT NOT NULL,
	signed  INTEGER NOT NULL, -- 1: what it shows bears signatures; 0: anybody could have made it up
	subject TEXT NOT NULL,
	same    BLOB NOT NULL, -- what shows the same thing again has the same
	seen    INTEGER NOT NULL,
	detail  TEXT NOT NULL,
	size    INTEGER NOT NULL, -- of bytes, as they are here
	bytes   BLOB NOT NULL, -- {}: they are not kept
	UNIQUE (code, signed, subject, same)
) STRICT;
CREATE INDEX evidence_code ON evidence (code, signed, seq);
CREATE INDEX evidence_size ON evidence (signed, code, seq, size);
-- Of which code how much is not kept. It has a row for each code, and so always fits.
CREATE TABLE evidence_lost (
	seal BLOB NOT NULL DEFAULT x'',
	code   TEXT PRIMARY KEY,
	pieces INTEGER NOT NULL, -- that are not there at all
	bytes  INTEGER NOT NULL  -- pieces that are there without their bytes
) WITHOUT ROWID, STRICT;
-- The desk's own log.
CREATE TABLE log (
	seal BLOB NOT NULL DEFAULT x'',
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	time    INTEGER NOT NULL,
	event   TEXT NOT NULL,
	subject TEXT NOT NULL,
	code    TEXT NOT NULL,
	detail  TEXT NOT NULL,
	bounded INTEGER NOT NULL DEFAULT 0, -- 1: others can cause such lines at will; 2: it counts those that are not kept
	chain   BLOB NOT NULL DEFAULT x'' -- hash of the chain before it and of the line; none of one that others can cause
) STRICT;
-- Where the chain of the log ends.
CREATE TABLE log_head (
	seal BLOB NOT NULL DEFAULT x'',
	one   INTEGER PRIMARY KEY,
	lines INTEGER NOT NULL,
	chain BLOB NOT NULL,
	kept  INTEGER NOT NULL, -- how many lines it had when it was last kept
	mac   BLOB NOT NULL     -- of that chain, under the storage key
) STRICT;
CREATE INDEX log_bounded ON log (bounded, event, code, seq) WHERE bounded > 0;

-- What this desk found damaged in its own database, and what became of it.
CREATE TABLE damages (
	seal BLOB NOT NULL DEFAULT x'',
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	found   INTEGER NOT NULL,
	place   TEXT NOT NULL, -- the table
	subject TEXT NOT NULL, -- the message and its other desk, as far as that is known
	mended  INTEGER NOT NULL, -- 1: it is again as it was written, or as the log says
	detail  TEXT NOT NULL,
	content TEXT NOT NULL -- the row as it was found; '': it is missing
) STRICT;
-- How many rows each table has, and what their seals give together.
CREATE TABLE tallies (
	place TEXT PRIMARY KEY,
	tally BLOB NOT NULL
) WITHOUT ROWID, STRICT;
`

// makeTables makes the tables of a new file, in one transaction together with the
// number that says so, and the row that says whose it is.
func (h *handle) makeTables(desk signed.Address) error {
	id := make([]byte, idSize)
	rand.Read(id)
	return h.arm(fmt.Sprintf("%s%sPRAGMA user_version = %d;", tables, firstTallies(), form),
		fmt.Sprintf("%sINSERT INTO mark (desk, id, commits) VALUES ('%s', x'%x', 0);", firstRows, desk, id))
}

// ErrForm says that a database is of another form than this program's, and sound as far as
// this program can tell.
var ErrForm = errors.New("the database is of another form")

type otherForm string

func (o otherForm) Error() string        { return string(o) }
func (o otherForm) Is(target error) bool { return target == ErrForm }

// checkForm refuses a file of another form.
func (h *handle) checkForm() error {
	var have int
	if err := h.db.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	switch {
	case have == form:
		return h.arm("", "")
	case have > form:
		return otherForm(fmt.Sprintf("its form %d is of a later version than this program's %d", have, form))
	case have > 0:
		return otherForm(fmt.Sprintf("its form %d is of an earlier version, which this program doesn't read: go on with the program that wrote it, or make the desk anew", have))
	}
	return ErrNone
}

// firstRows are those that a new database has.
const firstRows = `INSERT INTO log_head (one, lines, chain, kept, mac) VALUES (1, 0, x'', 0, x'');`

// arm has the writer seal each row that it writes. What is given is done before that, and
// after.
func (h *handle) arm(first, then string) error {
	return h.enqueue(&write{synced: first != "", do: func(*Tx) error {
		_, err := h.conn.ExecContext(context.Background(), first+sealingTriggers()+then)
		return err
	}})
}
