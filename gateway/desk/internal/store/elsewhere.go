package store

import "samband/gateway/signed"

// State has a message wait for the proof of what this desk signed of it, and keeps for
// ever that this desk signed that. Put the row in the same Update, or Add it.
func (t *Tx) State(r *Row, s Statement) error {
	r.Unproven = s
	return t.Say(signed.HashOf(s.Note))
}

// Say keeps for ever that this desk signed a note, by the note's hash.
func (t *Tx) Say(note signed.Hash) error {
	return t.put("keep what was said", `INSERT INTO said (note) VALUES (?) ON CONFLICT DO NOTHING`, note[:])
}

// Said reports whether this desk signed a note, by the note's hash.
func (t *Tx) Said(note signed.Hash) (said bool, err error) {
	err = t.row("read what was said", []any{&said}, `SELECT EXISTS (SELECT 1 FROM said WHERE note = ?)`, note[:])
	return said, err
}

// Held returns the texts that this desk has taken in and has said no proven word of, in
// ascending order.
func (t *Tx) Held(limit int) ([]signed.Hash, error) {
	return rows(t, "read what is held", scanHash("mail"), `SELECT `+wholeOf("mail", "")+`, text FROM mail INDEXED BY mail_held
		WHERE received = 1 AND state = 'accepted' ORDER BY text LIMIT ?`, limit)
}

// scanHash scans the hash of a text, from a row of a table.
func scanHash(table string) func(scan func(...any) error) (signed.Hash, error) {
	return func(scan func(...any) error) (h signed.Hash, err error) {
		err = scan(sealed(table), fixed(h[:]))
		return h, err
	}
}

// An Elsewhere is what was said in this desk's name and not by it.
type Elsewhere struct {
	Note signed.Hash // of a message that was sent elsewhere, the message's
	Text signed.Hash
	Lost bool // by a lost copy of this desk
}

// maxSentElsewhere bounds the messages that were sent elsewhere: a broker can invent them.
const maxSentElsewhere = 10_000

// AddElsewhere keeps it, and reports whether it is new.
func (t *Tx) AddElsewhere(e Elsewhere) (bool, error) {
	n, err := t.run(`INSERT INTO elsewhere (note, text, lost, wanted) SELECT ?1,?2,?3,0
		WHERE ?1 != ?2 OR (SELECT count(*) FROM elsewhere WHERE note = text) < ?4 ON CONFLICT DO NOTHING`,
		e.Note[:], e.Text[:], e.Lost, maxSentElsewhere)
	return n > 0, err
}

// WantElsewhere notes whether this desk is to ask for a message that another consigned in
// its name.
func (t *Tx) WantElsewhere(text signed.Hash, want bool) error {
	if want {
		return t.put("want a message", `UPDATE elsewhere SET wanted = 1 WHERE text = ?1
			AND NOT EXISTS (SELECT 1 FROM mail m JOIN attempts a ON a.seq = m.seq WHERE a.text = ?1 AND m.received = 1)`, text[:])
	}
	return t.put("want no message", `UPDATE elsewhere SET wanted = 0 WHERE text = ? AND wanted = 1`, text[:])
}

// Wanted returns the texts that this desk is to ask for.
func (t *Tx) Wanted(limit int) ([]signed.Hash, error) {
	return rows(t, "read what is wanted", scanHash("elsewhere"), `SELECT DISTINCT `+wholeOf("elsewhere", "")+`, text FROM elsewhere INDEXED BY elsewhere_wanted WHERE wanted = 1 LIMIT ?`, limit)
}

// CountElsewhere says how many words in this desk's name a lost copy of it said, and how
// many somebody who has its ring.
func (t *Tx) CountElsewhere() (lost, others int, err error) {
	err = t.row("count words of others", []any{&lost, &others}, `SELECT
		(SELECT count(*) FROM elsewhere WHERE lost = 1), (SELECT count(*) FROM elsewhere WHERE lost = 0)`)
	return lost, others, err
}

// AddAbsence notes that this desk did not run while the audit log grew from one size to
// another.
func (t *Tx) AddAbsence(since, until int64) error {
	return t.put("note an absence", `INSERT INTO absences (since, until) VALUES (?,?)
		ON CONFLICT (since) DO UPDATE SET until = max(until, excluded.until)`, since, until)
}

// Absent reports whether a leaf was logged while this desk did not run.
func (t *Tx) Absent(leaf int64) (absent bool, err error) {
	err = t.row("read absences", []any{&absent}, `SELECT EXISTS (SELECT 1 FROM absences WHERE since <= ?1 AND until > ?1)`, leaf)
	return absent, err
}

// DropAbsences forgets those of which all was read that was said meanwhile.
func (t *Tx) DropAbsences(read int64) error {
	return t.put("forget absences", `DELETE FROM absences WHERE until <= ?`, read)
}
