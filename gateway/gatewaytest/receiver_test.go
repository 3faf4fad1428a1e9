package gatewaytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

// A flaw is one row: a message whose fault only its receiver can see, since it
// is sealed. The sending hand skips the checks of a sending desk.
type flaw struct {
	code problem.Code
	name string
	make func(*scene, *caller) *envelope.Envelope
}

// refusedByReceiver checks one row: the broker takes the message, for it can't
// open it. The receiving desk opens it and refuses it with the code, as its one
// word; no officer sees anything of it.
func (s *scene) refusedByReceiver(row flaw) {
	by, fi := s.callers[careless], s.Desks["fi.spoc"]
	e := row.make(s, by)
	accepted := by.accepted(e)
	item := by.eventOf(e.ID, envelope.Refused)
	r := by.proven(item.Proof)
	if r.Message != e.TextHash() || r.By != "fi.spoc" || r.Code != row.code || r.Statement != signed.HashOf(item.Note) || r.Index <= accepted.Index {
		s.Errorf("the proven end is %+v", r)
	}
	n := got(signed.ParseNote(item.Note))(s)
	st := got(envelope.ParseStatement(n.Text))(s)
	if err := s.register.At(r.RegisterSize).VerifyStatement(n, st); err != nil || st.Signer != "fi.spoc" || st.Code != row.code {
		s.Errorf("the receiver's statement is %+v, %v", st, err)
	}
	s.await("fi.spoc", func() bool {
		items, err := fi.Inbox(s.Context(), client.Query{ID: e.ID})
		return err == nil && items[0].State == "refused" && items[0].Problem != nil && items[0].Problem.Code == row.code && items[0].Summary == nil
	})
	if m, err := fi.Read(s.Context(), client.Ref{ID: e.ID}); err == nil {
		s.Errorf("an officer reads %+v", m)
	}
}

// await waits until done is true of a desk.
func (s *scene) await(address signed.Address, done func() bool) {
	s.Helper()
	if err := Await(s.Context(), s.Desks[address], patience, func() (bool, error) { return done(), nil }); err != nil {
		s.Fatal(err)
	}
}

// sees tells whether a desk shows a message that it sent in a state.
func (s *scene) sees(address signed.Address, id signed.ID, state client.State) func() bool {
	return func() bool {
		items, err := s.Desks[address].Outbox(s.Context(), client.Query{ID: id})
		return err == nil && items[0].State == state
	}
}

// receiverGoesOn shows that a good message still arrives, and that what was
// refused answered nothing.
func (s *scene) receiverGoesOn() {
	by, fi := s.callers[careless], s.Desks["fi.spoc"]
	e := sealing(request())(s, by)
	by.accepted(e)
	by.eventOf(e.ID, envelope.HandedOver)
	s.await("fi.spoc", func() bool {
		items, err := fi.Inbox(s.Context(), client.Query{ID: e.ID})
		return err == nil && items[0].State == "handed-over"
	})
	m := got(fi.Read(s.Context(), client.Ref{ID: e.ID}))(s)
	if !strings.Contains(string(m.Body), "Kapellskär") {
		s.Errorf("the officer reads %s", m.Body)
	}
	for _, asked := range got(fi.Outbox(s.Context(), client.Query{}))(s) {
		if asked.Type != "INFO_REQUEST" {
			continue
		}
		if asked.Deadline == nil || !asked.Deadline.Answered.IsZero() {
			s.Errorf("a refused answer left the clock of message %s at %+v", asked.ID, asked.Deadline)
		}
	}
}

