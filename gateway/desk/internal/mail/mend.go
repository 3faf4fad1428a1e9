package mail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// A disk bends bits, and this desk tells its own damage from what others do. A row that is
// not as it was written is never believed, shown or held against anybody (store/seals.go).
// It is mended, before anything else reads it, by the first of these that can:
//
//	one bit       of a row was bent: the seal says which
//	the texts     a message is made anew from its signed header, a proven event from its
//	              proof; what follows from others (links, conversations) from those
//	the broker    the register, heads and events are asked for again; a message whose
//	              acceptance is gone is sent again, and gets its first acceptance
//
// What is lost is named, by message and desk, and goes out of the way of the rest.

// trusted are the tables that a start reads the two logs from, and writes to what it mended.
var trusted = []string{"damages", "log_head", "register", "heads", "sightings", "cursors", "absences"}

// A mending mends the database in one write.
type mending struct {
	*change
	found   []store.Damage
	missing map[string]bool // tables that lack rows
	weighs  map[int64]bool  // messages that are to be weighed again
	refeed  bool            // the progress feed is to be read from its beginning
}

// inspectEvery is how often all rows are read, whether anybody asks for them or not.
const inspectEvery = 24 * time.Hour

// inspect reads all rows, and mends what is amiss: after each start, and daily.
func (m *Room) inspect(context.Context) error {
	_, err := m.mend()
	time.AfterFunc(inspectEvery, func() { wake(m.workers.inspection) })
	return err
}

// MendAll inspects all tables, and mends what is amiss.
func (m *Room) MendAll() error {
	_, err := m.mend()
	return err
}

// inspectAgain is how long an inspection counts for those who would accuse somebody: a
// broker that gives cause for it without end must not keep this desk busy.
const inspectAgain = time.Minute

// ownDamage reports whether this desk's own rows are, or were lately, not as it wrote them.
// Before it accuses anybody it looks there.
func (m *Room) ownDamage() bool {
	m.inspected.Lock()
	defer m.inspected.Unlock()
	if time.Since(m.inspected.at) > inspectAgain {
		if _, err := m.mend(); err != nil {
			return true
		}
		m.inspected.at = time.Now()
	}
	amiss := m.amissAt.Load()
	return amiss != nil && time.Since(*amiss) < inspectAgain
}

// mend inspects tables, all if none is named, and mends what is amiss. It reports whether
// anything was.
func (m *Room) mend(names ...string) (amiss bool, err error) {
	m.mendings.Lock()
	defer m.mendings.Unlock()
	found, err := m.Store.Inspect(names...)
	if err != nil || len(found) == 0 {
		return false, err
	}
	now := time.Now()
	m.amissAt.Store(&now) // before it is mended: what was judged by it may come to be told after
	k := &mending{change: &change{room: m}}
	err = m.Store.UpdateMending(func(tx *store.Tx) error {
		k.Tx, k.found, k.missing, k.weighs, k.refeed = tx, nil, map[string]bool{}, map[int64]bool{}, false
		return k.all(names)
	})
	if err != nil {
		m.Log.Error("this desk's database is damaged, and can't be mended", "problem", err.Error())
		return true, fmt.Errorf("mend this desk's database: %w", err)
	}
	for _, d := range k.found {
		m.Log.Error("this desk's database was damaged", "table", d.Place, "subject", d.Subject, "mended", d.Mended, "detail", d.Detail)
	}
	if k.refeed {
		m.feedAnew.Store(true)
	}
	m.opener.lookAgain()
	m.wakeOutboxes()
	m.wakeStatements()
	wake(m.workers.erasures)
	wake(m.workers.keys)
	m.Touch()
	return true, nil
}

// inOrder are the tables as they are mended: each follows those by which it is.
func inOrder() []string {
	first := []string{"damages", "register", "heads", "sightings", "cursors", "absences", "texts", "file_keys", "proven", "mail", "attempts", "links", "conversations"}
	return append(first, slices.DeleteFunc(store.Tables(), func(name string) bool { return slices.Contains(first, name) })...)
}

