package store

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Evidence is bytes that convict a broker, or whoever uses this desk's ring.
type Evidence struct {
	Seen    signed.Time
	Code    problem.Code
	Signed  bool        // what it shows bears signatures: else anybody could have made it up
	Subject string      // what it is about: a message, an entry, a log
	Same    signed.Hash // what shows the same thing again has the same
	Detail  string
	Bytes   []byte // Stripped: they are not kept
}

// Stripped stands in the place of bytes that are not kept.
const Stripped = "{}"

// Bounds of the evidence. What is signed and what is not have each their own, so that
// rubbish, which costs nobody anything, takes no room from what convicts.
const (
	MaxEvidence      = 32       // pieces of one code, signed or not
	MaxEvidenceBytes = 24 << 20 // of all that is signed, and of all that is not: one answer of the desk has both
)

// AddEvidence keeps evidence and reports whether it is the first of its code about its
// subject. A broker can name as many subjects as it likes and repeat itself, and must
// neither fill the disk nor hide a breach behind others. So of each code, and of each
// subject, what came first stays and the newest takes the place of what came between: two
// pieces of a subject, MaxEvidence of a code. Where the bytes of all are too many, those of
// a code's first and newest piece go last. What is not kept is counted.
func (t *Tx) AddEvidence(e Evidence) (fresh bool, err error) {
	var again bool
	var ofCode, ofSubject int
	err = t.row("look for evidence", []any{&ofCode, &ofSubject, &again}, `SELECT count(*), count(*) FILTER (WHERE subject = ?3),
		coalesce(max(subject = ?3 AND same = ?4), 0) FROM evidence WHERE code = ?1 AND signed = ?2`,
		string(e.Code), e.Signed, e.Subject, e.Same[:])
	if err != nil || again {
		return false, err
	}
	switch {
	case ofSubject > 1:
		err = t.dropEvidence(e.Code, `SELECT max(seq) FROM evidence WHERE code = ? AND signed = ? AND subject = ?`, string(e.Code), e.Signed, e.Subject)
	case ofCode >= MaxEvidence:
		err = t.dropEvidence(e.Code, `SELECT seq FROM evidence WHERE code = ? AND signed = ? ORDER BY seq LIMIT 1 OFFSET ?`, string(e.Code), e.Signed, MaxEvidence/2)
	}
	if err != nil {
		return false, err
	}
	var seq int64
	err = t.row("keep evidence", []any{&seq}, `INSERT INTO evidence (code, signed, subject, same, seen, detail, size, bytes)
		VALUES (?,?,?,?,?,?,?,?) RETURNING seq`,
		string(e.Code), e.Signed, e.Subject, e.Same[:], e.Seen.Unix(), e.Detail, len(e.Bytes), e.Bytes)
	if err == nil {
		err = t.stripEvidence(e.Signed, seq)
	}
	return ofSubject == 0, err
}

func (t *Tx) dropEvidence(code problem.Code, which string, args ...any) error {
	if err := t.exec("drop evidence", `DELETE FROM evidence WHERE seq = (`+which+`)`, args...); err != nil {
		return err
	}
	return t.loseEvidence(code, 1, 0)
}

// stripEvidence takes bytes away until they are few enough: of pieces that are neither the
// first nor the newest of their code, of the code with the most; then of the newest; and
// of the one that was just added, if nothing else is left.
func (t *Tx) stripEvidence(signed bool, added int64) error {
	for {
		var size int64
		err := t.row("weigh evidence", []any{&size}, `SELECT coalesce(sum(size), 0) FROM evidence WHERE signed = ?`, signed)
		if err != nil || size <= MaxEvidenceBytes {
			return err
		}
		var seq int64
		var code problem.Code
		err = t.row("choose evidence", []any{&seq, &code}, `SELECT seq, code FROM (SELECT seq, code, size,
			seq = min(seq) OVER (PARTITION BY code) AS first, seq = max(seq) OVER (PARTITION BY code) AS newest,
			sum(size) OVER (PARTITION BY code) AS heavy FROM evidence WHERE signed = ?1)
			WHERE size > ?2 AND (NOT first OR seq = ?3) ORDER BY seq = ?3, newest, heavy DESC, seq LIMIT 1`, signed, len(Stripped), added)
		if err != nil {
			return err
		}
		if err := t.exec("strip evidence", `UPDATE evidence SET bytes = ?, size = ? WHERE seq = ?`, []byte(Stripped), len(Stripped), seq); err != nil {
			return err
		}
		if err := t.loseEvidence(code, 0, 1); err != nil {
			return err
		}
	}
}

func (t *Tx) loseEvidence(code problem.Code, pieces, bytes int) error {
	return t.put("count lost evidence", `INSERT INTO evidence_lost (code, pieces, bytes) VALUES (?1,?2,?3)
		ON CONFLICT (code) DO UPDATE SET pieces = pieces + ?2, bytes = bytes + ?3`, string(code), pieces, bytes)
}

// Evidence returns what is kept, oldest first.
func (t *Tx) Evidence() ([]Evidence, error) {
	return rows(t, "read evidence", func(scan func(...any) error) (e Evidence, err error) {
		err = scan(sealed("evidence"), unix{&e.Seen}, &e.Code, &e.Signed, &e.Subject, &e.Detail, &e.Bytes)
		return e, err
	}, `SELECT `+wholeOf("evidence", "")+`, seen, code, signed, subject, detail, bytes FROM evidence ORDER BY seq`)
}

// Breaches are what this desk has seen of one code.
type Breaches struct {
	Code       problem.Code
	Seen       int // pieces, kept or not
	Lost       int // of these, pieces that are not kept
	Bytes      int // and pieces whose bytes are not kept
	Since, New signed.Time
	Subject    string // of the newest
}

// Breaches returns what was seen of each code, by code.
func (t *Tx) Breaches() ([]Breaches, error) {
	return rows(t, "count evidence", func(scan func(...any) error) (b Breaches, err error) {
		return b, scan(&b.Code, &b.Seen, &b.Lost, &b.Bytes, unix{&b.Since}, unix{&b.New}, &b.Subject)
	}, `SELECT e.code, count(*) + coalesce(l.pieces, 0), coalesce(l.pieces, 0), coalesce(l.bytes, 0), min(e.seen), max(e.seen),
		(SELECT subject FROM evidence n WHERE n.code = e.code ORDER BY n.seq DESC LIMIT 1)
		FROM evidence e LEFT JOIN evidence_lost l ON l.code = e.code GROUP BY e.code ORDER BY e.code`)
}
