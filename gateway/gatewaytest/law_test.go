package gatewaytest

import (
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// The open half of the law.
var lawRefusals = []refusal{
	{problem.WrongExchange, "a header of another exchange", header(func(s *scene, h *envelope.Header) {
		h.Exchange = s.foreign().fingerprint()
	})},
	{problem.PartsUnsupported, "files beside the envelope", header(func(_ *scene, h *envelope.Header) {
		h.Parts = &envelope.PartsRef{Count: 3, Bytes: 20 << 20, Hash: signed.HashOf("their list")}
	})},
	{problem.OnBehalfUnaccredited, "on behalf of another", header(func(_ *scene, h *envelope.Header) { h.OnBehalfOf = "no.spoc" })},
	{problem.OnBehalfUnaccredited, "on behalf of a desk of the same party", header(func(_ *scene, h *envelope.Header) { h.OnBehalfOf = "se.spoc" })},
	{problem.TypeUnknown, "a type that the catalogue lacks", header(func(_ *scene, h *envelope.Header) { h.Type.Name = "GOSSIP" })},
	{problem.ReplyNotAllowed, "an answer to nothing", header(func(s *scene, h *envelope.Header) {
		h.Type = known(s.register.Now().Type("ANSWER"))
	})},
	{problem.NotYet, "created in two minutes", header(func(_ *scene, h *envelope.Header) { h.Created = h.Created.Add(2 * time.Minute) })},
	{problem.DatesInvalid, "expires as it is created", header(func(_ *scene, h *envelope.Header) { h.Expires = h.Created })},
	{problem.DatesInvalid, "expires before it is created", header(func(_ *scene, h *envelope.Header) { h.Expires = h.Created.Add(-time.Second) })},
	{problem.DatesInvalid, "lives for 30 days and a second", header(func(_ *scene, h *envelope.Header) {
		h.Expires = h.Created.Add(envelope.MaxLifetime + time.Second)
	})},
	{problem.Expired, "expired yesterday", header(func(_ *scene, h *envelope.Header) {
		h.Created, h.Expires = h.Created.Add(-48*time.Hour), h.Created.Add(-24*time.Hour)
	})},
	{problem.NoAgreement, "none that anybody knows", header(func(_ *scene, h *envelope.Header) { h.Agreement = signed.HashOf("a gentlemen's") })},
	{problem.NoAgreement, "none with that party", func(s *scene) sent {
		by := s.sender()
		return sent{by: by, raw: by.message("dk.spoc").Bytes()}
	}},
	{problem.NoAgreement, "one with another party", func(s *scene) sent {
		by := s.sender()
		other := by.message("fi.spoc").Agreement
		return sent{by: by, raw: by.message("no.spoc", func(h *envelope.Header) { h.Agreement = other }).Bytes()}
	}},
	{problem.NoAgreement, "one of another exchange", header(func(s *scene, h *envelope.Header) {
		h.Agreement = got(register.Replay(append([][]byte{s.foreign().Federation()}, s.foreign().Entries...)))(s).Now().Agreements()[0].Hash()
	})},
	{problem.NoAgreement, "one to which nobody acceded", under(func(s *scene, a register.Agreement) signed.Hash { return s.enterAgreement(a) })},
	{problem.NoAgreement, "one to which a third party has not acceded", under(func(s *scene, a register.Agreement) signed.Hash {
		a.Parties = []string{"se", "fi", "dk"}
		return s.enterAgreement(a, "fi")
	})},
	{problem.NotYet, "one that begins tomorrow", under(func(s *scene, a register.Agreement) signed.Hash {
		a.From = signed.At(time.Now().AddDate(0, 0, 1))
		return s.enterAgreement(a, "fi")
	})},
	{problem.NoAgreement, "one that begins in two months", under(func(s *scene, a register.Agreement) signed.Hash {
		a.From, a.Until = signed.At(time.Now().AddDate(0, 2, 0)), signed.At(time.Now().AddDate(0, 3, 0))
		return s.enterAgreement(a, "fi")
	})},
	{problem.NoAgreement, "one that ended yesterday", under(func(s *scene, a register.Agreement) signed.Hash {
		a.Until = signed.At(time.Now().AddDate(0, 0, -1))
		return s.enterAgreement(a, "fi")
	})},
	{problem.TypeNotPermitted, "a type that the agreement leaves out", toNorway(func(s *scene, h *envelope.Header) {
		h.Type = known(s.register.Now().Type("SPONTANEOUS"))
	})},
	{problem.ClassificationTooHigh, "above the agreement's ceiling", toNorway(func(_ *scene, h *envelope.Header) { h.Classification = envelope.BPL })},
}

// toNorway is a row of a message under the agreement with the lower ceiling.
func toNorway(edit func(*scene, *envelope.Header)) func(*scene) sent {
	return func(s *scene) sent {
		by := s.sender()
		return sent{by: by, raw: by.message("no.spoc", func(h *envelope.Header) { edit(s, h) }).Bytes()}
	}
}

// under is a row of a message to Finland under another agreement.
func under(enterAgreement func(*scene, register.Agreement) signed.Hash) func(*scene) sent {
	return header(func(s *scene, h *envelope.Header) {
		now := time.Now()
		h.Agreement = enterAgreement(s, register.Agreement{
			Title: "Yhteistyö, samarbete, 協力", Parties: []string{"se", "fi"}, Types: all(),
			Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.BPL,
			From: signed.At(now.AddDate(0, -1, 0)), Until: signed.At(now.AddDate(0, 1, 0)),
		})
		h.AsOfRegister = s.register.Head()
	})
}

// foreign is another exchange of the same parties: a training exchange, say.
func (s *scene) foreign() *Exchange {
	s.Helper()
	if s.other == nil {
		p := borders()
		p.Name, p.Parties, p.Agreements = "training.example", p.Parties[:2], p.Agreements[:1]
		s.other = got(Make(s.exchangeT.TempDir(), p))(s)
	}
	return s.other
}

// What was right when it was made, and is to be made anew or sent later.
var freshnessRefusals = []refusal{
	{problem.RegisterMoved, "sealed to a key that was replaced", func(s *scene) sent {
		to := s.desk(s.fresh("fi"))
		by := s.sender()
		e := by.message(to.Address)
		s.desk(to.Address)
		return sent{by: by, raw: e.Bytes()}
	}},
	{problem.RegisterMoved, "signed with keys that were replaced", func(s *scene) sent {
		by := s.desk(s.fresh("se"))
		e := by.message("fi.spoc")
		return sent{by: s.desk(by.Address), raw: e.Bytes()}
	}},
	{problem.TypeOutdated, "another file of the type", header(func(_ *scene, h *envelope.Header) { h.Type.Hash = signed.HashOf("last year's") })},
	{problem.TypeOutdated, "another version of the type", header(func(_ *scene, h *envelope.Header) { h.Type.Version = "0.9" })},
	{problem.HeadAhead, "of the audit log", header(func(_ *scene, h *envelope.Header) { h.AsOfAudit.Size += 1000 })},
	{problem.HeadAhead, "of the register", header(func(_ *scene, h *envelope.Header) { h.AsOfRegister.Size += 1000 })},
	{problem.HeadContradicts, "of the audit log", header(func(_ *scene, h *envelope.Header) { h.AsOfAudit.Root[0] ^= 1 })},
	{problem.HeadContradicts, "of the register", header(func(_ *scene, h *envelope.Header) { h.AsOfRegister.Root[31] ^= 1 })},
	{problem.HeadContradicts, "of an audit log that had nothing yet", header(func(_ *scene, h *envelope.Header) { h.AsOfAudit.Size = 0 })},
	{problem.HeadContradicts, "of a register that had nothing yet", header(func(_ *scene, h *envelope.Header) { h.AsOfRegister.Size = 0 })},
	{problem.WrongExchange, "the audit log's head of another", header(func(_ *scene, h *envelope.Header) { h.AsOfAudit.Origin = "training.example/audit" })},
	{problem.WrongExchange, "the register's head of another", header(func(_ *scene, h *envelope.Header) { h.AsOfRegister.Origin = "training.example/register" })},
}

// Messages that were seen before.
var messageRefusals = []refusal{
	{problem.IDReused, "another text", func(s *scene) sent {
		by := s.sender()
		first := by.message("fi.spoc")
		by.accepted(first)
		e := by.message("fi.spoc", func(h *envelope.Header) { h.ID = first.ID })
		return sent{by: by, raw: e.Bytes(), accepted: first.TextHash()}
	}},
	{problem.IDReused, "to another desk", func(s *scene) sent {
		by := s.sender()
		first := by.message("fi.spoc")
		by.accepted(first)
		e := by.message("no.spoc", func(h *envelope.Header) { h.ID = first.ID })
		return sent{by: by, raw: e.Bytes(), accepted: first.TextHash()}
	}},
	{problem.CertificateWrong, "replayed by another desk", func(s *scene) sent {
		first := s.callers["se.spoc"].message("fi.spoc")
		s.callers["se.spoc"].accepted(first)
		return sent{by: s.sender(), raw: first.Bytes()}
	}},
	{problem.CertificateWrong, "replayed by its recipient", func(s *scene) sent {
		first := s.callers["se.spoc"].message("fi.spoc")
		s.callers["se.spoc"].accepted(first)
		return sent{by: s.callers["fi.spoc"], raw: first.Bytes()}
	}},
	{problem.AlreadyEnded, "an id that was withdrawn before", func(s *scene) sent {
		by := s.sender()
		e := by.message("fi.spoc")
		by.stated(by.withdraws(e.ID))
		return sent{by: by, raw: e.Bytes(), end: "withdrawn"}
	}},
	{problem.WrongExchange, "a message of another exchange, as it crossed the wire there", func(s *scene) sent {
		x := s.foreign()
		r := got(register.Replay(append([][]byte{x.Federation()}, x.Entries...)))(s)
		abroad := x.KeyedDesks["se.spoc"]
		h := got(abroad.Header(r.Now(), signed.Head{Origin: "training.example/audit"}, "fi.spoc", "INFO_REQUEST", time.Now()))(s)
		return sent{by: s.callers["se.spoc"], raw: got(abroad.Sign(*h, []byte("sealed")))(s).Bytes()}
	}},
}
