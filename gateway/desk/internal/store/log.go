package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// The desk's own log says who read what, and who erased what. Its lines are a chain: each
// has the hash of the chain before it and of itself, and the head says where it ends. So
// a line that was altered, or removed between others, is found by whoever reads the log.
// Whoever can write this file can make the chain anew; so the head is kept under the storage key whenever a person uses the unlocked
// desk, and who lacks the passphrase can't make that.
//
// Lines that others can cause at will are no part of the chain, since they are dropped when
// there are too many.

// Log adds a line to the desk's own log.
func (t *Tx) Log(e client.LogEntry) error {
	h, err := t.logHead()
	if err != nil {
		return err
	}
	h.chain = nextLine(h.chain, e)
	if err := t.log(e, 0, h.chain); err != nil {
		return err
	}
	return t.exec("move the log's head", `UPDATE log_head SET lines = lines + 1, chain = ?`, h.chain)
}

func (t *Tx) log(e client.LogEntry, bounded int, chain []byte) error {
	return t.put("write the desk's log", `INSERT INTO log (time, event, subject, code, detail, bounded, chain) VALUES (?,?,?,?,?,?,?)`,
		e.Time.Unix(), e.Event, e.Subject, string(e.Code), e.Detail, bounded, bytesOf(chain))
}

// nextLine is the chain after a line.
func nextLine(chain []byte, e client.LogEntry) []byte {
	b := appendColumn(nil, chain)
	b = appendColumn(b, e.Time.Unix())
	for _, s := range []string{e.Event, e.Subject, string(e.Code), e.Detail} {
		b = appendColumn(b, s)
	}
	hash := sha256.Sum256(b)
	return hash[:]
}

// A logHead is where the chain ends.
type logHead struct {
	lines, kept int64
	chain, mac  []byte
}

func (t *Tx) logHead() (h logHead, err error) {
	err = t.row("read the log's head", []any{sealed("log_head"), &h.lines, &h.chain, &h.kept, &h.mac},
		`SELECT `+wholeOf("log_head", "")+`, lines, chain, kept, mac FROM log_head`)
	if errors.Is(err, ErrNotFound) {
		t.bent, err = true, fmt.Errorf("%w: the log has no head", ErrDamaged)
	}
	return h, err
}

// KeepLog keeps the log's head by a MAC; nil, while the ring is locked, keeps nothing.
func (t *Tx) KeepLog(mac func(lines int64, chain []byte) []byte) error {
	if mac == nil {
		return nil
	}
	h, err := t.logHead()
	if err != nil {
		return err
	}
	return t.exec("keep the log's head", `UPDATE log_head SET kept = lines, mac = ?`, mac(h.lines, h.chain))
}

// A LogCheck is what the desk's own log shows of itself.
type LogCheck struct {
	Lines  int64    // in the chain
	Kept   int64    // up to which line a MAC was compared
	Faults []string // in words
}

// maxLogFaults bounds the faults of a log that are named.
const maxLogFaults = 100

// CheckLog reads the chain from its beginning. mac is nil while the ring is locked.
func (t *Tx) CheckLog(mac func(lines int64, chain []byte) []byte) (c LogCheck, err error) {
	h, err := t.logHead()
	if err != nil {
		return c, err
	}
	var chain []byte
	fault := func(format string, args ...any) {
		if len(c.Faults) < maxLogFaults {
			c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
		}
	}
	keeps := func() {
		if mac != nil && h.kept == c.Lines && len(h.mac) > 0 {
			if c.Kept = h.kept; !bytes.Equal(mac(c.Lines, chain), h.mac) {
				fault("the first %d lines are not those that were kept under the storage key", c.Lines)
			}
		}
	}
	keeps()
	err = t.eachLine(func(seq int64, e client.LogEntry, has []byte) {
		c.Lines++
		if is := nextLine(chain, e); !bytes.Equal(is, has) {
			fault("line %d of %s (%s, %s) was altered, or lines before it were removed or added", seq, e.Time, e.Event, e.Subject)
		}
		chain = has
		keeps()
	})
	if err == nil && (c.Lines != h.lines || !bytes.Equal(chain, h.chain)) {
		fault("it has %d lines, and its head says %d: it was cut, or lines were removed or added", c.Lines, h.lines)
	}
	if err == nil && h.kept > c.Lines {
		fault("it has %d lines, and %d were kept under the storage key: it was cut", c.Lines, h.kept)
	}
	return c, err
}

