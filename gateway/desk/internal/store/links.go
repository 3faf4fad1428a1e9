package store

import (
	"samband/gateway/signed"
)

// A LinkKind says what a message means for an earlier one of its chain.
type LinkKind string

const (
	Settles  LinkKind = "settles"  // it may end what the earlier one asks for
	Pauses   LinkKind = "pauses"   // the earlier one's clock stands still until it is settled itself
	Extends  LinkKind = "extends"  // it says until when the answer will come
	Declares LinkKind = "declares" // it says how its sender reaches what is asked for
	Drops    LinkKind = "drops"    // by it the sender of the earlier one closed the conversation
)

// A Link is from a message to an earlier one of its chain.
type Link struct {
	Asked int64 // the earlier one's Seq
	Kind  LinkKind
	Place int // how far up the chain: 1 is what in-reply-to names
}

// AddLink keeps a link of a message.
func (t *Tx) AddLink(reply int64, l Link) error {
	return t.put("keep link", `INSERT INTO links (reply, asked, kind, place) VALUES (?,?,?,?)`, reply, l.Asked, string(l.Kind), l.Place)
}

// DropLinks forgets the links of a message.
func (t *Tx) DropLinks(reply int64) error {
	return t.put("forget links", `DELETE FROM links WHERE reply = ?`, reply)
}

// Links returns the links of a message, the nearest first.
func (t *Tx) Links(reply int64) ([]Link, error) {
	return rows(t, "read links", func(scan func(...any) error) (l Link, err error) {
		return l, scan(sealed("links"), &l.Asked, &l.Kind, &l.Place)
	}, `SELECT `+wholeOf("links", "")+`, asked, kind, place FROM links WHERE reply = ? ORDER BY place`, reply)
}

// A Later is a message that has a link to an earlier one, with what the log says of
// its acceptance.
type Later struct {
	Row
	Kind     LinkKind
	Place    int
	Accepted signed.Time
	Index    int64
}

// Later returns the messages that have a link of a kind to one, in the log's order.
func (t *Tx) Later(asked int64, kind LinkKind) ([]Later, error) {
	return rows(t, "read later messages", func(scan func(...any) error) (l Later, err error) {
		l.Row, err = scanRow(func(columns ...any) error {
			return scan(append(columns, sealed("links"), sealed("proven"), &l.Kind, &l.Place, unix{&l.Accepted}, &l.Index)...)
		})
		return l, err
	}, later, asked, string(kind))
}

var later = mailColumnsOf + `, ` + wholeOf("links", "k") + `, ` + wholeOf("proven", "f") + `, k.kind, k.place, f.time, f.idx FROM links k JOIN mail m ON m.seq = k.reply
	JOIN proven f ON f.text = m.text AND f.event = 'accepted' WHERE k.asked = ? AND k.kind = ? ORDER BY f.idx`
