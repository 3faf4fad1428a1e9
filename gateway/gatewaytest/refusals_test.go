package gatewaytest

import (
	"fmt"
	"testing"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A refusal is one row of the tables: what meets which code.
type refusal struct {
	code problem.Code
	name string
	sent func(*scene) sent
}

// sent is a text on its way to the broker, and who carries it.
type sent struct {
	by        *caller
	raw       []byte
	statement bool // else an envelope
	accepted  signed.Hash
	end       envelope.Event // that the refusal shows
}

func (p sent) post() error {
	if p.statement {
		_, err := p.by.state(p.raw)
		return err
	}
	_, err := p.by.submit(p.raw)
	return err
}

// Every refusal that the broker makes, over its real edge: real TLS, real NATS,
// the real register. Each final one is in the log, with a proof for the caller,
// and nothing else is; its repeat is refused alike.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	for _, table := range []struct {
		name string
		rows []refusal
	}{
		{"identity", identityRefusals},
		{"form", formRefusals},
		{"law", lawRefusals},
		{"freshness", freshnessRefusals},
		{"messages", messageRefusals},
		{"statements", statementRefusals},
	} {
		for _, row := range table.rows {
			s.act(table.name+"/"+string(row.code)+"/"+row.name, func() { s.refused(row) })
		}
	}
	for _, row := range entryRefusals {
		s.act("register/"+string(row.code)+"/"+row.name, func() { s.entryRefused(row) })
	}
	s.act("repeats", s.repeats)
	s.act("bent signatures", s.bentSignatures)
	s.act("a header's text alone", s.bareHeader)
	s.act("a cursor beyond the log", s.cursorBeyond)
	s.act("not more than was accepted", s.onlyAccepted)
}

// borders is the plan of the refusals: Sweden exchanges all with Finland and
// little with Norway, and has no agreement with Denmark.
func borders() Plan {
	party := func(name string) Party {
		spoc := signed.Address(name + ".spoc")
		return Party{Name: name, Title: "Polisen i " + name, Desks: []Desk{{Address: spoc, Directory: anywhere, Keyed: true}}}
	}
	return Plan{
		Name: "nordic.example", Founders: []string{"fi", "se"}, Threshold: 2,
		Parties: []Party{party("se"), party("fi"), party("no"), party("dk")},
		Agreements: []Agreement{
			{Title: "Nordic police cooperation", Parties: []string{"se", "fi"}, Types: all(),
				Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.BPL, Lasts: year},
			{Title: "Enquiries across the long border", Parties: []string{"se", "no"}, Types: inquiries(),
				Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, Lasts: year},
		},
	}
}

// refused checks one row by all that SPEC §11.4 promises of a refusal.
func (s *scene) refused(row refusal) {
	s.Helper()
	p := row.sent(s)
	before := p.by.newest().Size
	r := s.refusal(p.post(), row.code)
	if r.Accepted != p.accepted {
		s.Errorf("the refusal names %s as accepted, want %s", r.Accepted, p.accepted)
	}
	if p.end != "" {
		s.shows(p, r)
	}
	if r.Problem.Class() != problem.Final {
		if grown := p.by.newest().Size - before; r.Proof != "" || grown != 0 {
			s.Errorf("a refusal of class %s added %d entries", r.Problem.Class(), grown)
		}
		s.refusal(p.post(), row.code)
		return
	}
	record := p.by.proven(r.Proof)
	s.rejects(record, p, row.code)
	if record.Index != before || p.by.audit.Size != before+1 {
		s.Errorf("entry %d refuses; the log grew from %d to %d", record.Index, before, p.by.audit.Size)
	}
	again := p.by.proven(s.refusal(p.post(), row.code).Proof)
	s.rejects(again, p, row.code)
	if remembered := record.Time.Before(record.Until); remembered && again.Index != record.Index {
		s.Errorf("entry %d refuses the text again, until %s entry %d does", again.Index, record.Until, record.Index)
	}
}

// shows checks that a refusal brings what stands in the way, with its proof.
func (s *scene) shows(p sent, r *api.Refusal) {
	s.Helper()
	if r.Stands == nil || r.Stands.Event != p.end {
		s.Fatalf("the refusal shows %+v, not that the message is %s", r.Stands, p.end)
	}
	record := p.by.proven(r.Stands.Proof)
	if string(record.Kind) != string(p.end) || record.Statement != signed.HashOf(r.Stands.Note) {
		s.Errorf("the refusal shows the proof of %+v", record)
	}
}

