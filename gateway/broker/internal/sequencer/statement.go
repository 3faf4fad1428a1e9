package sequencer

import (
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Consignment is the receiving desk's word that it holds a message.
type Consignment struct {
	*envelope.Consignment
	Note       *signed.Note
	Raw        []byte
	VerifiedAt int64
}

func (a Consignment) bytes() int { return len(a.Raw) }

func (a Consignment) order(d *draft) (Done, error) {
	m, err := d.addressed(a.Message, a.Signer)
	if err != nil {
		return Done{}, err
	}
	hash := signed.HashOf(a.Raw)
	switch {
	case m.Consigned != nil && m.Consigned.Statement == hash:
		return Done{m.Consigned, m}, nil
	case m.End != nil:
		return Done{m.End, m}, problem.New(problem.AlreadyEnded, "the message is %s", m.End.Kind)
	case m.Consigned != nil:
		return Done{m.Consigned, m}, problem.New(problem.AlreadyConsigned, "the message is consigned by another statement")
	}
	if d.view.Size() != a.VerifiedAt {
		if err := d.view.VerifyConsignment(a.Note, a.Consignment); err != nil {
			return Done{}, err
		}
	}
	event := d.add(auditlog.Record{Kind: auditlog.Consigned, Message: m.Text, By: a.Signer, Statement: hash})
	d.blob(hash, a.Raw)
	next := *m
	next.Consigned = event
	return Done{event, d.change(next, m.From, m.To)}, nil
}

// addressed returns an accepted message to a desk. One that isn't there and one
// that isn't theirs look alike.
func (d *draft) addressed(text signed.Hash, to signed.Address) (*Message, error) {
	m, err := d.message(text)
	if err != nil {
		return nil, err
	}
	if m == nil || m.To != to {
		return nil, problem.New(problem.UnknownMessage, "no message to %s has this text", to)
	}
	return m, nil
}

// An Ending is a desk's statement by which a message ends.
type Ending struct {
	*envelope.Statement
	Note       *signed.Note
	Raw        []byte
	VerifiedAt int64
}

func (a Ending) bytes() int { return len(a.Raw) }

// order ends a message. To hand over or to refuse implies that it is consigned:
// where no consignment came before, the clocks start at this entry.
func (a Ending) order(d *draft) (Done, error) {
	m, err := a.subject(d)
	if err != nil {
		return Done{}, err
	}
	hash := signed.HashOf(a.Raw)
	switch {
	case m.End != nil && m.End.Statement == hash:
		return Done{m.End, m}, nil
	case m.End != nil:
		return Done{m.End, m}, problem.New(problem.AlreadyEnded, "the message is %s", m.End.Kind)
	case a.Event == envelope.Withdrawn && m.Consigned != nil:
		return Done{m.Consigned, m}, problem.New(problem.AlreadyConsigned, "the message is consigned")
	case m.Accepted == nil && d.s.Full():
		// It ends nothing that JOURNAL holds, so it frees nothing: the room left is
		// for those that do.
		return Done{}, problem.New(problem.StoreFull, "the broker's store is near its limit")
	}
	if d.view.Size() != a.VerifiedAt {
		if err := d.view.VerifyStatement(a.Note, a.Statement); err != nil {
			return Done{}, err
		}
	}
	event := d.add(a.record(m, hash))
	d.blob(hash, a.Raw)
	next := *m
	next.End, next.Wanted = event, false
	wake := []signed.Address{m.From}
	if m.Accepted != nil {
		wake = append(wake, m.To)
	}
	return Done{event, d.change(next, wake...)}, nil
}

// subject is the message that the statement speaks of. A withdrawal is of an id
// of the signer's own, and may come before any text under it: then none will be
// accepted.
func (a Ending) subject(d *draft) (*Message, error) {
	if a.Event != envelope.Withdrawn {
		return d.addressed(a.Message, a.Signer)
	}
	m, err := d.known(key{a.Signer, a.ID})
	if m == nil && err == nil {
		m = &Message{From: a.Signer, ID: a.ID}
	}
	return m, err
}

func (a Ending) record(m *Message, hash signed.Hash) auditlog.Record {
	switch a.Event {
	case envelope.HandedOver:
		return auditlog.Record{Kind: auditlog.HandedOver, Message: m.Text, By: a.Signer, Statement: hash}
	case envelope.Refused:
		return auditlog.Record{Kind: auditlog.Refused, Message: m.Text, By: a.Signer, Statement: hash, Code: a.Code}
	default:
		return auditlog.Record{Kind: auditlog.Withdrawn, ID: m.ID, From: m.From, Statement: hash, Message: m.Text}
	}
}
