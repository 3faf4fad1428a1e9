package store

import (
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// AddLoss keeps what this desk's database was found to have lost, or that it was begun
// empty. It stands until a person settles it.
func (t *Tx) AddLoss(l client.Loss) error {
	return t.put("keep loss", `INSERT INTO losses (found, kind, detail) VALUES (?,?,?)`, l.Found.Unix(), l.Kind, l.Detail)
}

// Losses returns those that nobody has settled, the newest first.
func (t *Tx) Losses(limit int) ([]client.Loss, error) {
	return rows(t, "read losses", func(scan func(...any) error) (l client.Loss, err error) {
		return l, scan(sealed("losses"), unix{&l.Found}, &l.Kind, &l.Detail)
	}, `SELECT `+wholeOf("losses", "")+`, found, kind, detail FROM losses WHERE settled = 0 ORDER BY seq DESC LIMIT ?`, limit)
}

// HasLost reports whether this database ever lost anything, settled or not: the whole of it,
// a row, or what a lost copy of the desk did.
func (t *Tx) HasLost() (lost bool, err error) {
	err = t.row("look for losses", []any{&lost}, `SELECT EXISTS (SELECT 1 FROM losses) OR EXISTS (SELECT 1 FROM lost)
		OR EXISTS (SELECT 1 FROM elsewhere WHERE lost = 1) OR EXISTS (SELECT 1 FROM damages WHERE NOT mended)`)
	return lost, err
}

// CountLosses says how many nobody has settled.
func (t *Tx) CountLosses() (n int, err error) {
	err = t.row("count losses", []any{&n}, `SELECT count(*) FROM losses WHERE settled = 0`)
	return n, err
}

// SettleLosses has all losses, and the messages lost by them, stand no more, and says how
// many that were.
func (t *Tx) SettleLosses(now signed.Time) (n int64, err error) {
	for _, table := range []string{"losses", "lost"} {
		settled, err := t.run(`UPDATE `+table+` SET settled = ? WHERE settled = 0`, now.Unix())
		if err != nil {
			return n, err
		}
		n += settled
	}
	return n, nil
}

// maxLost bounds the messages that are listed as lost: a broker can invent them.
const maxLost = 10_000

// A Lost is a message that a lost copy of this desk had, as the log and the broker show it.
type Lost struct {
	client.LostMessage
	Sender signed.Address
}

// AddLost lists a message as lost, with the last that was said of it.
func (t *Tx) AddLost(l Lost) error {
	return t.put("list what is lost", `INSERT INTO lost (received, sender, id, other, event, leaf) SELECT ?1,?2,?3,?4,?5,?6
		WHERE (SELECT count(*) FROM lost) < ?7 OR EXISTS (SELECT 1 FROM lost WHERE received = ?1 AND sender = ?2 AND id = ?3)
		ON CONFLICT (received, sender, id) DO UPDATE SET event = excluded.event, leaf = excluded.leaf,
		other = iif(excluded.other = '', other, excluded.other) WHERE excluded.leaf >= leaf`,
		l.Received, string(l.Sender), l.ID[:], string(l.Other), string(l.Event), l.Leaf, maxLost)
}

// LostMessages returns those that this desk lacks still, by the last that the log says of
// them, the newest first.
func (t *Tx) LostMessages(limit int) ([]client.LostMessage, error) {
	return rows(t, "read what is lost", func(scan func(...any) error) (l client.LostMessage, err error) {
		return l, scan(sealed("lost"), &l.Received, fixed(l.ID[:]), &l.Other, &l.Event, &l.Leaf)
	}, `SELECT `+wholeOf("lost", "")+`, received, id, other, event, leaf FROM lost `+lacked+` ORDER BY leaf DESC, id LIMIT ?`, limit)
}

// CountLost says how many messages are lost, have not come again, and nobody has settled.
func (t *Tx) CountLost() (n int, err error) {
	err = t.row("count what is lost", []any{&n}, `SELECT count(*) FROM lost `+lacked+` AND settled = 0`)
	return n, err
}

const lacked = `WHERE NOT EXISTS (SELECT 1 FROM mail m WHERE m.received = lost.received AND m.sender = lost.sender AND m.id = lost.id)`