// eachLine gives the lines of the chain, whole or not.
func (t *Tx) eachLine(f func(seq int64, e client.LogEntry, chain []byte)) error {
	err := t.each(func(scan func(...any) error) (bool, error) {
		var seq int64
		var e client.LogEntry
		var chain []byte
		if err := scan(&seq, unix{&e.Time}, &e.Event, &e.Subject, &e.Code, &e.Detail, &chain); err != nil {
			return false, err
		}
		f(seq, e, chain)
		return false, nil
	}, `SELECT seq, time, event, subject, code, detail, chain FROM log WHERE bounded = 0 ORDER BY seq`)
	if err != nil {
		return fmt.Errorf("read the desk's log: %w", err)
	}
	return nil
}

// FindLogHead makes the log's head anew from its last line.
func (t *Tx) FindLogHead() error {
	if err := t.put("forget the log's head", `DELETE FROM log_head`); err != nil {
		return err
	}
	return t.put("find the log's head", `INSERT INTO log_head (one, lines, chain, kept, mac) VALUES (1,
		(SELECT count(*) FROM log WHERE bounded = 0),
		coalesce((SELECT chain FROM log WHERE bounded = 0 ORDER BY seq DESC LIMIT 1), x''), 0, x'')`)
}

// MaxLines is how many lines of one event and code LogBounded keeps, besides the one that
// counts the rest.
const MaxLines = 1000

const (
	boundedLine = 1
	countLine   = 2
)

// LogBounded adds a line that others can cause as often as they like. It must neither fill
// the log nor hide behind its like: of an event and code, one line of a subject is kept, the
// first MaxLines/2 subjects stay, and the newest takes the place of those between. One line
// more, the newest, counts what is not kept.
func (t *Tx) LogBounded(e client.LogEntry) error {
	var n, there int
	err := t.row("look into the desk's log", []any{&n, &there}, `SELECT count(*), count(*) FILTER (WHERE subject = ?4)
		FROM log INDEXED BY log_bounded WHERE bounded > 0 AND bounded = ?1 AND event = ?2 AND code = ?3`, boundedLine, e.Event, string(e.Code), e.Subject)
	if err != nil || there > 0 {
		return err
	}
	if err := t.log(e, boundedLine, nil); err != nil || n < MaxLines {
		return err
	}
	err = t.exec("drop a line of the desk's log", `DELETE FROM log WHERE seq = (SELECT seq FROM log INDEXED BY log_bounded
		WHERE bounded > 0 AND bounded = ? AND event = ? AND code = ? ORDER BY seq LIMIT 1 OFFSET ?)`, boundedLine, e.Event, string(e.Code), MaxLines/2)
	if err != nil {
		return err
	}
	var lost int
	err = t.row("count lines", []any{&lost}, `SELECT coalesce(max(CAST(subject AS INTEGER)), 0) FROM log INDEXED BY log_bounded
		WHERE bounded > 0 AND bounded = ? AND event = ? AND code = ?`, countLine, e.Event, string(e.Code))
	if err == nil {
		err = t.put("count lines", `DELETE FROM log WHERE bounded > 0 AND bounded = ? AND event = ? AND code = ?`, countLine, e.Event, string(e.Code))
	}
	if err != nil {
		return err
	}
	e.Subject, e.Detail = fmt.Sprintf("%d lines between the oldest and the newest are not kept", lost+1), ""
	return t.log(e, countLine, nil)
}

// LastEvent is the event of the newest line about a subject; "" if there is none.
func (t *Tx) LastEvent(subject string) (event string, err error) {
	err = t.row("read the desk's log", []any{sealed("log"), &event}, `SELECT `+wholeOf("log", "")+`, event FROM log WHERE subject = ? ORDER BY seq DESC LIMIT 1`, subject)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return event, err
}

// LastLog is when the newest line of an event and subject was written; zero: there is none.
func (t *Tx) LastLog(event, subject string) (signed.Time, error) {
	return first(rows(t, "read the desk's log", scanAge, `SELECT coalesce(max(time), 0) FROM log WHERE event = ? AND subject = ?`, event, subject))
}

// LogEntries returns the newest lines of the desk's log, the newest first.
func (t *Tx) LogEntries(limit int) ([]client.LogEntry, error) {
	return rows(t, "read the desk's log", func(scan func(...any) error) (e client.LogEntry, err error) {
		err = scan(sealed("log"), unix{&e.Time}, &e.Event, &e.Subject, &e.Code, &e.Detail)
		return e, err
	}, `SELECT `+wholeOf("log", "")+`, time, event, subject, code, detail FROM log ORDER BY seq DESC LIMIT ?`, limit)
}
