package mail

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/register"
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
	for _, w := range []chan struct{}{m.workers.outbox, m.workers.urgent, m.workers.urgentStatements, m.workers.statements, m.workers.erasures, m.workers.keys} {
		wake(w)
	}
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

// fileKey finds whose key it is. One that is damaged itself opens its text, or does not.
func (k *mending) fileKey(d *store.Damaged, content string) error {
	lost, err := k.Keyless()
	if err != nil {
		return err
	}
	values := maps.Clone(d.Values)
	for _, r := range lost {
		if values["text"] = slices.Clone(r.TextHash[:]); d.Fits(values) {
			k.note(d.Table, SubjectOf(&r), true, "a file key belongs to its message again", content)
			return k.Restore(d, values)
		}
	}
	text := d.Bytes("text")
	if len(text) == len(signed.Hash{}) {
		if _, err := k.Note(signed.Hash(text)); err == nil {
			k.note(d.Table, k.subjectOf(text), false, "a file key may be damaged: then its message can't be opened any more", content)
			return k.Restore(d, d.Values)
		}
	}
	k.missing[d.Table] = true
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

// text mends a text: its header says its hash.
func (k *mending) text(d *store.Damaged, content string) error {
	values := maps.Clone(d.Values)
	e, err := ParseNote(d.Bytes("note"))
	if err != nil {
		k.note(d.Table, k.subjectOf(d.Bytes("text")), false, "the header of a message is damaged: it can't be shown or opened any more", content)
		return k.Restore(d, values)
	}
	hash := e.TextHash()
	values["text"], values["erased"] = hash[:], int64(0)
	if len(d.Bytes("sealed")) == 0 {
		values["erased"] = int64(1)
	}
	signedBy := k.room.logs.Load() != nil && k.room.logs.Load().View().VerifyMessage(e) == nil
	exact := d.Fits(values)
	k.note(d.Table, fmt.Sprintf("message %s from %s to %s", e.ID, e.From, e.To), exact || signedBy, "a text was damaged; its signed header is whole", content)
	return k.Restore(d, values)
}

// provenRow makes a proven event anew from its proof.
func (k *mending) provenRow(d *store.Damaged, content string) error {
	subject := k.subjectOf(d.Bytes("text"))
	r, err := k.record(d.Bytes("proof"))
	if err == nil {
		values := maps.Clone(d.Values)
		values["event"], values["idx"], values["time"] = string(r.Kind), r.Index, r.Time.Unix()
		values["register"], values["code"] = r.RegisterSize, string(r.Code)
		for _, hash := range []signed.Hash{r.Message, r.TextHash} {
			if !hash.IsZero() {
				values["text"] = slices.Clone(hash[:])
			}
		}
		if d.Fits(values) || r.Statement.IsZero() || signed.HashOf(d.Bytes("note")) == r.Statement {
			if r.Statement.IsZero() {
				values["note"] = driver.Value(nil)
			}
			k.note(d.Table, subject, true, fmt.Sprintf("the proof of %s is whole; what stood beside it was damaged", r.Kind), content)
			return k.Restore(d, values)
		}
	}
	k.missing[d.Table] = true
	k.note(d.Table, subject, true, "a proof was damaged; it is asked for again", content)
	return k.Remove(d)
}

// record is what a proof proves by its own checkpoint.
func (k *mending) record(proof []byte) (*auditlog.Record, error) {
	fed, err := register.ParseFederation(k.room.Federation)
	if err != nil {
		return nil, err
	}
	p, err := auditlog.ParseProof(proof)
	if err != nil {
		return nil, err
	}
	r, _, err := p.Verify(fed.Audit)
	return r, err
}

// head mends the head of a log by its signed checkpoint. Where that is damaged too, it is
// that of the newest proof here, or is learnt anew.
func (k *mending) head(d *store.Damaged, content string) error {
	fed, err := register.ParseFederation(k.room.Federation)
	if err != nil {
		return err
	}
	for log, key := range map[string]*signed.PublicKey{AuditLog: fed.Audit, RegisterLog: fed.Register} {
		head, err := auditlog.VerifyCheckpoint(d.Bytes("checkpoint"), key)
		if err != nil {
			continue
		}
		values := maps.Clone(d.Values)
		values["log"], values["size"], values["root"] = log, head.Size, slices.Clone(head.Root[:])
		now := signed.At(k.room.Now()).Unix()
		if verified := d.Int("verified"); verified < 0 || verified > now {
			values["verified"] = now
		}
		if !d.Fits(values) {
			values["silent"] = int64(0)
		}
		k.note(d.Table, "the head of the "+log+" log", true, "its signed checkpoint is whole; what stood beside it was damaged", content)
		return k.Restore(d, values)
	}
	k.missing[d.Table] = true
	k.note(d.Table, "the head of a log", true, "its checkpoint was damaged; the head is that of the newest proof here, or is learnt anew", content)
	return k.Remove(d)
}

// mailRow makes a message anew from its header and what is proven of it.
func (k *mending) mailRow(d *store.Damaged, content string) error {
	h, text := k.headerOf(d)
	if h == nil {
		k.note(d.Table, fmt.Sprintf("message %x", d.Bytes("id")), false, "a message is damaged, and so is its header: what is shown of it is not certain", content)
		values := maps.Clone(d.Values)
		forget(values)
		return k.Restore(d, values)
	}
	values := maps.Clone(d.Values)
	k.byHeader(values, h)
	if len(d.Bytes("text")) != len(text) {
		values["text"] = slices.Clone(text[:])
	}
	try := []func(){
		func() {},
		func() { values["text"] = slices.Clone(text[:]) },
		func() { k.byProofs(values, d.Int("seq"), text) },
	}
	for _, t := range try {
		if t(); d.Fits(values) {
			k.note(d.Table, named(values, h), true, "it is again as its header and its proofs say", content)
			return k.Restore(d, values)
		}
	}
	forget(values)
	k.byType(values, h)
	if values["received"] == int64(0) && d.Text("send") == "" {
		values["send"] = "lost-" + h.ID.String()
	}
	if values["received"] == int64(1) {
		values["send"] = ""
	}
	k.note(d.Table, named(values, h), false, "it is again as its header and its proofs say; what this desk alone knew of it is not certain: "+
		"the name of its sending, a word that waited, what it declared or noted", content)
	k.weighs[d.Int("seq")] = true
	return k.Restore(d, values)
}

func named(values map[string]driver.Value, h *envelope.Header) string {
	if values["received"] == int64(1) {
		return fmt.Sprintf("message %s of %s", h.ID, h.From)
	}
	return fmt.Sprintf("message %s to %s", h.ID, h.To)
}

// headerOf finds the header of a damaged message.
func (k *mending) headerOf(d *store.Damaged) (*envelope.Header, signed.Hash) {
	var candidates []signed.Hash
	if b := d.Bytes("text"); len(b) == len(signed.Hash{}) {
		candidates = append(candidates, signed.Hash(b))
	}
	texts, _ := k.Texts(d.Int("seq")) // where those are damaged, the row itself names its text
	for _, text := range slices.Concat(candidates, texts) {
		if h, err := HeaderOf(k.Tx, text); err == nil {
			return h, text
		}
	}
	return nil, signed.Hash{}
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// byHeader sets what the header says.
func (k *mending) byHeader(values map[string]driver.Value, h *envelope.Header) {
	if h.From != h.To {
		values["received"] = number(h.To == k.room.Desk)
	}
	values["sender"], values["recipient"], values["type"] = string(h.From), string(h.To), h.Type.Name
	values["id"], values["conversation"], values["reply_to"] = slices.Clone(h.ID[:]), slices.Clone(h.Conversation[:]), slices.Clone(h.InReplyTo[:])
	values["urgent"], values["expires"] = number(isUrgent(h)), int64(0)
	if values["received"] == int64(0) {
		values["expires"] = h.Expires.Unix()
	}
}

// byProofs sets what the log says of the message.
func (k *mending) byProofs(values map[string]driver.Value, seq int64, text signed.Hash) {
	texts, err := k.Texts(seq)
	if err != nil || !slices.Contains(texts, text) {
		texts = append(texts, text)
	}
	state := client.Queued
	if values["received"] == int64(1) {
		state = client.Accepted
	}
	accepted := values["received"] == int64(1)
	var stands signed.Time
	for _, t := range texts {
		events, err := k.Moments(t)
		if err != nil {
			continue
		}
		for _, e := range events {
			if e.Event == envelope.Accepted {
				accepted = true
				if values["received"] == int64(0) {
					values["text"] = slices.Clone(t[:])
				}
			}
			if s := client.State(e.Event); store.Follows(s, state) {
				state, stands = s, e.Time
			}
		}
	}
	if now := client.State(fmt.Sprint(values["state"])); state == client.Queued && now == client.Rejected {
		state = now
	}
	values["accepted"] = number(accepted)
	if values["state"] != string(state) {
		values["state"] = string(state)
		if !stands.IsZero() {
			values["stands"] = stands.Unix()
		}
	}
}

// forget sets back what nobody else knows of a message.
func forget(values map[string]driver.Value) {
	for _, column := range []string{"unproven", "declared", "access", "code", "detail"} {
		values[column] = ""
	}
	for _, column := range []string{"since", "unapplied", "effective", "answered", "dropped", "clock_from", "clock_until"} {
		values[column] = int64(0)
	}
	values["note"], values["answer"] = []byte{}, []byte{}
}

// byType sets what follows from a message's type; what a received one says is read again.
func (k *mending) byType(values map[string]driver.Value, h *envelope.Header) {
	values["asks"], values["closes"] = int64(0), int64(0)
	if t, ok := k.room.Type(h.Type.Hash); ok {
		values["asks"], values["closes"] = number(t.Asks()), number(t.Closes())
		if values["received"] == int64(1) {
			values["outcome"] = t.Outcome()
		}
	}
	if values["state"] == string(client.HandedOver) && values["received"] == int64(1) {
		values["unapplied"] = int64(1)
	}
	now := signed.At(k.room.Now()).Unix()
	if stands, _ := values["stands"].(int64); stands < 0 || stands > now {
		values["stands"] = now
	}
}

// follows does what the missing rows of each table ask for.
func (k *mending) follows() error {
	for _, f := range []struct {
		tables []string
		do     func() error
	}{
		{[]string{"register", "heads", "sightings"}, k.learnLogs},
		{[]string{"texts"}, k.lostTexts},
		{[]string{"mail", "attempts"}, k.lostMessages},
		{[]string{"proven", "mail", "cursors"}, k.lostProofs},
		{[]string{"file_keys"}, k.lostKeys},
		{[]string{"mail", "links"}, k.linkAgain},
		{[]string{"mail", "conversations"}, k.AddConversations},
		{[]string{"said", "elsewhere", "absences"}, k.lostWords},
		{[]string{"hidden", "erased_names", "erasures"}, k.OpenErasuresAgain},
		{[]string{"log_head"}, k.FindLogHead},
	} {
		if slices.ContainsFunc(f.tables, func(name string) bool { return k.missing[name] }) {
			if err := f.do(); err != nil {
				return err
			}
		}
	}
	for seq := range k.weighs {
		if err := k.DropLinks(seq); err != nil {
			return err
		}
		if err := k.weigh(seq); err != nil {
			return err
		}
	}
	return nil
}

// learnLogs writes again what this desk knows of both logs; at a start, what the broker
// must be asked for again is forgotten.
func (k *mending) learnLogs() error {
	if l := k.room.logs.Load(); l != nil {
		for n, entry := range l.Register().Entries(0) {
			if err := k.AddEntry(int64(n), entry); err != nil {
				return err
			}
		}
		if len(l.AuditCheckpoint()) > 0 {
			last := k.room.hearing.last()
			if err := k.PutHead(AuditLog, store.Head{Head: l.Audit(), Checkpoint: l.AuditCheckpoint(), Verified: last, Silent: k.room.Silent()}); err != nil {
				return err
			}
			return k.SawRegister(l.Register().Size(), l.Audit().Size)
		}
		return nil
	}
	gap, err := k.RegisterGap()
	if err != nil {
		return err
	}
	if err := k.DropEntries(gap); err != nil {
		return err
	}
	if _, err := k.Head(AuditLog); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return k.headOfProofs()
}

// headOfProofs makes the newest checkpoint of all proofs here the head of the audit log.
func (k *mending) headOfProofs() error {
	fed, err := register.ParseFederation(k.room.Federation)
	if err != nil {
		return err
	}
	var newest store.Head
	tried := 0
	err = k.EachProof(func(proof []byte) bool {
		p, err := auditlog.ParseProof(proof)
		if err != nil {
			return false
		}
		if head, err := auditlog.VerifyCheckpoint(p.Checkpoint, fed.Audit); err == nil && head.Size > newest.Size {
			newest.Head, newest.Checkpoint = head, p.Checkpoint
		}
		tried++
		return tried >= maxTried
	})
	if err != nil || newest.Size == 0 {
		return err
	}
	newest.Verified = signed.At(k.room.Now())
	return k.PutHead(AuditLog, newest)
}

// maxTried is how many proofs are looked at for the newest checkpoint: the newest proofs
// have it.
const maxTried = 1000

// lostTexts keeps that texts are gone, so that their messages are shown as damaged.
func (k *mending) lostTexts() error {
	lost, err := k.Textless()
	if err != nil {
		return err
	}
	for _, r := range lost {
		if err := k.AddLostText(r.TextHash); err != nil {
			return err
		}
		k.note("texts", SubjectOf(&r), false, "its text is gone: it can't be shown or opened any more", "")
	}
	if len(lost) == 0 {
		k.note("texts", "", true, "rows are missing, or are old ones, and no message lacks its text", "")
	}
	return nil
}

// lostMessages makes messages anew whose row is gone, and gives texts back to messages.
func (k *mending) lostMessages() error {
	lost, err := k.Placeless()
	if err != nil {
		return err
	}
	for _, p := range lost {
		if err := k.anewFrom(p); err != nil {
			return err
		}
	}
	texts, err := k.TextsOfNone()
	if err != nil {
		return err
	}
	for _, text := range texts {
		h, err := HeaderOf(k.Tx, text)
		if err != nil {
			k.note("attempts", "message "+text.String(), false, "nobody can tell whose text it is: its header is damaged", "")
			continue
		}
		r, err := k.rowOf(h)
		switch {
		case errors.Is(err, store.ErrNotFound):
			err = k.anewFrom(store.Placeless{Text: text})
		case err == nil:
			k.note("attempts", SubjectOf(&r), true, "a text belongs to its message again", "")
			err = k.AddAttempt(&r, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *mending) rowOf(h *envelope.Header) (store.Row, error) {
	if h.To == k.room.Desk && h.From != k.room.Desk {
		return k.Received(h.From, h.ID)
	}
	return k.Sent(h.ID)
}

// anewFrom makes a message anew whose row is gone.
func (k *mending) anewFrom(p store.Placeless) error {
	h, err := HeaderOf(k.Tx, p.Text)
	if err != nil {
		k.note("mail", "message "+p.Text.String(), false, "a message is gone, and its header is damaged", "")
		return nil
	}
	if r, err := k.rowOf(h); err == nil { // another text of it
		return k.AddAttempt(&r, p.Text)
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	values := map[string]driver.Value{"received": number(h.To == k.room.Desk && h.From != k.room.Desk), "state": ""}
	k.byProofs(values, p.Seq, p.Text)
	r := store.Row{
		Seq: p.Seq, Received: values["received"] == int64(1), From: h.From, ID: h.ID, To: h.To, TextHash: p.Text, Type: h.Type.Name, Urgent: isUrgent(h),
		Conversation: h.Conversation, ReplyTo: h.InReplyTo, State: client.State(fmt.Sprint(values["state"])), Accepted: values["accepted"] == int64(1),
	}
	if b, ok := values["text"].([]byte); ok {
		r.TextHash = signed.Hash(b)
	}
	if t, ok := k.room.Type(h.Type.Hash); ok {
		r.Asks, r.Closes, r.Outcome = t.Asks(), t.Closes(), t.Outcome()
	}
	if !r.Received {
		r.Send, r.Stands, r.Expires = "lost-"+h.ID.String(), signed.At(k.room.Now()), h.Expires
	}
	if err := k.Add(&r); err != nil {
		return err
	}
	if r.Received && r.State == client.HandedOver {
		r.Unapplied = true
		if err := k.Put(&r); err != nil {
			return err
		}
	}
	k.weighs[r.Seq] = true
	k.note("mail", SubjectOf(&r), false, "its row was gone; it is again as its header and its proofs say, and what this desk alone knew of it is lost", "")
	return nil
}

// lostProofs has the proofs that are gone come again: of what this desk sent by the feed,
// and by sending it once more. Of what it received the broker shows only what has not
// ended; the rest is named.
func (k *mending) lostProofs() error {
	k.refeed = true
	if err := k.DropCursor(ProgressFeed); err != nil {
		return err
	}
	sent, err := k.Unaccepted(false)
	if err != nil {
		return err
	}
	for _, r := range sent {
		if _, err := k.Envelope(r.TextHash); errors.Is(err, store.ErrNotFound) { // it can't be sent again
			k.note("proven", SubjectOf(&r), false, "the proof that it was accepted is gone, and its content was erased", "")
			continue
		}
		r.Accepted = false
		if err := k.Put(&r); err != nil {
			return err
		}
	}
	received, err := k.Unaccepted(true)
	if err != nil {
		return err
	}
	for _, r := range received {
		k.note("proven", SubjectOf(&r), false, "the proof that it was accepted is gone", "")
	}
	unsaid, err := k.Unsaid()
	if err != nil {
		return err
	}
	for _, r := range unsaid {
		if r.Received {
			k.note("proven", SubjectOf(&r), false, fmt.Sprintf("the proof that it is %s is gone", r.State), "")
		}
	}
	return nil
}

func (k *mending) lostKeys() error {
	lost, err := k.Keyless()
	for _, r := range lost {
		k.note("file_keys", SubjectOf(&r), false, "its file key is gone: it can't be opened any more", "")
	}
	return err
}

// linkAgain makes the links of all messages anew.
func (k *mending) linkAgain() error {
	if err := k.DropAllLinks(); err != nil {
		return err
	}
	effective, err := k.Effective()
	if err != nil {
		return err
	}
	for _, r := range effective {
		links, err := k.room.linksOf(k.Tx, &r)
		if err != nil {
			return err
		}
		for _, l := range links {
			if err := k.AddLink(r.Seq, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// lostWords has nobody accused of what this desk may have said itself: what was logged
// until now counts as said by a lost copy of it.
func (k *mending) lostWords() error {
	size := int64(0)
	if l := k.room.logs.Load(); l != nil {
		size = l.Audit().Size
	} else if h, err := k.Head(AuditLog); err == nil {
		size = h.Size
	}
	if size > 0 {
		if err := k.AddAbsence(0, size); err != nil {
			return err
		}
	}
	for _, urgent := range []bool{true, false} {
		waiting, err := k.Unproven(urgent, 0, maxWaiting)
		if err != nil {
			return err
		}
		for _, r := range waiting {
			if err := k.Say(signed.HashOf(r.Unproven.Note)); err != nil {
				return err
			}
		}
	}
	lists, err := k.Erasures(store.ListMade, maxWaiting)
	for _, l := range lists {
		err = errors.Join(err, k.Say(l.List))
	}
	return err
}

// maxWaiting bounds the words that wait for their proofs.
const maxWaiting = 1 << 20
