package mail

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

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