// rejects checks that a record is the refusal of what was sent: of a text that its sender
// brought and signed, by the register that the record names; else of these bytes.
func (s *scene) rejects(r *auditlog.Record, p sent, code problem.Code) {
	s.Helper()
	name := envelope.HashOfBytes(p.raw)
	if e, err := envelope.Parse(p.raw); err == nil && !p.statement && e.From == p.by.Address && s.register.At(r.RegisterSize).VerifyMessage(e) == nil {
		name = e.TextHash()
	}
	if r.Kind != envelope.Rejected || r.Caller != p.by.Address || r.Code != code || r.TextHash != name {
		s.Errorf("the proven record is %+v", r)
	}
}

// sender is a Swedish desk with refusals left in its budget.
func (s *scene) sender() *caller {
	s.Helper()
	if s.poster == nil || s.posted == 20 {
		s.poster, s.posted = s.desk(s.fresh("se")), 0
	}
	s.posted++
	return s.poster
}

// fresh is an address of a party that no desk has.
func (s *scene) fresh(party string) signed.Address {
	s.made++
	return signed.Address(fmt.Sprintf("%s.unit-%d", party, s.made))
}

// header is a row of a message with a header that is signed as it stands.
func header(edit func(*scene, *envelope.Header)) func(*scene) sent {
	return func(s *scene) sent {
		by := s.sender()
		return sent{by: by, raw: by.message("fi.spoc", func(h *envelope.Header) { edit(s, h) }).Bytes()}
	}
}

// altered is a row of a good message that is changed on its way.
func altered(edit func(*scene, *envelope.Envelope)) func(*scene) sent {
	return func(s *scene) sent {
		by := s.sender()
		e := by.message("fi.spoc")
		edit(s, e)
		return sent{by: by, raw: e.Bytes()}
	}
}

// onlyAccepted looks into every mailbox: each message there is one whose
// acceptance its sender saw.
func (s *scene) onlyAccepted() {
	for _, c := range s.callers {
		if s.register.Now().Revoked(c.Address, register.Online) {
			continue
		}
		for _, i := range c.inbox(0).Items {
			e := got(envelope.Parse(i.Envelope))(s)
			if r := c.proven(i.Acceptance); r.Message != e.TextHash() || !s.accepts[e.TextHash()] {
				s.Errorf("%s has message %s, which nobody saw accepted", c.Address, e.ID)
			}
		}
	}
}

// cursorBeyond asks what comes behind a place that the log does not reach: nothing would,
// and what comes before it would stay unheard (SPEC §11.2).
func (s *scene) cursorBeyond() {
	c := s.callers["se.spoc"]
	size := c.newest().Size
	for after, want := range map[int64]problem.Code{size: "", size + 1: problem.HeadAhead, 1<<53 - 1: problem.HeadAhead} {
		a, err := c.client.Progress(s.Context(), c.heads(), api.Page{After: api.Cursor(after), Limit: api.MaxLimit})
		if want != "" {
			s.refusal(err, want)
		} else if err != nil || a.Next != api.Cursor(after) {
			s.Errorf("behind the whole log come %v, %v", a, err)
		}
	}
}

// repeats are not refused: a text that was accepted is accepted, whatever
// changed since, and adds nothing (SPEC §11.3, step 4).
func (s *scene) repeats() {
	for _, row := range []struct {
		name  string
		since func(*caller, *envelope.Envelope)
	}{
		{"as it was", func(*caller, *envelope.Envelope) {}},
		{"another desk sent it too", func(_ *caller, e *envelope.Envelope) {
			_, err := s.callers["no.spoc"].submit(e.Bytes())
			s.refusal(err, problem.CertificateWrong)
		}},
		{"its keys are replaced", func(c *caller, _ *envelope.Envelope) { s.desk(c.Address) }},
		{"its key is revoked", func(c *caller, _ *envelope.Envelope) { s.revoke(c.Address, register.RingLocked) }},
		{"its recipient's is revoked", func(_ *caller, e *envelope.Envelope) { s.revoke(e.To, register.RingLocked) }},
	} {
		s.act(row.name, func() {
			c, to := s.desk(s.fresh("se")), s.desk(s.fresh("fi"))
			e := c.message(to.Address)
			first := c.accepted(e)
			row.since(c, e)
			c = s.callers[c.Address] // with its newest certificate
			size := c.newest().Size
			if again := c.accepted(e); again.Index != first.Index || c.audit.Size != size {
				s.Errorf("accepted as entry %d, and again as %d of %d", first.Index, again.Index, c.audit.Size)
			}
		})
	}
	s.act("refused to one, accepted of its sender", func() {
		c := s.desk(s.fresh("se"))
		e := c.message("fi.spoc")
		_, err := s.callers["no.spoc"].submit(e.Bytes())
		s.refusal(err, problem.CertificateWrong)
		c.accepted(e)
	})
}