var flaws = []flaw{
	{problem.PurposeNotPermitted, "border control", sealing(request("INVESTIGATE_CRIME", "BORDER_CONTROL"))},

	{problem.BodyInvalid, "an unknown field", sealing(request(`"language"`, `"mood":"grim","language"`))},
	{problem.BodyInvalid, "a field missing", sealing(request(`"language":"sv",`, ``))},
	{problem.BodyInvalid, "a code of no list", sealing(request("INVESTIGATE_CRIME", "CURIOSITY"))},
	{problem.BodyInvalid, "an urgent body, a header that is not", sealing(request(`"language"`, `"urgency":{"reasons":["LOSING_RELEVANCE"],"explanation":"x"},"language"`))},
	{problem.BodyInvalid, "an urgent header, a body that is not", changedContent(func(h *envelope.Header, _ *seal.Content) { h.Urgency = envelope.Urgent })},
	{problem.BodyInvalid, "other statistics", changedContent(func(_ *envelope.Header, c *seal.Content) {
		c.Statistics = bytes.Replace(c.Statistics, []byte("ROBBERY_AGG_THEFT"), []byte("CORRUPTION"), 1)
	})},
	{problem.BodyInvalid, "a file that is not listed", changedContent(func(_ *envelope.Header, c *seal.Content) {
		c.Attachments = []seal.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: []byte{0xff, 0xd8}}}
	})},
	{problem.BodyInvalid, "the body of another type", sealing(caseFile("07-spontaneous.json"))},

	{problem.BodyMalformed, "a repeated key", sealing(request(`"language"`, `"subject":"x","language"`))},
	{problem.BodyMalformed, "a repeated key, spelled otherwise", sealing(request(`"language"`, `"\u0073ubject":"x","language"`))},
	{problem.BodyMalformed, "a huge integer", sealing(request(`"year":2019`, `"year":20190000000000000000`))},
	{problem.BodyMalformed, "a number with an endless exponent", sealing(request(`"year":2019`, `"year":2e40`))},
	{problem.BodyMalformed, "deep nesting", sealing(request(`"language"`, `"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,"language"`))},
	{problem.BodyMalformed, "trailing data", sealing(request() + "{}")},
	{problem.BodyMalformed, "half a surrogate", sealing(request(`"language"`, `"x":"\ud800","language"`))},
	{problem.BodyMalformed, "no JSON", sealing("Grovt rån, fartyg mot Åbo")},
	{problem.BodyMalformed, "nothing", sealing("")},
	{problem.Oversize, "an endless body", sealing(strings.Repeat(" ", 790_000) + request())},

	{problem.SealInvalid, "a second stanza", aged(func(s *scene, to age.Recipient) []age.Recipient {
		return []age.Recipient{to, got(age.GenerateHybridIdentity())(s).Recipient()}
	})},
	{problem.SealInvalid, "a classic stanza", aged(func(s *scene, _ age.Recipient) []age.Recipient {
		return []age.Recipient{got(age.GenerateX25519Identity())(s).Recipient()}
	})},
	{problem.SealUnreadable, "for another key", aged(func(s *scene, _ age.Recipient) []age.Recipient {
		return []age.Recipient{got(age.GenerateHybridIdentity())(s).Recipient()}
	})},
	{problem.SealUnreadable, "a bit flipped before it was signed", resealed(func(b []byte) []byte { b[len(b)-9] ^= 1; return b })},
	{problem.SealUnreadable, "cut short before it was signed", resealed(func(b []byte) []byte { return b[:len(b)-100] })},
	{problem.SealUnreadable, "nothing", resealed(func([]byte) []byte { return nil })},

	{problem.FrameInvalid, "no frame", framed(func([]byte) []byte { return []byte(request()) })},
	{problem.FrameInvalid, "padded otherwise", framed(func(f []byte) []byte { return append(f, 0) })},
	{problem.FrameInvalid, "padding that says something", framed(func(f []byte) []byte { f[len(f)-1] = 1; return f })},
	{problem.FrameMismatch, "the sealed part of another message", func(s *scene, by *caller) *envelope.Envelope {
		first := sealing(request())(s, by)
		h := first.Header
		h.ID = signed.NewID()
		return got(by.Sign(h, first.Sealed))(s)
	}},
	{problem.FrameMismatch, "sealed for a header of another sender", func(s *scene, by *caller) *envelope.Envelope {
		first := sealing(request())(s, s.desk(s.fresh("se")))
		h := first.Header
		h.From = by.Address
		return got(by.Sign(h, first.Sealed))(s)
	}},
	{problem.CommitmentMismatch, "of the body", committed(func(h *envelope.Header) { h.Body = signed.HashOf("another body") })},
	{problem.CommitmentMismatch, "of the statistics", committed(func(h *envelope.Header) { h.Statistics = signed.HashOf("others") })},

	{problem.ReplyNotAllowed, "an answer to what nobody asked", answering("ANSWER", "04-answer.json", func(h *envelope.Header) { h.InReplyTo = signed.HashOf("no message") })},
}

