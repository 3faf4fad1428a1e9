package store

import (
	"errors"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Evidence is bytes that convict a broker.
type Evidence struct {
	Seen    signed.Time
	Code    problem.Code
	Subject string // what it is about: a message, an entry, a log
	Detail  string
	Bytes   []byte
}

// Bounds of the evidence.
const (
	MaxEvidence      = 64       // of one code
	MaxEvidenceBytes = 32 << 20 // in all; what is past it is kept without its bytes
)

// AddEvidence keeps evidence and reports whether it is new. Of one code about
// one subject the first stands, and of one code no more than MaxEvidence: a
// broker can name as many subjects as it likes, and must not fill the disk. Nor
// must it hide a breach behind others: past MaxEvidenceBytes what it did is still
// written down.
func (t *Tx) AddEvidence(e Evidence) (bool, error) {
	err := t.exec("keep evidence", `INSERT INTO evidence (code, subject, seen, detail, bytes)
		SELECT ?,?,?,?, CASE WHEN (SELECT coalesce(sum(length(bytes)), 0) FROM evidence) < ? THEN ? ELSE ? END
		WHERE (SELECT count(*) FROM evidence WHERE code = ?1) < ? ON CONFLICT DO NOTHING`,
		string(e.Code), e.Subject, e.Seen.Unix(), e.Detail, MaxEvidenceBytes, e.Bytes, []byte("{}"), MaxEvidence)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Evidence returns all evidence, oldest first.
func (t *Tx) Evidence() ([]Evidence, error) {
	return rows(t, "read evidence", func(scan func(...any) error) (e Evidence, err error) {
		err = scan(unix{&e.Seen}, &e.Code, &e.Subject, &e.Detail, &e.Bytes)
		return e, err
	}, `SELECT seen, code, subject, detail, bytes FROM evidence ORDER BY seen, rowid`)
}

// CountEvidence says how many pieces of evidence each code has.
func (t *Tx) CountEvidence() (map[problem.Code]int, error) {
	type count struct {
		code problem.Code
		n    int
	}
	all, err := rows(t, "count evidence", func(scan func(...any) error) (c count, err error) {
		return c, scan(&c.code, &c.n)
	}, `SELECT code, count(*) FROM evidence GROUP BY code`)
	m := map[problem.Code]int{}
	for _, c := range all {
		m[c.code] = c.n
	}
	return m, err
}

// Log adds a line to the desk's own log.
func (t *Tx) Log(e client.LogEntry) error {
	return t.put("write the desk's log", `INSERT INTO log (time, event, subject, code, detail) VALUES (?,?,?,?,?)`,
		e.Time.Unix(), e.Event, e.Subject, string(e.Code), e.Detail)
}

// LogOnce adds a line unless one of that event and subject is there, or so many of
// that event: what others can cause at will must not fill the log.
func (t *Tx) LogOnce(e client.LogEntry, most int) error {
	return t.put("write the desk's log", `INSERT INTO log (time, event, subject, code, detail)
		SELECT ?1,?2,?3,?4,?5 WHERE (SELECT count(*) FROM log WHERE event = ?2) < ?6
		AND NOT EXISTS (SELECT 1 FROM log WHERE event = ?2 AND subject = ?3)`,
		e.Time.Unix(), e.Event, e.Subject, string(e.Code), e.Detail, most)
}

// LogEntries returns the newest lines of the desk's log, the newest first.
func (t *Tx) LogEntries(limit int) ([]client.LogEntry, error) {
	return rows(t, "read the desk's log", func(scan func(...any) error) (e client.LogEntry, err error) {
		err = scan(unix{&e.Time}, &e.Event, &e.Subject, &e.Code, &e.Detail)
		return e, err
	}, `SELECT time, event, subject, code, detail FROM log ORDER BY seq DESC LIMIT ?`, limit)
}
