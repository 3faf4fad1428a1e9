package gatewaytest

import (
	"slices"
	"strings"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// What desks may not say of a message.
var statementRefusals = []refusal{
	{problem.UnknownMessage, "consigned, and never sent", func(s *scene) sent {
		by := s.receiver()
		return said(by, by.consigns(signed.HashOf("no message")))
	}},
	{problem.UnknownMessage, "consigned, and not ours", func(s *scene) sent {
		by := s.receiver()
		return said(by, by.consigns(s.sentTo("fi.spoc").TextHash()))
	}},
	{problem.UnknownMessage, "handed over by its sender", func(s *scene) sent {
		e := s.sentTo("fi.spoc")
		by := s.callers[e.From]
		return said(by, by.hands(e.TextHash()))
	}},
	{problem.UnknownMessage, "refused by a third desk", func(s *scene) sent {
		by := s.receiver()
		return said(by, by.says(envelope.Statement{Event: envelope.Refused, Code: problem.BodyInvalid, Message: s.sentTo("fi.spoc").TextHash()}))
	}},
	{problem.AlreadyEnded, "a second end", func(s *scene) sent {
		by := s.receiver()
		e := s.sentTo(by.Address)
		by.stated(by.hands(e.TextHash()))
		p := said(by, by.says(envelope.Statement{Event: envelope.Refused, Code: problem.BodyInvalid, Message: e.TextHash()}))
		p.end = "handed-over"
		return p
	}},
	{problem.AlreadyEnded, "consigned after its end", func(s *scene) sent {
		by := s.receiver()
		e := s.sentTo(by.Address)
		by.stated(by.hands(e.TextHash()))
		p := said(by, by.consigns(e.TextHash()))
		p.end = "handed-over"
		return p
	}},
	{problem.AlreadyEnded, "consigned after its withdrawal", func(s *scene) sent {
		by := s.receiver()
		e := s.sentTo(by.Address)
		s.callers[e.From].stated(s.callers[e.From].withdraws(e.ID))
		p := said(by, by.consigns(e.TextHash()))
		p.end = "withdrawn"
		return p
	}},
	{problem.AlreadyConsigned, "withdrawn after its consignment", func(s *scene) sent {
		to := s.receiver()
		e := s.sentTo(to.Address)
		to.stated(to.consigns(e.TextHash()))
		by := s.callers[e.From]
		p := said(by, by.withdraws(e.ID))
		p.end = "consigned"
		return p
	}},
	{problem.HeadContradicts, "handed over as of an audit log that had nothing yet", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		as := by.audit
		as.Size = 0
		return got(by.State(envelope.Statement{Event: envelope.HandedOver, Message: e.TextHash()}, as, s.register.Head(), time.Now()))(s)
	})},
	{problem.AlreadyConsigned, "consigned by two statements", func(s *scene) sent {
		by := s.receiver()
		e := s.sentTo(by.Address)
		by.stated(by.consigns(e.TextHash()))
		by.newest() // so the second is another text
		p := said(by, by.consigns(e.TextHash()))
		p.end = "consigned"
		return p
	}},
	{problem.CertificateWrong, "a consignment in another's name", func(s *scene) sent {
		other := s.callers["fi.spoc"]
		return said(s.receiver(), other.consigns(s.sentTo("fi.spoc").TextHash()))
	}},
	{problem.CertificateWrong, "a statement in another's name", func(s *scene) sent {
		other := s.callers["fi.spoc"]
		return said(s.receiver(), other.hands(s.sentTo("fi.spoc").TextHash()))
	}},
	{problem.SignatureMissing, "handed over by the receipts key", saying((*caller).hands, func(s *scene, by *caller) []*signed.PrivateKey { return by.Consignment })},
	{problem.SignatureMissing, "consigned by the locked ring", saying((*caller).consigns, func(s *scene, by *caller) []*signed.PrivateKey { return by.Message[:1] })},
	{problem.SignatureMissing, "handed over by nobody", saying((*caller).hands, func(*scene, *caller) []*signed.PrivateKey { return nil })},
	{problem.SignatureExtra, "handed over by both keys of messages", saying((*caller).hands, func(s *scene, by *caller) []*signed.PrivateKey { return by.Message })},
	{problem.SignatureExtra, "consigned by both rings", saying((*caller).consigns, func(s *scene, by *caller) []*signed.PrivateKey {
		return append(slices.Clip(by.Consignment), by.Message[0])
	})},
	{problem.SignatureInvalid, "another code", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		b := by.says(envelope.Statement{Event: envelope.Refused, Code: problem.BodyInvalid, Message: e.TextHash()})
		return []byte(strings.Replace(string(b), "BODY_INVALID", "SEAL_INVALID", 1))
	})},
	{problem.KeyRevoked, "handed over", func(s *scene) sent {
		by := s.desk(s.fresh("fi"))
		e := s.sentTo(by.Address)
		s.revoke(by.Address, register.RingLocked)
		return said(by, by.hands(e.TextHash()))
	}},
	{problem.RegisterMoved, "handed over by the key before", func(s *scene) sent {
		by := s.desk(s.fresh("fi"))
		e := s.sentTo(by.Address)
		note := by.hands(e.TextHash())
		return said(s.desk(by.Address), note)
	}},
	{problem.RegisterMoved, "consigned by the key before", func(s *scene) sent {
		by := s.desk(s.fresh("fi"))
		e := s.sentTo(by.Address)
		note := by.consigns(e.TextHash())
		return said(s.desk(by.Address), note)
	}},
	{problem.WrongExchange, "of another exchange", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		ours := s.register.Exchange().String()
		text := strings.Replace(textOf(s, by.hands(e.TextHash())), ours, s.foreign().fingerprint().String(), 1)
		return by.signs(text, by.Message[0])
	})},
	{problem.HeadAhead, "of the audit log", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		ahead := by.audit
		ahead.Size += 1000
		return got(by.Consign(e.TextHash(), ahead, s.register.Head(), e.Created.AsTime()))(s)
	})},
	{problem.HeadContradicts, "of the register", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		changed := s.register.Head()
		changed.Root[0] ^= 1
		return got(by.Consign(e.TextHash(), by.audit, changed, e.Created.AsTime()))(s)
	})},
	{problem.TextMalformed, "refused for no reason", restated(func(t string) string { return without(t, "code") })},
	{problem.TextMalformed, "refused with a code of no list", restated(replaced("code BODY_INVALID", "code TOO_LATE"))},
	{problem.TextMalformed, "refused with a code that asks to come again", restated(replaced("code BODY_INVALID", "code DESK_LOCKED"))},
	{problem.TextMalformed, "an event of no list", restated(replaced("event refused", "event lost"))},
	{problem.TextMalformed, "a line repeated", restated(before("time", "code BODY_INVALID\n"))},
	{problem.TextMalformed, "an unknown line", restated(before("time", "remark sorry\n"))},
	{problem.TextMalformed, "lines in another order", restated(func(t string) string { return reordered(t, "event", "message") })},
	{problem.TextMalformed, "words that are not ASCII", restated(replaced("code BODY_INVALID", "code BODY_INVÅLID"))},
	{problem.TextMalformed, "of a form to come", restated(replaced("samband/statement/v1", "samband/statement/v2"))},
	{problem.TextMalformed, "trailing data", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		return append(by.hands(e.TextHash()), "P.S.\n"...)
	})},
	{problem.TextMalformed, "an envelope", spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte { return e.Bytes() })},
	{problem.TextMalformed, "erased, a shorter list", func(s *scene) sent {
		by := s.receiver()
		text := textOf(s, by.says(envelope.Statement{Event: envelope.Erased, List: make([]byte, envelope.ErasureList)}))
		return said(by, by.signs(s.changed(text, replaced("AAAA", "")), by.Message[0]))
	}},
	{problem.CertificateWrong, "erased, in another's name", func(s *scene) sent {
		other := s.callers["fi.spoc"]
		return said(s.receiver(), other.says(envelope.Statement{Event: envelope.Erased, List: make([]byte, envelope.ErasureList)}))
	}},
	{problem.SignatureMissing, "erased, said by the receipts key", func(s *scene) sent {
		by := s.receiver()
		text := textOf(s, by.says(envelope.Statement{Event: envelope.Erased, List: make([]byte, envelope.ErasureList)}))
		return said(by, by.signs(text, by.Consignment...))
	}},
	{problem.TextMalformed, "a register entry", func(s *scene) sent { return said(s.receiver(), s.Entries[len(s.Entries)-1]) }},
}

