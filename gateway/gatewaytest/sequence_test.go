package gatewaytest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A call brings many items. Each has its own answer, whatever becomes of the others.
func TestSequences(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	s.act("good and bad together", s.mixed)
	s.act("one id twice", s.idTwice)
	s.act("good and bad signatures of one text", s.textTwice)
	s.act("statements", s.statementsTogether)
	s.act("malformed", s.malformed)
	s.act("beyond the budget", s.beyondBudget)
	s.act("heads that the log does not reach", s.headsAhead)
	s.act("two calls that overtake each other", s.overtaking)
}

// submits sends envelopes together; all proofs of the answer stand under its one
// catchup, which the caller learns.
func (c *caller) submits(raw ...[]byte) []api.SubmitItem {
	c.s.Helper()
	a := got(c.client.Submit(c.s.Context(), c.heads(), raw))(c.s)
	c.learn(&a.Catchup)
	return a.Items
}

// states sends statements together, as submits does envelopes.
func (c *caller) states(raw ...[]byte) []api.StateItem {
	c.s.Helper()
	a := got(c.client.State(c.s.Context(), c.heads(), raw))(c.s)
	c.learn(&a.Catchup)
	return a.Items
}

// acceptance is the proven record of an item that is accepted.
func (c *caller) acceptance(i api.SubmitItem, e *envelope.Envelope) *auditlog.Record {
	c.s.Helper()
	if err := i.Refusal(); err != nil {
		c.s.Fatal(err)
	}
	r := c.proven(i.Acceptance)
	if r.Kind != envelope.Accepted || r.Message != e.TextHash() {
		c.s.Fatalf("the acceptance is of %+v", r)
	}
	c.s.accepts[e.TextHash()] = true
	return r
}

// refusedAs is the proven record of an item that is refused for good.
func (c *caller) refusedAs(err error, raw []byte, statement bool, code problem.Code) *auditlog.Record {
	c.s.Helper()
	r := c.proven(c.s.refusal(err, code).Proof)
	c.s.rejects(r, sent{by: c, raw: raw, statement: statement}, code)
	return r
}

// mixed has each kind of refusal between good messages: they are ordered in their
// places, and each refusal is of its item alone.
func (s *scene) mixed() {
	c := s.desk(s.fresh("se"))
	good := []*envelope.Envelope{c.message("fi.spoc"), c.message("fi.spoc"), c.message("no.spoc"), c.message("fi.spoc")}
	changed := c.message("fi.spoc").Bytes()
	changed[len(changed)-1] ^= 1
	ahead := c.message("fi.spoc", func(h *envelope.Header) { h.AsOfAudit.Size += 1000 })
	items := []struct {
		raw  []byte
		good *envelope.Envelope
		code problem.Code
	}{
		{good[0].Bytes(), good[0], ""},
		{changed, nil, problem.SealedMismatch},
		{s.callers["fi.spoc"].message("se.spoc").Bytes(), nil, problem.CertificateWrong},
		{good[1].Bytes(), good[1], ""},
		{make([]byte, api.MaxEnvelope+1), nil, problem.Oversize},
		{c.message("dk.spoc").Bytes(), nil, problem.NoAgreement},
		{good[2].Bytes(), good[2], ""},
		{ahead.Bytes(), nil, problem.HeadAhead},
		{nil, nil, problem.TextMalformed},
		{good[3].Bytes(), good[3], ""},
	}
	raw := make([][]byte, len(items))
	for i := range items {
		raw[i] = items[i].raw
	}
	size := c.newest().Size
	next := size
	for i, answer := range c.submits(raw...) {
		item := items[i]
		var r *auditlog.Record
		switch {
		case item.good != nil:
			r = c.acceptance(answer, item.good)
		case item.code == problem.HeadAhead:
			if refusal := s.refusal(answer.Refusal(), item.code); refusal.Proof != "" {
				s.Errorf("item %d: a refusal for now has a proof", i)
			}
			continue
		default:
			r = c.refusedAs(answer.Refusal(), item.raw, false, item.code)
		}
		if r.Index != next {
			s.Errorf("item %d is entry %d, not %d", i, r.Index, next)
		}
		next++
	}
	if grown := c.audit.Size - size; grown != 9 {
		s.Errorf("the log grew by %d", grown)
	}
	for i, answer := range c.submits(raw...) { // the call is repeated
		if e := items[i].good; e != nil {
			if r := c.acceptance(answer, e); r.Index >= next {
				s.Errorf("item %d is accepted again as entry %d", i, r.Index)
			}
		}
	}
}

