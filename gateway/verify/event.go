package verify

import (
	"bytes"
	"errors"
	"fmt"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A ProvenEvent is one event that the audit log proves of a message.
type ProvenEvent struct {
	Record *auditlog.Record
	Note   []byte // the signed note that the record binds; nil when it binds none
	Proof  []byte
}

// A Claim is what an answer says became of a message.
type Claim struct {
	Event       envelope.Event
	Note        []byte // the whole statement; none for an expiry or a lapse
	Proof       []byte
	Consistency []signed.Hash // from the note's own as-of to the answer's checkpoint
}

// ErrNoNote says that a broker let a statement go. What it said can't be verified
// any more, and nobody is to blame.
var ErrNoNote = errors.New("the broker no longer has the statement itself")

// Acceptance checks the proof that a message was accepted (SPEC §5, 2 and 3).
func (a *Answer) Acceptance(e *envelope.Envelope, proof []byte) (*ProvenEvent, error) {
	r, err := a.acceptance(e, proof)
	if err != nil {
		return nil, breach(err, message(e.TextHash()),
			map[string][]byte{"envelope": e.Bytes(), "acceptance": proof, "checkpoint": a.auditCheckpoint})
	}
	return &ProvenEvent{Record: r, Proof: proof}, nil
}

func (a *Answer) acceptance(e *envelope.Envelope, proof []byte) (*auditlog.Record, error) {
	r, err := a.Proven(proof, envelope.Accepted)
	if err != nil {
		return nil, err
	}
	return r, SaysOfMessage(r, e)
}

// Admit checks all that must be so before a desk states that it keeps a message
// (SPEC §5, 2 to 4): the proof of acceptance, that both logs are those that the
// sender knew, the sender's signatures, and the law, at the record's register size.
// me is the desk that the message must be for; "" for any.
func (a *Answer) Admit(e *envelope.Envelope, me signed.Address, proof []byte, consistency []signed.Hash) (*ProvenEvent, error) {
	r, err := a.admit(e, me, proof, consistency)
	if err != nil {
		return nil, breach(err, message(e.TextHash()), map[string][]byte{
			"envelope": e.Bytes(), "acceptance": proof, "checkpoint": a.auditCheckpoint, "consistency": lines(consistency)})
	}
	return &ProvenEvent{Record: r, Proof: proof}, nil
}

func (a *Answer) admit(e *envelope.Envelope, me signed.Address, proof []byte, consistency []signed.Hash) (*auditlog.Record, error) {
	if e.Exchange != a.register.Exchange() {
		return nil, problem.New(problem.WrongExchange, "the message is of another exchange")
	}
	if me != "" && e.To != me {
		return nil, problem.New(problem.ProofInvalid, "the message is for %s", e.To)
	}
	r, err := a.acceptance(e, proof)
	if err != nil {
		return nil, err
	}
	if err := a.register.CheckHead(e.AsOfRegister); err != nil {
		return nil, err
	}
	if err := a.extends(e.AsOfAudit, consistency); err != nil {
		return nil, err
	}
	view := a.register.At(r.RegisterSize)
	if err := view.VerifyMessage(e); err != nil {
		return nil, err
	}
	return r, view.Decide(&e.Header, r.Time)
}

// extends checks that the audit log extends the one that another party knew when
// it signed: a broker that shows two histories is found out by the first text that
// crosses between them.
func (a *Answer) extends(known signed.Head, consistency []signed.Hash) error {
	if a.alone {
		return nil
	}
	return auditlog.CheckConsistency(known, a.audit, consistency)
}

// Event checks what is said to have become of a message: the proof, that the
// record binds this very note, and the note's own signature by the one who may say
// it, with the keys in force at the record's register. Without the last a broker
// could invent a handover: it is STATEMENT_FORGED. me is the desk that asks: its
// own words were signed under its own log.
func (a *Answer) Event(h *envelope.Header, text signed.Hash, me signed.Address, c Claim) (*ProvenEvent, error) {
	own := c.Event == envelope.Consigned && h.To == me // our word: the record alone will do
	if len(c.Note) == 0 && !c.Event.ByTheClock() && !own {
		return nil, fmt.Errorf("%s of %s: %w", c.Event, message(text), ErrNoNote)
	}
	r, err := a.event(h, text, me, c)
	if err != nil {
		return nil, breach(err, message(text), map[string][]byte{
			"event": []byte(c.Event), "note": c.Note, "proof": c.Proof, "checkpoint": a.auditCheckpoint, "consistency": lines(c.Consistency)})
	}
	return &ProvenEvent{Record: r, Note: c.Note, Proof: c.Proof}, nil
}

func (a *Answer) event(h *envelope.Header, text signed.Hash, me signed.Address, c Claim) (*auditlog.Record, error) {
	r, err := a.Proven(c.Proof, c.Event)
	if err != nil {
		return nil, err
	}
	if len(c.Note) == 0 {
		return r, saysOfEvent(r, h, text)
	}
	n, s, err := readStatement(c.Note)
	if err == nil {
		err = a.statement(r, n, s, c.Note)
	}
	if err == nil {
		err = saysOfEvent(r, h, text)
	}
	if err != nil || s.Signer == me {
		return r, err
	}
	return r, a.extends(s.AsOfAudit, c.Consistency)
}

// Message checks a proof with the message that it is about, whatever the proof
// says of it: an acceptance as Admit does, a refusal as Refusal does. Of another
// event the signatures stay open: the message's were checked at its acceptance, the
// statement's need its note.
func (a *Answer) Message(e *envelope.Envelope, proof []byte) (*ProvenEvent, error) {
	p, err := auditlog.ParseProof(proof)
	if err != nil {
		return nil, err
	}
	switch kind := p.Entry.Record.Kind; kind {
	case envelope.Accepted:
		return a.Admit(e, "", proof, nil)
	case envelope.Rejected:
		return a.Refusal(e, proof)
	default:
		r, err := a.Proven(proof, kind)
		if err == nil {
			err = SaysOfMessage(r, e)
		}
		if err != nil {
			return nil, err
		}
		return &ProvenEvent{Record: r, Proof: proof}, nil
	}
}

// Statement checks a statement and its proof if the message itself is not at
// hand: whether the signer was one of its two desks stays open.
func (a *Answer) Statement(note, proof []byte) (*ProvenEvent, error) {
	n, s, err := readStatement(note)
	if err != nil {
		return nil, err
	}
	r, err := a.Proven(proof, s.Event)
	if err == nil {
		err = a.statement(r, n, s, note)
	}
	if err != nil {
		return nil, err
	}
	return &ProvenEvent{Record: r, Note: note, Proof: proof}, nil
}

// Erasure checks a statement by which a desk tells itself what it erased: its proof,
// and that this very desk signed it. Nobody else can make a desk hide anything.
func (a *Answer) Erasure(me signed.Address, note, proof []byte) (*ProvenEvent, error) {
	if len(note) == 0 {
		return nil, fmt.Errorf("a list of what %s erased: %w", me, ErrNoNote)
	}
	p, err := a.erasure(me, note, proof)
	return p, breach(err, "list of erasures "+signed.HashOf(note).String(),
		map[string][]byte{"note": note, "proof": proof, "checkpoint": a.auditCheckpoint})
}

func (a *Answer) erasure(me signed.Address, note, proof []byte) (*ProvenEvent, error) {
	_, s, err := readStatement(note)
	if err != nil {
		return nil, err
	}
	if s.Event != envelope.Erased || s.Signer != me {
		return nil, problem.New(problem.StatementForged, "the note is %s of %s, no list of what %s erased", s.Event, s.Signer, me)
	}
	return a.Statement(note, proof)
}

// Word checks what is said to have been said in a desk's name, of a message that may not
// be at hand: the proof, that the record binds this very note, and the note's signature by
// the ring of that desk that was in force at the record's register. Else it is
// STATEMENT_FORGED, and the broker's.
func (a *Answer) Word(me signed.Address, c Claim) (*ProvenEvent, error) {
	if len(c.Note) == 0 {
		return nil, fmt.Errorf("%s in the name of %s: %w", c.Event, me, ErrNoNote)
	}
	r, err := a.word(me, c)
	if err != nil {
		return nil, breach(err, "word "+signed.HashOf(c.Note).String(), map[string][]byte{
			"event": []byte(c.Event), "note": c.Note, "proof": c.Proof, "checkpoint": a.auditCheckpoint, "consistency": lines(c.Consistency)})
	}
	return &ProvenEvent{Record: r, Note: c.Note, Proof: c.Proof}, nil
}

func (a *Answer) word(me signed.Address, c Claim) (*auditlog.Record, error) {
	r, err := a.Proven(c.Proof, c.Event)
	if err != nil {
		return nil, err
	}
	n, s, err := readStatement(c.Note)
	if err == nil {
		err = a.statement(r, n, s, c.Note)
	}
	switch {
	case err != nil:
		return nil, err
	case s.Signer != me:
		return nil, problem.New(problem.ProofInvalid, "the word is of %s, not of %s", s.Signer, me)
	}
	return r, a.extends(s.AsOfAudit, c.Consistency)
}

// statement checks that a proven record fits a note, and the note's signature.
func (a *Answer) statement(r *auditlog.Record, n *signed.Note, s *envelope.Statement, note []byte) error {
	if err := saysOfStatement(r, s, note); err != nil {
		return err
	}
	if err := a.register.At(r.RegisterSize).VerifyStatement(n, s); err != nil {
		return forged(err)
	}
	return nil
}

func readStatement(note []byte) (*signed.Note, *envelope.Statement, error) {
	n, s, err := envelope.ReadStatement(note)
	if err != nil {
		return nil, nil, forged(err)
	}
	return n, s, nil
}

// forged says what is wrong with a statement's own text or signature.
func forged(err error) error { return problem.New(problem.StatementForged, "%v", err) }

// Refusal checks the proof that a message was refused for good: its text, or these bytes of
// it. Its record binds the broker until the message expires: one that binds it shorter would
// leave it free to deliver what it refused. Bytes alone are refused only where the sender's
// signatures are not good, by the register that the record names: else a broker could refuse
// a text and stay free to deliver it.
func (a *Answer) Refusal(e *envelope.Envelope, proof []byte) (*ProvenEvent, error) {
	r, err := a.Proven(proof, envelope.Rejected)
	if err == nil {
		err = SaysOfMessage(r, e)
	}
	if err == nil && r.TextHash != e.TextHash() && a.register.At(r.RegisterSize).VerifyMessage(e) == nil {
		err = problem.New(problem.ProofInvalid, "the proven refusal is of these bytes alone, and their signatures are good")
	}
	if err != nil {
		return nil, breach(err, message(e.TextHash()), map[string][]byte{"refusal": proof, "checkpoint": a.auditCheckpoint})
	}
	return &ProvenEvent{Record: r, Proof: proof}, nil
}

// Proven checks a proof: its record stands in the log under the answer's
// checkpoint, is of this exchange and of the kind expected, and was decided under a
// register that is a prefix of ours and no older than it may be.
func (a *Answer) Proven(proof []byte, kind envelope.Event) (*auditlog.Record, error) {
	if len(proof) == 0 {
		return nil, problem.New(problem.ProofMissing, "no proof that the message was %s", kind)
	}
	p, err := auditlog.ParseProof(proof)
	if err != nil {
		return nil, err
	}
	head := a.audit
	if !bytes.Equal(p.Checkpoint, a.auditCheckpoint) { // else it was verified with the answer
		if head, err = auditlog.VerifyCheckpoint(p.Checkpoint, a.register.Federation().Audit); err != nil {
			return nil, err
		}
	}
	if head != a.audit {
		return nil, problem.New(problem.ProofInvalid, "the proof stands under another checkpoint than its answer's")
	}
	r, err := p.VerifyUnder(head)
	switch {
	case err != nil:
		return nil, err
	case r.Exchange != a.register.Exchange():
		return nil, problem.New(problem.ProofInvalid, "the proven record is of another exchange")
	case r.Kind != kind:
		return nil, problem.New(problem.ProofInvalid, "the proven record is of kind %s, not %s", r.Kind, kind)
	}
	return r, a.recent(r)
}

// recent checks that a record was not decided under a register older than one that
// this party had seen before the record was written: else a broker could keep an
// old register alive for a stolen key.
func (a *Answer) recent(r *auditlog.Record) error {
	at := signed.Head{Origin: a.register.Federation().Register.Name, Size: r.RegisterSize, Root: r.RegisterRoot}
	if known := a.register.Size(); at.Size > known {
		return problem.New(problem.ProofInvalid, "decided under register size %d, and %d entries are known: where the register's copy lags, fetch it again", at.Size, known)
	}
	if err := a.register.CheckHead(at); err != nil || r.RegisterSize < 1 {
		return problem.New(problem.ProofInvalid, "the record's register at size %d is not this exchange's", r.RegisterSize)
	}
	if seen := a.seenBefore(r.Index); r.RegisterSize < seen {
		return problem.New(problem.RegisterTooOld, "decided under register size %d; this desk had seen %d before", r.RegisterSize, seen)
	}
	return nil
}

// SaysOfMessage checks that a record is of this very message, as far as the two
// say, and that an acceptance rests on a register no older than its sender's.
// Neither is verified by that. A refusal may be of the message's text, or of the bytes at
// hand alone, also where these are of another exchange. Where the sealed part is gone, what
// the bytes were stays open.
func SaysOfMessage(r *auditlog.Record, e *envelope.Envelope) error {
	text := e.TextHash()
	switch {
	case r.Kind != envelope.Rejected && e.Exchange != r.Exchange:
		return problem.New(problem.WrongExchange, "the message is of another exchange")
	case r.Kind == envelope.Rejected:
		return saysOfRefusal(r, e, text)
	case r.Message != text && r.Kind != envelope.Withdrawn: // of an id, maybe before a text came
		return problem.New(problem.ProofInvalid, "the record is not about this message, whose text has the hash %s", text)
	case r.Kind != envelope.Accepted:
		return saysOfEvent(r, &e.Header, text)
	}
	same := r.ID == e.ID && r.From == e.From && r.To == e.To &&
		r.Type == e.Type.Name && r.Urgency == e.Urgency && r.Expires == e.Expires
	if !same {
		return problem.New(problem.ProofInvalid, "the record names this message and says otherwise who sent it, to whom, or until when")
	}
	return notOlder(r, e.AsOfRegister)
}

func saysOfRefusal(r *auditlog.Record, e *envelope.Envelope, text signed.Hash) error {
	erased := len(e.Sealed) == 0 && e.Header.Sealed.Length > 0
	switch {
	case r.TextHash == text:
		if e.Exchange != r.Exchange || restsOnBytes(r.Code) {
			return problem.New(problem.ProofInvalid, "the proven refusal is of the text, as if its sender had signed that, and for %s nobody did", r.Code)
		}
	case !erased && r.TextHash != envelope.HashOfBytes(e.Bytes()):
		return problem.New(problem.ProofInvalid, "the record is not about this message, whose text has the hash %s, nor about these bytes", text)
	}
	if r.Caller != e.From {
		return problem.New(problem.ProofInvalid, "the proven refusal is of a text that another desk brought")
	}
	if until := envelope.RefusedUntil(e.Expires, r.Time); r.Until != until {
		return problem.New(problem.ProofInvalid, "the proven refusal binds the broker until %s, not %s", r.Until, until)
	}
	return nil
}

// restsOnBytes reports whether a code says that nobody signed a text as its bytes stand: what
// is refused so can't be a text.
func restsOnBytes(c problem.Code) bool {
	switch c {
	case problem.TextMalformed, problem.Oversize, problem.SealedMismatch,
		problem.SignatureMissing, problem.SignatureExtra, problem.SignatureInvalid:
		return true
	}
	return false
}

// saysOfEvent checks that what the record says happened could happen to this
// message: by its recipient, by its sender, or by time.
func saysOfEvent(r *auditlog.Record, h *envelope.Header, text signed.Hash) error {
	same := false
	switch r.Kind {
	case envelope.Expired:
		same = r.Message == text && !r.Time.Before(h.Expires)
	case envelope.Lapsed:
		same = r.Message == text && !r.Time.Before(envelope.LapsesAt(h.Expires))
	case envelope.Consigned, envelope.HandedOver, envelope.Refused:
		same = r.Message == text && r.By == h.To
	case envelope.Withdrawn:
		if r.Message.IsZero() && r.Time.Add(envelope.WithdrawnFor).Before(h.Expires) {
			// Else a sender could use the id anew, and show its old withdrawal to others.
			return problem.New(problem.ProofInvalid, "the withdrawal of its id at %s is of before this message, and forgotten before that expires", r.Time)
		}
		same = r.From == h.From && r.ID == h.ID && (r.Message.IsZero() || r.Message == text)
	}
	if !same {
		return problem.New(problem.ProofInvalid, "the proven record (%s) is of another message or desk, or before its time", r.Kind)
	}
	return nil
}

// SaysOfStatement reads a note and checks that a record binds it and says of it
// what it says, and rests on a register no older than its signer's. Neither is
// verified by that.
func SaysOfStatement(r *auditlog.Record, note []byte) (*envelope.Statement, error) {
	_, s, err := readStatement(note)
	if err != nil {
		return nil, err
	}
	return s, saysOfStatement(r, s, note)
}

func saysOfStatement(r *auditlog.Record, s *envelope.Statement, note []byte) error {
	if hash := signed.HashOf(note); r.Statement != hash {
		return problem.New(problem.ProofInvalid, "the record is not about this note, which has the hash %s", hash)
	}
	signer, same := r.By, r.Message == s.Message
	if s.Event == envelope.Withdrawn {
		signer, same = r.From, r.ID == s.ID
	}
	if !same || s.Exchange != r.Exchange || s.Event != r.Kind || s.Signer != signer || s.Code != r.Code {
		return problem.New(problem.StatementForged, "the statement is of another exchange, message, desk or event than its record")
	}
	return notOlder(r, s.AsOfRegister)
}

// notOlder checks that a decision rests on a register no older than the one that
// the text's signer had seen.
func notOlder(r *auditlog.Record, asOf signed.Head) error {
	if r.RegisterSize < asOf.Size {
		return problem.New(problem.RegisterTooOld, "decided under register size %d; its signer had seen %d", r.RegisterSize, asOf.Size)
	}
	return nil
}