func (k *mending) all(names []string) error {
	for _, name := range inOrder() {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		f, err := k.Inspect(name)
		if err != nil {
			return err
		}
		if !f.Amiss() {
			continue
		}
		k.missing[name] = f.Missing
		if err := k.Tx.Mend(f, func() error { return k.table(&f) }); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
	}
	if err := k.follows(); err != nil {
		return err
	}
	for _, d := range k.found {
		d.Found = signed.At(k.room.Now())
		if err := k.AddDamage(d); err != nil {
			return err
		}
	}
	e := k.room.Entry("database damaged", fmt.Sprintf("%d findings", len(k.found)), nil)
	e.Detail = "samband-desk verify lists what is lost"
	return k.Log(e)
}

// table mends the rows of one table that are damaged; what its missing rows mean is seen to
// afterwards.
func (k *mending) table(f *store.Finding) error {
	if f.Miscounted {
		k.note(f.Table, "", true, "the count of its rows was damaged; it was made anew", "")
	}
	if f.Unindexed {
		k.note(f.Table, "", true, "an index was damaged; it was made anew from its table", "")
	}
	rest, swapped, err := k.Unswap(f.Rows)
	if err != nil {
		return err
	}
	if swapped > 0 {
		k.note(f.Table, "", true, "two rows had a column of each other, and are right again", "")
	}
	for n := range rest {
		d := &rest[n]
		content := d.Content()
		if values, ok := d.OneBit(); ok {
			if err := k.Restore(d, values); err != nil {
				return err
			}
			k.note(f.Table, "", true, "one bit was bent, and is right again", content)
			continue
		}
		if err := k.row(d, content); err != nil {
			return err
		}
	}
	if f.Missing && !recomputed[f.Table] {
		k.note(f.Table, "", false, "rows are missing, or are old ones", "")
	}
	return nil
}

// recomputed are the tables whose rows follow from others, or come again.
var recomputed = map[string]bool{
	"register": true, "heads": true, "sightings": true, "cursors": true, "attempts": true, "links": true, "conversations": true, "opening_keys": true, "mail": true, "texts": true, "proven": true, "file_keys": true,
}

func (k *mending) note(table, subject string, mended bool, detail, content string) {
	k.found = append(k.found, store.Damage{Place: table, Subject: cmp.Or(subject, "a row"), Mended: mended, Detail: detail, Content: content})
}

// row mends one row, or removes it.
func (k *mending) row(d *store.Damaged, content string) error {
	switch d.Table {
	case "texts":
		return k.text(d, content)
	case "proven":
		return k.provenRow(d, content)
	case "mail":
		return k.mailRow(d, content)
	case "heads":
		return k.head(d, content)
	case "file_keys":
		return k.fileKey(d, content)
	case "log_head":
		k.note(d.Table, "the head of the desk's own log", false, "it was made anew from the last line; that lines were cut is not found any more", content)
		return k.FindLogHead()
	case "log", "answers", "sendings":
		k.note(d.Table, d.Text("subject")+d.Text("send")+d.Text("class"), false, "a row is damaged, and its content is not certain", content)
		return k.Restore(d, d.Values)
	}
	k.missing[d.Table] = true
	detail := "a row is damaged, and was removed"
	if recomputed[d.Table] {
		detail = "a row was damaged; it follows from others, or comes again"
	}
	k.note(d.Table, k.subjectOf(d.Bytes("text")), recomputed[d.Table], detail, content)
	return k.Remove(d)
}

// subjectOf names the message that has a text, and its other desk.
func (k *mending) subjectOf(text []byte) string {
	if len(text) != len(signed.Hash{}) {
		return ""
	}
	for _, received := range []bool{true, false} {
		if r, err := k.OfText(received, signed.Hash(text)); err == nil {
			return SubjectOf(&r)
		}
	}
	if h, err := HeaderOf(k.Tx, signed.Hash(text)); err == nil {
		return fmt.Sprintf("message %s from %s to %s", h.ID, h.From, h.To)
	}
	return "message " + signed.Hash(text).String()
}

// SubjectOf names a message and its other desk.
func SubjectOf(r *store.Row) string {
	if r.Received {
		return fmt.Sprintf("message %s of %s", r.ID, r.From)
	}
	return fmt.Sprintf("message %s to %s", r.ID, r.To)
}

// Names reports whether the subject of a damage is a message.
func Names(subject string, id signed.ID) bool { return strings.Contains(subject, id.String()) }