// idTwice sends one id more than once in a call: the first is accepted, the same
// text gets its acceptance, another text is refused. So it is whatever stood before
// the first was ordered.
func (s *scene) idTwice() {
	c := s.desk(s.fresh("se"))
	e := c.message("fi.spoc")
	other := c.message("fi.spoc", func(h *envelope.Header) { h.ID = e.ID })
	size := c.newest().Size
	items := c.submits(e.Bytes(), e.Bytes(), other.Bytes(), other.Bytes(), e.Bytes())
	for _, i := range []int{0, 1, 4} {
		if r := c.acceptance(items[i], e); r.Index != size {
			s.Errorf("item %d is accepted as entry %d, not %d", i, r.Index, size)
		}
	}
	for _, i := range []int{2, 3} {
		err := items[i].Refusal()
		if r := c.refusedAs(err, other.Bytes(), false, problem.IDReused); r.Index != size+1 {
			s.Errorf("item %d is refused as entry %d, not %d", i, r.Index, size+1)
		}
		if r := s.refusal(err, problem.IDReused); r.Accepted != e.TextHash() {
			s.Errorf("item %d is shown %s as accepted", i, r.Accepted)
		}
	}
	if c.audit.Size != size+2 {
		s.Errorf("the log grew by %d", c.audit.Size-size)
	}
}

// textTwice sends one text with good and with bad signatures in a call. Once it is accepted
// it is known, whatever signatures come with it; before, the bad ones refuse those bytes.
func (s *scene) textTwice() {
	c := s.desk(s.fresh("se"))
	forge := func(e *envelope.Envelope) []byte {
		n := &signed.Note{Text: e.Note.Text}
		for _, line := range e.Note.Signatures {
			line.Sig = bytes.Clone(line.Sig)
			line.Sig[3] ^= 1
			n.Signatures = append(n.Signatures, line)
		}
		return append(n.Bytes(), e.Sealed...)
	}
	e := c.message("fi.spoc")
	items := c.submits(e.Bytes(), forge(e))
	if first, second := c.acceptance(items[0], e), c.acceptance(items[1], e); first.Index != second.Index {
		s.Errorf("one text is accepted as entries %d and %d", first.Index, second.Index)
	}
	e = c.message("fi.spoc")
	items = c.submits(forge(e), e.Bytes())
	first := c.refusedAs(items[0].Refusal(), forge(e), false, problem.SignatureInvalid)
	if second := c.acceptance(items[1], e); second.Index != first.Index+1 {
		s.Errorf("the bad bytes are refused as entry %d, and the text is accepted as entry %d", first.Index, second.Index)
	}
}