func said(by *caller, note []byte) sent { return sent{by: by, raw: note, statement: true} }

// receiver is a Finnish desk with refusals left in its budget.
func (s *scene) receiver() *caller {
	s.Helper()
	return s.desk(s.fresh("fi"))
}

// sentTo is a message to a desk that the broker has accepted.
func (s *scene) sentTo(to signed.Address) *envelope.Envelope {
	s.Helper()
	by := s.sender()
	e := by.message(to)
	by.accepted(e)
	s.callers[to].newest()
	return e
}

// spoken is a row of what a receiver writes of a message to it.
func spoken(write func(*scene, *caller, *envelope.Envelope) []byte) func(*scene) sent {
	return func(s *scene) sent {
		by := s.receiver()
		return said(by, write(s, by, s.sentTo(by.Address)))
	}
}

// saying is a row of a good statement under the signatures of these keys.
func saying(say func(*caller, signed.Hash) []byte, keys func(*scene, *caller) []*signed.PrivateKey) func(*scene) sent {
	return spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		return by.signs(textOf(s, say(by, e.TextHash())), keys(s, by)...)
	})
}

// restated is a row of a receiver's refusal that is changed and then signed.
func restated(change func(string) string) func(*scene) sent {
	return spoken(func(s *scene, by *caller, e *envelope.Envelope) []byte {
		note := by.says(envelope.Statement{Event: envelope.Refused, Code: problem.BodyInvalid, Message: e.TextHash()})
		return by.signs(s.changed(textOf(s, note), change), by.Message[0])
	})
}

func textOf(s *scene, note []byte) string {
	s.Helper()
	return got(signed.ParseNote(note))(s).Text
}
