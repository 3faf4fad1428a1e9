package sequencer

import (
	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Statement is a desk's word about a message.
type Statement struct {
	*envelope.Statement
	Note       *signed.Note
	Raw        []byte
	VerifiedAt int64
	Ring       quota.Ring // whose budget its refusal takes
}

func (a Statement) bytes() int { return len(a.Raw) }

// order logs what a desk says, or why not. A refusal is not remembered: what a
// statement meets may change while it is on its way.
func (a Statement) order(d *groupDraft) (journal.Done, error) {
	hash := signed.HashOf(a.Raw)
	done, err := a.state(d, hash)
	if err == nil {
		return done, nil
	}
	return d.logged(Rejection{Caller: a.Signer, Bytes: envelope.HashOfBytes(a.Raw), Ring: a.Ring}, done, err)
}

// state logs what a desk says, once. To hand over or to refuse implies that the
// message is consigned: where no consignment came before, the clocks start at
// this entry.
func (a Statement) state(d *groupDraft, hash signed.Hash) (journal.Done, error) {
	if a.Event == envelope.Erased {
		return a.erased(d, hash)
	}
	m, err := a.subject(d)
	if err != nil {
		return journal.Done{}, err
	}
	for _, e := range []*journal.Event{m.Consigned, m.End} {
		if e != nil && e.Statement == hash {
			return journal.Done{Event: e, Message: m, Known: true}, nil
		}
	}
	if done, err := a.late(d, m); err != nil {
		return done, err
	}
	if err := a.verify(d); err != nil {
		return journal.Done{}, err
	}
	if m.Accepted == nil { // no message's life has paid for it
		if err := d.quota.Say(a.Signer, len(a.Raw)); err != nil {
			return journal.Done{}, err
		}
	}
	event := d.add(a.record(m, hash))
	d.waitsNoMore(m)
	d.blob(hash, a.Raw)
	next := *m
	if a.Event == envelope.Consigned {
		next.Consigned = event
	} else {
		next.End, next.Wanted = event, false
	}
	wake := []signed.Address{m.From}
	if m.Accepted != nil {
		wake = append(wake, m.To)
	}
	return journal.Done{Event: event, Message: d.change(next, wake...)}, nil
}

// verify asks once more for the signature where the register has grown.
func (a Statement) verify(d *groupDraft) error {
	if d.view.Size() == a.VerifiedAt {
		return nil
	}
	return d.view.VerifyStatement(a.Note, a.Statement)
}

// erased logs what a desk says of its own erasures, once. It is of no message, and
// nobody but its signer hears of it. It ends nothing that lies in JOURNAL, so the room
// that is left is not for it.
func (a Statement) erased(d *groupDraft, hash signed.Hash) (journal.Done, error) {
	switch e, err := d.erased(hash); {
	case err != nil:
		return journal.Done{}, err
	case e != nil:
		return journal.Done{Event: e, Known: true}, nil
	}
	if err := d.s.Room(); err != nil {
		return journal.Done{}, err
	}
	if err := a.verify(d); err != nil {
		return journal.Done{}, err
	}
	if err := d.quota.Say(a.Signer, len(a.Raw)); err != nil {
		return journal.Done{}, err
	}
	event := d.add(auditlog.Record{Kind: a.Event, By: a.Signer, Statement: hash})
	d.blob(hash, a.Raw)
	d.changed.erased[hash] = event
	d.woken[a.Signer] = true
	return journal.Done{Event: event}, nil
}

// late refuses what another statement came before.
func (a Statement) late(d *groupDraft, m *journal.Message) (journal.Done, error) {
	switch {
	case m.End != nil:
		return journal.Done{Message: m, Stands: m.End}, problem.New(problem.AlreadyEnded, "the message is %s", m.End.Kind)
	case a.Event == envelope.Consigned && m.Consigned != nil:
		return journal.Done{Message: m, Stands: m.Consigned}, problem.New(problem.AlreadyConsigned, "the message is consigned by another statement")
	case a.Event == envelope.Withdrawn && m.Consigned != nil:
		return journal.Done{Message: m, Stands: m.Consigned}, problem.New(problem.AlreadyConsigned, "the message is consigned")
	case m.Accepted == nil:
		// It ends nothing that lies in JOURNAL, so it frees nothing: the room left is
		// for those that do.
		return journal.Done{}, d.s.Room()
	}
	return journal.Done{}, nil
}

// subject is the message that the statement speaks of. One that isn't there and one
// that isn't the signer's look alike. A withdrawal is of an id
// of the signer's own, and may come before any text under it: then none will be
// accepted.
func (a Statement) subject(d *groupDraft) (*journal.Message, error) {
	if a.Event != envelope.Withdrawn {
		m, err := d.message(a.Signer, a.Message)
		if err == nil && (m == nil || m.To != a.Signer) {
			err = problem.New(problem.UnknownMessage, "no message to %s has this text", a.Signer)
		}
		return m, err
	}
	m, err := d.known(key{a.Signer, a.ID})
	if m == nil && err == nil {
		m = &journal.Message{From: a.Signer, ID: a.ID}
	}
	return m, err
}

func (a Statement) record(m *journal.Message, hash signed.Hash) auditlog.Record {
	if a.Event == envelope.Withdrawn {
		return auditlog.Record{Kind: a.Event, ID: m.ID, From: m.From, Statement: hash, Message: m.Text}
	}
	return auditlog.Record{Kind: a.Event, Message: m.Text, By: a.Signer, Statement: hash, Code: a.Code}
}