// statementsTogether consigns and hands over several messages in one call. What a
// statement meets may be what an earlier one of the call said.
func (s *scene) statementsTogether() {
	by := s.receiver()
	one, two := s.sentTo(by.Address), s.sentTo(by.Address)
	size := by.newest().Size
	over := by.hands(two.TextHash())
	notes := [][]byte{
		by.consigns(one.TextHash()), by.hands(one.TextHash()),
		by.hands(signed.HashOf("no message")),
		over, over,
		by.says(envelope.Statement{Event: envelope.Refused, Code: problem.BodyInvalid, Message: two.TextHash()}),
		s.callers["fi.spoc"].consigns(two.TextHash()),
		make([]byte, api.MaxStatement+1),
	}
	items := by.states(notes...)
	for i, want := range []struct {
		kind  envelope.Event
		entry int64
		code  problem.Code
	}{
		{envelope.Consigned, 0, ""}, {envelope.HandedOver, 1, ""},
		{envelope.Rejected, 2, problem.UnknownMessage},
		{envelope.HandedOver, 3, ""}, {envelope.HandedOver, 3, ""},
		{envelope.Rejected, 4, problem.AlreadyEnded},
		{envelope.Rejected, 5, problem.CertificateWrong},
		{envelope.Rejected, 6, problem.Oversize},
	} {
		var r *auditlog.Record
		if err := items[i].Refusal(); want.code != "" {
			r = by.refusedAs(err, notes[i], true, want.code)
		} else if err != nil {
			s.Fatal(err)
		} else if r = by.proven(items[i].Proof); r.Statement != signed.HashOf(notes[i]) {
			s.Errorf("note %d is answered with %+v", i, r)
		}
		if r.Kind != want.kind || r.Index != size+want.entry {
			s.Errorf("note %d is %s as entry %d, not %s as %d", i, r.Kind, r.Index, want.kind, size+want.entry)
		}
	}
	if r := s.refusal(items[5].Refusal(), problem.AlreadyEnded); r.Stands == nil || !bytes.Equal(r.Stands.Note, over) {
		s.Errorf("the refusal shows %+v", r.Stands)
	} else if by.proven(r.Stands.Proof).Index != size+3 {
		s.Error("the refusal proves another end")
	}
}

// malformed sends bodies that are no sequence, with a good message in front: nothing
// of them is ordered.
func (s *scene) malformed() {
	c := s.callers["se.spoc"]
	good := func() []byte { return api.AppendItem(nil, c.message("fi.spoc").Bytes()) }
	size := c.newest().Size
	many := good()
	for range api.MaxItems {
		many = api.AppendItem(many, nil)
	}
	for name, body := range map[string][]byte{
		"nothing":                 nil,
		"257 items":               many,
		"cut short":               good()[:1000],
		"cut in the second":       append(good(), 0, 0, 0, 9, 'x'),
		"cut in a length":         append(good(), 0, 0),
		"a length beyond the end": binary.BigEndian.AppendUint32(good(), 1<<31),
		"an envelope alone":       c.message("fi.spoc").Bytes(),
	} {
		s.act(name, func() {
			s.asks(http.MethodPost, "/v1/envelopes", api.EnvelopesType, bytes.NewReader(body), problem.TextMalformed)
			s.asks(http.MethodPost, "/v1/statements", api.StatementsType, bytes.NewReader(body), problem.TextMalformed)
		})
	}
	endless := io.MultiReader(bytes.NewReader(good()), bytes.NewReader(make([]byte, api.MaxSequence)))
	s.asks(http.MethodPost, "/v1/envelopes", api.EnvelopesType, endless, problem.Oversize)
	s.asks(http.MethodPost, "/v1/envelopes", "application/vnd.samband.envelope", bytes.NewReader(good()), problem.TextMalformed)
	if grown := c.newest().Size - size; grown != 0 {
		s.Errorf("the log grew by %d", grown)
	}
}

// beyondBudget sends more bad items than a desk may be refused: as many entries as
// it had budget, and none for the rest. A good item passes all the same, in that
// call and after it; so does a repeat of what was refused, which orders nothing.
func (s *scene) beyondBudget() {
	c := s.desk(s.fresh("se"))
	refused, last := c.message("dk.spoc"), c.message("fi.spoc")
	raw := make([][]byte, api.MaxItems)
	for i := range raw {
		raw[i] = []byte("%PDF-1.7")
	}
	raw[0], raw[len(raw)-1] = refused.Bytes(), last.Bytes()
	size := c.newest().Size
	items := c.submits(raw...)
	first := c.refusedAs(items[0].Refusal(), raw[0], false, problem.NoAgreement)
	logged := 1
	for i := 1; i < len(items)-1; i++ {
		err := items[i].Refusal()
		if problem.CodeOf(err) == problem.TextMalformed {
			c.refusedAs(err, raw[i], false, problem.TextMalformed)
			logged++
		} else if r := s.refusal(err, problem.BudgetExhausted); r.RetryAfter == 0 || r.Proof != "" {
			s.Errorf("item %d: the refusal is %+v", i, r)
		}
	}
	if logged < 60 || logged > 100 { // 60, and what was added meanwhile
		s.Errorf("%d items are refused for good", logged)
	}
	c.acceptance(items[len(items)-1], last)
	if grown := c.audit.Size - size; grown != int64(logged)+1 {
		s.Errorf("the log grew by %d, of %d refusals and one acceptance", grown, logged)
	}
	c.accepted(c.message("fi.spoc"))
	items = c.submits(raw...)
	if again := c.refusedAs(items[0].Refusal(), raw[0], false, problem.NoAgreement); again.Index != first.Index {
		s.Errorf("entry %d refuses the text, and again entry %d", first.Index, again.Index)
	}
	s.refusal(items[len(items)-2].Refusal(), problem.BudgetExhausted)
}