// caseFile is the body of a sample, without its attachments and roster.
func caseFile(name string) string {
	b, err := schema.Samples.ReadFile("testdata/case/" + name)
	if err != nil {
		panic(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		panic(err)
	}
	delete(fields, "attachments")
	delete(fields, "recipients")
	b, err = json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// request is the body of a request that is not urgent, with words replaced.
func request(oldnew ...string) string {
	var fields map[string]any
	if err := json.Unmarshal([]byte(caseFile("01-info-request.json")), &fields); err != nil {
		panic(err)
	}
	delete(fields, "urgency")
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	body := strings.NewReplacer(oldnew...).Replace(string(b))
	if body == string(b) && len(oldnew) > 0 {
		panic("gatewaytest: the row changes nothing")
	}
	return body
}

// sealing is a row of a body, whatever it says, that is sealed as a desk would.
func sealing(body string) func(*scene, *caller) *envelope.Envelope {
	return sealed(body, func(*envelope.Header, *seal.Content) {})
}

// changedContent is a row of a good request that is changed before it is sealed.
func changedContent(change func(*envelope.Header, *seal.Content)) func(*scene, *caller) *envelope.Envelope {
	return sealed(request(), change)
}

func sealed(body string, change func(*envelope.Header, *seal.Content)) func(*scene, *caller) *envelope.Envelope {
	return func(s *scene, by *caller) *envelope.Envelope {
		h, c := s.unsealed(by, "INFO_REQUEST", body)
		change(h, c)
		b, _, err := seal.Seal(h, c, s.recipient())
		return got(by.Sign(*h, got(b, err)(s)))(s)
	}
}

// unsealed is a header to Finland and what shall be sealed under it.
func (s *scene) unsealed(by *caller, typ, body string) (*envelope.Header, *seal.Content) {
	s.Helper()
	h := got(by.Header(s.register.Now(), by.audit, "fi.spoc", typ, time.Now()))(s)
	c := &seal.Content{Body: []byte(body)}
	if t, ok := schema.Embedded().FindHash(h.Type.Hash); ok {
		if b, err := t.Read(c.Body); err == nil {
			c.Statistics = b.Statistics
		}
	}
	return h, c
}

func (s *scene) recipient() string { return known(s.register.Now().Desk("fi.spoc")).Opening }

// resealed is a row of a good message whose sealed part is changed before its
// header is signed.
func resealed(change func([]byte) []byte) func(*scene, *caller) *envelope.Envelope {
	return func(s *scene, by *caller) *envelope.Envelope {
		e := sealing(request())(s, by)
		return got(by.Sign(e.Header, change(bytes.Clone(e.Sealed))))(s)
	}
}

// aged is a row of a good frame that is encrypted to other recipients.
func aged(to func(*scene, age.Recipient) []age.Recipient) func(*scene, *caller) *envelope.Envelope {
	return func(s *scene, by *caller) *envelope.Envelope {
		h, c := s.unsealed(by, "INFO_REQUEST", request())
		h.Body, h.Statistics = commitments(c)
		right := got(age.ParseHybridRecipient(s.recipient()))(s)
		return got(by.Sign(*h, s.encrypt(frame(h, c), to(s, right)...)))(s)
	}
}

// framed is a row of a frame that is changed before it is encrypted.
func framed(change func([]byte) []byte) func(*scene, *caller) *envelope.Envelope {
	return func(s *scene, by *caller) *envelope.Envelope {
		h, c := s.unsealed(by, "INFO_REQUEST", request())
		h.Body, h.Statistics = commitments(c)
		return got(by.Sign(*h, s.encrypt(change(frame(h, c)), got(age.ParseHybridRecipient(s.recipient()))(s))))(s)
	}
}

// committed is a row of a frame that is sealed for its header, which commits to
// something else.
func committed(change func(*envelope.Header)) func(*scene, *caller) *envelope.Envelope {
	return func(s *scene, by *caller) *envelope.Envelope {
		h, c := s.unsealed(by, "INFO_REQUEST", request())
		h.Body, h.Statistics = commitments(c)
		change(h)
		return got(by.Sign(*h, s.encrypt(frame(h, c), got(age.ParseHybridRecipient(s.recipient()))(s))))(s)
	}
}

func (s *scene) encrypt(plain []byte, to ...age.Recipient) []byte {
	s.Helper()
	var b bytes.Buffer
	w := got(age.Encrypt(&b, to...))(s)
	got(w.Write(plain))(s)
	if err := w.Close(); err != nil {
		s.Fatal(err)
	}
	return b.Bytes()
}

// commitments and frame follow SPEC §6.2 and §6.3 by themselves, so that a changed
// frame can be made. The salts are zero, and the frame fits 16 KiB.
func commitments(c *seal.Content) (body, statistics signed.Hash) {
	var salt [32]byte
	return sha256.Sum256(slices.Concat([]byte{2}, salt[:], c.Body)), sha256.Sum256(slices.Concat([]byte{3}, salt[:], c.Statistics))
}

func frame(h *envelope.Header, c *seal.Content) []byte {
	var salt [32]byte
	bound := signed.HashOf(h.Bound())
	f := slices.Concat([]byte("samband/frame/v1\n"), bound[:], salt[:])
	f = append(binary.BigEndian.AppendUint32(f, uint32(len(c.Body))), c.Body...)
	f = append(f, salt[:]...)
	f = append(binary.BigEndian.AppendUint32(f, uint32(len(c.Statistics))), c.Statistics...)
	f = append(f, 0)
	size := 4 << 10
	for size < len(f) {
		size <<= 2
	}
	return append(f, make([]byte, size-len(f))...)
}

// answering is a row of a reply to what Finland's desk asked.
func answering(typ, file string, change func(*envelope.Header)) func(*scene, *caller) *envelope.Envelope {
	return func(s *scene, by *caller) *envelope.Envelope {
		sending := got(s.Desks["fi.spoc"].Send(s.Context(), client.Draft{
			To: []signed.Address{careless}, Type: "INFO_REQUEST", Body: []byte(request()),
		}))(s)
		asked := sending.Messages[0]
		s.await("fi.spoc", s.sees("fi.spoc", asked.ID, "accepted"))
		by.newest()
		by.stated(by.consigns(asked.Message))
		s.await("fi.spoc", s.sees("fi.spoc", asked.ID, "consigned"))
		h, c := s.unsealed(by, typ, caseFile(file))
		h.Conversation, h.InReplyTo = asked.Conversation, asked.Message
		change(h)
		b, _, err := seal.Seal(h, c, s.recipient())
		return got(by.Sign(*h, got(b, err)(s)))(s)
	}
}

// What a sending desk stops by itself. None of it is kept, and none of it
// leaves.
var notSent = []stopped{
	{problem.PurposeNotPermitted, "border control", func(d *client.Draft) { d.Body = []byte(request("INVESTIGATE_CRIME", "BORDER_CONTROL")) }},
	{problem.BodyInvalid, "an unknown field", func(d *client.Draft) { d.Body = []byte(request(`"language"`, `"mood":"grim","language"`)) }},
	{problem.BodyInvalid, "an urgent header, a body that is not", func(d *client.Draft) { d.Urgent = true }},
	{problem.BodyMalformed, "a repeated key", func(d *client.Draft) { d.Body = []byte(request(`"language"`, `"subject":"x","language"`)) }},
	{problem.BodyMalformed, "a huge integer", func(d *client.Draft) { d.Body = []byte(request(`"year":2019`, `"year":20190000000000000000`)) }},
	{problem.ReplyNotAllowed, "an answer to nothing", func(d *client.Draft) { d.Type, d.Body = "ANSWER", []byte(caseFile("04-answer.json")) }},
	{problem.NoAgreement, "to a party without one", func(d *client.Draft) { d.To[0] = "dk.spoc" }},
	{problem.UnknownDesk, "to nobody", func(d *client.Draft) { d.To[0] = "se.nobody" }},
	{problem.TypeUnknown, "a type of no catalogue", func(d *client.Draft) { d.Type = "GOSSIP" }},
	{problem.Oversize, "more than an envelope takes", func(d *client.Draft) {
		d.Attachments = []client.Attachment{{Name: "film.mp4", MediaType: "video/mp4", Data: make([]byte, 1<<20)}}
	}},
}

// A stopped draft is one row.
type stopped struct {
	code  problem.Code
	name  string
	spoil func(*client.Draft)
}

func (s *scene) notSent(row stopped) {
	fi, watcher := s.Desks["fi.spoc"], s.callers[careless]
	before := len(got(fi.Outbox(s.Context(), client.Query{}))(s))
	draft := client.Draft{To: []signed.Address{careless}, Type: "INFO_REQUEST", Body: []byte(request())}
	row.spoil(&draft)
	size := watcher.newest().Size
	_, err := fi.Send(s.Context(), draft)
	s.refusal(err, row.code)
	if after := len(got(fi.Outbox(s.Context(), client.Query{}))(s)); after != before {
		s.Errorf("the outbox grew from %d to %d", before, after)
	}
	if grown := watcher.newest().Size - size; grown != 0 {
		s.Errorf("the log has %d more entries", grown)
	}
}
