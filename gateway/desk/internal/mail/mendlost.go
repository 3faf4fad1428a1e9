package mail

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

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
