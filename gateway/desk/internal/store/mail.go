package store

import (
	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Row is one message that this desk sends or received. Direction, sender and id
// name it.
type Row struct {
	Seq          int64
	Received     bool
	From         signed.Address
	ID           signed.ID
	To           signed.Address
	TextHash     signed.Hash // of a sent one the newest, or the accepted one
	Send         string      // of a sent one: names the sending
	Type         string
	Urgent       bool
	Conversation signed.ID
	ReplyTo      signed.Hash // zero: none
	Facts                    // what it says; of a received one once it is handed over, but for what its type says
	State        client.State
	Stands       signed.Time // of a sent one: since when it stands so; see Tx.CountOwed
	Expires      signed.Time
	Accepted     bool // its acceptance is proven
	Unproven     Statement
	Unapplied    bool        // its outcome waits for the ring to be unlocked
	Asks         bool        // its type asks for something
	Closes       bool        // its type closes a conversation
	Effective    bool        // it was accepted, counts, and what it means for others stands in links
	Answered     signed.Time // when a reply settled what it asks; zero: none did
	Answer       signed.Hash // that reply
	Dropped      signed.Time // when its sender closed its conversation; zero: it did not
	Declared     string      // of a received one: how this desk alone declared that it reaches what is asked for
	Code         problem.Code
	Detail       string
}

// Facts are what clocks and turns need to know of a body. They lie in the open.
type Facts struct {
	Outcome    string      // as the catalogue names it
	ClockFrom  signed.Time // when its clock began by its sender's word; zero: it doesn't say
	ClockUntil signed.Time // until when it extends another's clock; zero: it doesn't
	Access     string      // how its sender reaches what is asked for; "" it doesn't say
}

// A Statement is what this desk signed of a message; of one without proof a Row
// keeps it. The zero Statement is none.
type Statement struct {
	Event envelope.Event
	Note  []byte
	Since signed.Time // by this desk's clock
}

// Counts reports whether a message counts for a clock.
func (r *Row) Counts() bool { return counts(r.State) && r.Unproven.Event != envelope.Refused }

// Open reports whether what a message asks for is open: it was consigned, it counts,
// nothing settled it and its sender did not close the conversation.
func (r *Row) Open() bool {
	return r.Asks && r.Counts() && (r.State == client.Consigned || r.State == client.HandedOver) && r.Answered.IsZero() && r.Dropped.IsZero()
}

// Other is the other desk.
func (r *Row) Other() signed.Address {
	if r.Received {
		return r.From
	}
	return r.To
}

// Add puts a new message behind the others, and sets its Seq; one that has a Seq takes its
// place again. A second text of the same sender and id is refused by the table itself.
func (t *Tx) Add(r *Row) error {
	err := t.row("keep message", []any{&r.Seq}, `INSERT INTO mail
		(seq, received, sender, id, recipient, text, send, type, urgent, conversation, reply_to, asks, closes,
		outcome, clock_from, clock_until, access, state, stands, expires, accepted, unproven, note, since)
		VALUES (nullif(?,0),?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING seq`,
		r.Seq, r.Received, string(r.From), r.ID[:], string(r.To), r.TextHash[:], r.Send, r.Type, r.Urgent, r.Conversation[:], r.ReplyTo[:], r.Asks, r.Closes,
		r.Outcome, r.ClockFrom.Unix(), r.ClockUntil.Unix(), r.Access, string(r.State), r.Stands.Unix(), r.Expires.Unix(), r.Accepted, string(r.Unproven.Event), bytesOf(r.Unproven.Note), r.Unproven.Since.Unix())
	if err != nil {
		return err
	}
	err = t.put("keep conversation", `INSERT INTO conversations (conversation, other, last) VALUES (?,?,?)
		ON CONFLICT (conversation, other) DO UPDATE SET last = excluded.last`, r.Conversation[:], string(r.Other()), r.Seq)
	if err != nil {
		return err
	}
	return t.AddAttempt(r, r.TextHash)
}

// AddAttempt keeps a text of a message beside its earlier ones: of a message that
// is sealed anew one of them may turn out to be the accepted one.
func (t *Tx) AddAttempt(r *Row, textHash signed.Hash) error {
	return t.put("keep attempt", `INSERT INTO attempts (text, seq) VALUES (?,?) ON CONFLICT DO NOTHING`, textHash[:], r.Seq)
}

// Put writes what may change of a message. Read it in the same Update.
func (t *Tx) Put(r *Row) error {
	if !r.Received {
		t.moved = append(t.moved, move{r.ID, r.State})
	}
	return t.exec("move message", `UPDATE mail SET text = ?, outcome = ?, clock_from = ?, clock_until = ?, access = ?, state = ?, stands = ?, accepted = ?, unproven = ?, note = ?, since = ?,
		unapplied = ?, effective = ?, answered = ?, answer = ?, dropped = ?, declared = ?, code = ?, detail = ? WHERE seq = ?`,
		r.TextHash[:], r.Outcome, r.ClockFrom.Unix(), r.ClockUntil.Unix(), r.Access, string(r.State), r.Stands.Unix(), r.Accepted, string(r.Unproven.Event), bytesOf(r.Unproven.Note), r.Unproven.Since.Unix(),
		r.Unapplied, r.Effective, r.Answered.Unix(), r.Answer[:], r.Dropped.Unix(), r.Declared, string(r.Code), r.Detail, r.Seq)
}

func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

var mailColumnsOf = `SELECT ` + wholeOf("mail", "m") + `, m.seq, m.received, m.sender, m.id, m.recipient, m.text, m.send, m.type, m.urgent, m.conversation,
	m.reply_to, m.asks, m.closes, m.outcome, m.clock_from, m.clock_until, m.access, m.state, m.stands, m.expires, m.accepted, m.unproven, m.note, m.since,
	m.unapplied, m.effective, m.answered, m.answer, m.dropped, m.declared, m.code, m.detail`

var mailColumns = mailColumnsOf + ` FROM mail m `

func scanRow(scan func(...any) error) (r Row, err error) {
	err = scan(sealed("mail"), &r.Seq, &r.Received, &r.From, fixed(r.ID[:]), &r.To, fixed(r.TextHash[:]), &r.Send, &r.Type, &r.Urgent, fixed(r.Conversation[:]),
		fixed(r.ReplyTo[:]), &r.Asks, &r.Closes, &r.Outcome, unix{&r.ClockFrom}, unix{&r.ClockUntil}, &r.Access, &r.State, unix{&r.Stands}, unix{&r.Expires}, &r.Accepted,
		&r.Unproven.Event, &r.Unproven.Note, unix{&r.Unproven.Since}, &r.Unapplied, &r.Effective,
		unix{&r.Answered}, fixed(r.Answer[:]), unix{&r.Dropped}, &r.Declared, &r.Code, &r.Detail)
	return r, err
}

func (t *Tx) mail(query string, args ...any) ([]Row, error) {
	return rows(t, "read messages", scanRow, mailColumns+query, args...)
}

func (t *Tx) message(query string, args ...any) (Row, error) {
	return first(t.mail(query, args...))
}

// Row returns a message as it stands now.
func (t *Tx) Row(seq int64) (Row, error) { return t.message(`WHERE m.seq = ?`, seq) }

// Sent returns a message that this desk sent.
func (t *Tx) Sent(id signed.ID) (Row, error) {
	return t.message(`WHERE m.received = 0 AND m.id = ?`, id[:])
}

// Received returns the message of a sender and id.
func (t *Tx) Received(from signed.Address, id signed.ID) (Row, error) {
	return t.message(`WHERE m.received = 1 AND m.sender = ? AND m.id = ?`, string(from), id[:])
}

// ReceivedID returns what this desk received under an id: more than one message
// only when two senders chose the same.
func (t *Tx) ReceivedID(id signed.ID) ([]Row, error) {
	return t.mail(`WHERE m.received = 1 AND m.id = ?`, id[:])
}

// OfText returns the message, sent or received, that has or had a text.
func (t *Tx) OfText(received bool, textHash signed.Hash) (Row, error) {
	return t.message(`JOIN attempts a ON a.seq = m.seq WHERE a.text = ? AND m.received = ?`, textHash[:], received)
}

// Newest returns the newest messages of a direction, the newest first.
func (t *Tx) Newest(received bool, limit int) ([]Row, error) {
	return t.mail(newest, received, limit)
}

const newest = `WHERE m.received = ? ORDER BY m.seq DESC LIMIT ?`

// A Shown is a message whose content became fit to be shown: one of ours was accepted, or
// a received one was handed over.
type Shown struct {
	At  int64 // grows with each
	Row Row
}

// ShownSince lists what became fit to be shown after a place, in the order in which this
// desk learnt it.
func (t *Tx) ShownSince(after int64, limit int) ([]Shown, error) {
	return rows(t, "read what may be shown", func(scan func(...any) error) (s Shown, err error) {
		err = scan(sealed("proven"), sealed("mail"), &s.At, fixed(s.Row.TextHash[:]), fixed(s.Row.Conversation[:]), fixed(s.Row.ID[:]), &s.Row.From)
		return s, err
	}, shownSince, after, limit)
}

var shownSince = `SELECT ` + wholeOf("proven", "p") + `, ` + wholeOf("mail", "m") + `, p.rowid, p.text, m.conversation, m.id, m.sender
	FROM proven p JOIN attempts a ON a.text = p.text JOIN mail m ON m.seq = a.seq
	WHERE p.rowid > ? AND (m.received = 1 AND p.event = 'handed-over' OR m.received = 0 AND p.event = 'accepted')
	ORDER BY p.rowid LIMIT ?`

// Sending returns the messages of a sending without its copies, by recipient.
func (t *Tx) Sending(name string) ([]Row, error) {
	return t.mail(`WHERE m.received = 0 AND m.send = ? AND m.seq NOT IN (SELECT seq FROM copies) ORDER BY m.recipient`, name)
}

// recent is how many messages back a draft is looked for that repeats another.
const recent = 1000

// Recent returns the messages of the newest sendings of a draft, the newest first.
func (t *Tx) Recent(digest []byte) ([]Row, error) {
	return t.mail(`JOIN sendings s ON s.send = m.send WHERE m.seq > (SELECT max(seq) FROM mail) - ? AND m.received = 0 AND s.digest = ? ORDER BY m.seq DESC`, recent, digest)
}

// AddCopy notes of a message that it is a copy of the others of its sending.
func (t *Tx) AddCopy(seq int64) error {
	return t.put("keep copy", `INSERT INTO copies (seq) VALUES (?)`, seq)
}

// Copies returns those messages of a sending that are copies of the others.
func (t *Tx) Copies(name string) ([]Row, error) {
	return t.mail(`JOIN copies c ON c.seq = m.seq WHERE m.received = 0 AND m.send = ? ORDER BY m.recipient, m.type`, name)
}

// Unsent returns messages behind a place that have no proof of acceptance and are
// not being withdrawn, oldest first: the large ones, or the others. The length of a text is
// known without the text being read.
func (t *Tx) Unsent(urgent, large bool, after int64, limit int) ([]Row, error) {
	return t.mail(unsent, urgent, after, api.MaxSmall, large, limit)
}

const unsent = `INDEXED BY mail_unsent JOIN texts t ON t.text = m.text
	WHERE m.received = 0 AND NOT m.accepted AND m.unproven = '' AND m.state NOT IN ('withdrawn', 'rejected')
	AND m.urgent = ? AND m.seq > ? AND (length(t.note) + length(t.sealed) > ?) = ? ORDER BY m.seq LIMIT ?`

// Unopened returns received messages behind a place that this desk has not opened,
// oldest first; or those alone that it has not consigned.
func (t *Tx) Unopened(after int64, unconsigned bool, limit int) ([]Row, error) {
	return t.mail(unopened, after, unconsigned, limit)
}

const unopened = `INDEXED BY mail_unopened WHERE m.received = 1 AND m.unproven = '' AND m.state IN ('accepted', 'consigned')
	AND m.seq > ? AND NOT (? AND m.state = 'consigned') ORDER BY m.seq LIMIT ?`

// Unproven returns messages behind a place with a statement that waits for its proof,
// oldest first.
func (t *Tx) Unproven(urgent bool, after int64, limit int) ([]Row, error) {
	return t.mail(unproven, urgent, after, limit)
}

const unproven = `INDEXED BY mail_unproven WHERE m.unproven != '' AND m.urgent = ? AND m.seq > ? ORDER BY m.seq LIMIT ?`

// OldestUnproven says since when the oldest statement waits for its proof; zero: none
// does.
func (t *Tx) OldestUnproven() (signed.Time, error) {
	return first(rows(t, "read oldest statement", scanAge, `SELECT coalesce(min(since), 0) FROM mail WHERE unproven != ''`))
}

// Unapplied returns messages whose outcome waits for the ring to be unlocked.
func (t *Tx) Unapplied(limit int) ([]Row, error) {
	return t.mail(unapplied, limit)
}

const unapplied = `INDEXED BY mail_unapplied WHERE m.unapplied = 1 ORDER BY m.seq LIMIT ?`

// CountWaiting says how many messages, received and open here or to be sent, wait
// for what a detail names.
func (t *Tx) CountWaiting(detail string) (n int, err error) {
	err = t.row("count what waits", []any{&n}, `SELECT count(*) FROM mail
		WHERE detail = ? AND (received = 0 OR state IN ('accepted', 'consigned'))`, detail)
	return n, err
}

// Counts says how many messages each state has, of the sent and of the received.
func (t *Tx) Counts() (sent, received map[client.State]int, err error) {
	type count struct {
		received bool
		state    client.State
		n        int
	}
	all, err := rows(t, "count messages", func(scan func(...any) error) (c count, err error) {
		return c, scan(&c.received, &c.state, &c.n)
	}, `SELECT received, state, count(*) FROM mail GROUP BY received, state`)
	sent, received = map[client.State]int{}, map[client.State]int{}
	for _, c := range all {
		if c.received {
			received[c.state] = c.n
		} else {
			sent[c.state] = c.n
		}
	}
	return sent, received, err
}

// AddSending keeps the digest of a sending's draft.
func (t *Tx) AddSending(name string, digest []byte) error {
	return t.put("keep sending", `INSERT INTO sendings (send, digest) VALUES (?,?)`, name, digest)
}

// Digest returns the digest of a sending's draft; ErrNotFound when none has that
// name.
func (t *Tx) Digest(name string) (digest []byte, err error) {
	err = t.row("read sending", []any{sealed("sendings"), &digest}, `SELECT `+wholeOf("sendings", "")+`, digest FROM sendings WHERE send = ?`, name)
	return digest, err
}

// A Blocked is a recipient to whom a sending did not go.
type Blocked struct {
	To     signed.Address
	Code   problem.Code
	Detail string
}

// AddBlocked keeps with a sending whom it did not go to.
func (t *Tx) AddBlocked(send string, b Blocked) error {
	return t.put("keep blocked recipient", `INSERT INTO blocked (send, recipient, code, detail) VALUES (?,?,?,?)`,
		send, string(b.To), string(b.Code), b.Detail)
}

// Blocked returns whom a sending did not go to.
func (t *Tx) Blocked(send string) ([]Blocked, error) {
	return rows(t, "read blocked recipients", func(scan func(...any) error) (b Blocked, err error) {
		return b, scan(sealed("blocked"), &b.To, &b.Code, &b.Detail)
	}, `SELECT `+wholeOf("blocked", "")+`, recipient, code, detail FROM blocked WHERE send = ? ORDER BY recipient`, send)
}

func first[T any](all []T, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	if len(all) == 0 {
		return zero, ErrNotFound
	}
	return all[0], nil
}
