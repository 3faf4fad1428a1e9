package sequencer

import (
	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Submission is an envelope whose signatures verified, and whose law was
// decided, by the register at DecidedAt. Its id was not known, and its text not
// refused, when Seen was the last group; a repeat leaves Seen at zero.
type Submission struct {
	Envelope  *envelope.Envelope
	Raw       []byte
	Bytes     signed.Hash // of Raw, by envelope.HashOfBytes
	CheckedAt int64       // as in Rejection, and so is Signed
	Signed    bool
	DecidedAt int64
	Seen      uint64
	Ring      quota.Ring // whose budget its refusal takes
}

func (a Submission) bytes() int { return len(a.Raw) }

// order accepts a message, or logs why not.
func (a Submission) order(d *groupDraft) (journal.Done, error) {
	e := a.Envelope
	done, err := a.accept(d, e.TextHash())
	refused := Rejection{Caller: e.From, Bytes: a.Bytes, Envelope: e, CheckedAt: a.CheckedAt, Signed: a.Signed, Ring: a.Ring}
	return d.logged(refused, done, err)
}

// accept accepts a message: once, whatever is submitted meanwhile; by the
// register in force now; at a time that the receiving desk will find lawful.
func (a Submission) accept(d *groupDraft, text signed.Hash) (journal.Done, error) {
	e := a.Envelope
	m, err := d.knownSince(a.Seen, key{e.From, e.ID})
	if err != nil {
		return journal.Done{}, err
	}
	if m != nil {
		return a.repeat(d, m, text)
	}
	switch before, err := d.rejectedSince(a.Seen, e.From, text, a.Bytes); {
	case err != nil:
		return journal.Done{}, err
	case before != nil:
		return journal.Done{Event: before, Known: true}, Before(before)
	}
	if d.view.Size() != a.DecidedAt {
		if err := d.view.VerifyMessage(e); err != nil {
			return journal.Done{}, err
		}
	}
	if err := d.s.decide(d.view, &e.Header, d.now); err != nil {
		return journal.Done{}, err
	}
	if err := d.s.diskRoom(); err != nil {
		return journal.Done{}, err
	}
	if err := d.quota.Accept(e.From, e.To, len(a.Raw)); err != nil {
		return journal.Done{}, err
	}
	event := d.add(auditlog.Record{
		Kind: envelope.Accepted, Message: text, ID: e.ID, From: e.From, To: e.To,
		Type: e.Type.Name, Urgency: e.Urgency, Expires: e.Expires,
	})
	event.Blob = d.blob(text, a.Raw)
	m = d.change(journal.Message{
		From: e.From, ID: e.ID, Text: text, To: e.To,
		Type: e.Type.Name, Urgency: e.Urgency, Conversation: e.Conversation, Expires: e.Expires,
		Size: int64(len(a.Raw)), Accepted: event,
	}, e.To)
	return journal.Done{Event: event, Message: m}, nil
}

// repeat answers for an id that is known. Lost bytes are stored again, which
// adds no entry: the message was accepted, and stays accepted, once.
func (a Submission) repeat(d *groupDraft, m *journal.Message, text signed.Hash) (journal.Done, error) {
	switch {
	case m.Accepted == nil:
		return journal.Done{Message: m, Stands: m.End}, problem.New(problem.AlreadyEnded, "the id was withdrawn before a message came")
	case m.Text != text:
		return journal.Done{Message: m}, problem.New(problem.IDReused, "the id stands for another text")
	case m.LacksBytes():
		if err := d.s.diskRoom(); err != nil {
			return journal.Done{Message: m}, err
		}
		accepted := *m.Accepted
		accepted.Blob = d.blob(text, a.Raw)
		restored := *m
		restored.Size = int64(len(a.Raw))
		d.restores(m, restored.Size)
		restored.Accepted = &accepted
		m = d.change(restored, m.To)
	}
	return journal.Done{Event: m.Accepted, Message: m, Known: true}, nil
}

// A timeout ends a message whose time is over: it expires where nobody consigned it, and
// lapses where its recipient did and said no more.
type timeout struct{ message signed.Hash }

func (a timeout) bytes() int { return 0 }

func (a timeout) order(d *groupDraft) (journal.Done, error) {
	m, err := d.message(journal.Broker, a.message)
	if err != nil || !m.Open() {
		return journal.Done{Message: m}, err
	}
	kind, over := envelope.Expired, m.Expires
	if m.Consigned != nil {
		kind, over = envelope.Lapsed, envelope.LapsesAt(m.Expires)
	}
	if d.now.Before(over) {
		return journal.Done{Message: m}, nil
	}
	event := d.add(auditlog.Record{Kind: kind, Message: m.Text})
	d.waitsNoMore(m)
	next := *m
	next.End, next.Wanted = event, false
	return journal.Done{Event: event, Message: d.change(next, m.From, m.To)}, nil
}