// headsAhead names heads that the logs do not reach: no answer could lead on from
// them, so nothing is ordered.
func (s *scene) headsAhead() {
	c := s.callers["se.spoc"]
	size := c.newest().Size
	for _, heads := range []api.Heads{{Audit: 1 << 40}, {Register: 1 << 40}} {
		_, err := c.client.Submit(s.Context(), heads, [][]byte{c.message("fi.spoc").Bytes(), []byte("%PDF-1.7")})
		s.refusal(err, problem.HeadAhead)
	}
	if grown := c.newest().Size - size; grown != 0 {
		s.Errorf("the log grew by %d", grown)
	}
}

// overtaking makes many calls of one desk at once, all from the same heads. Each
// answer is verified from the heads that its call named, and then the log links
// them, whichever came first.
func (s *scene) overtaking() {
	c := s.desk(s.fresh("se"))
	from := c.newest()
	answers := make([]*api.SubmitAnswer, 8)
	messages := make([][]*envelope.Envelope, len(answers))
	var calls sync.WaitGroup
	for i := range answers {
		raw := make([][]byte, 3)
		for j := range raw {
			e := c.message("fi.spoc")
			s.accepts[e.TextHash()] = true
			messages[i], raw[j] = append(messages[i], e), e.Bytes()
		}
		heads, t, ctx := c.heads(), s.T, s.Context()
		calls.Go(func() {
			var err error
			if answers[i], err = c.client.Submit(ctx, heads, raw); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if s.Failed() {
		return
	}
	key := s.register.Federation().Audit
	heads := make([]signed.Head, len(answers))
	seen := map[int64]bool{}
	for i, a := range answers {
		heads[i] = got(auditlog.VerifyCheckpoint([]byte(a.Catchup.Audit.Checkpoint), key))(s)
		if err := auditlog.CheckConsistency(from, heads[i], a.Catchup.Audit.Consistency); err != nil {
			s.Fatal(err)
		}
		c.audit = heads[i]
		var entries []int64
		for j, item := range a.Items {
			entries = append(entries, c.acceptance(item, messages[i][j]).Index)
			seen[entries[j]] = true
		}
		if !slices.IsSorted(entries) || entries[2]-entries[0] != 2 {
			s.Errorf("call %d is ordered as %v", i, entries)
		}
	}
	if len(seen) != 3*len(answers) {
		s.Errorf("%d messages have %d entries", 3*len(answers), len(seen))
	}
	slices.SortFunc(heads, func(a, b signed.Head) int { return int(a.Size - b.Size) })
	for i := range heads[1:] {
		link := got(c.client.Consistency(s.Context(), heads[i].Size, heads[i+1].Size))(s)
		if err := auditlog.CheckConsistency(heads[i], heads[i+1], link.Consistency); err != nil {
			s.Error(err)
		}
	}
	c.audit = heads[len(heads)-1]
	if a := got(c.client.Consistency(s.Context(), 0, c.audit.Size))(s); len(a.Consistency) != 0 {
		s.Errorf("from nothing there are %d hashes", len(a.Consistency))
	}
	_, err := c.client.Consistency(s.Context(), from.Size, c.audit.Size+1000)
	s.refusal(err, problem.HeadAhead)
	_, err = c.client.Consistency(s.Context(), 2, 1)
	s.refusal(err, problem.TextMalformed)
}
