package main

import (
	"fmt"
	"os"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A provedRecord is a record that was proved to stand in a log.
type provedRecord struct {
	Log      string      `json:"log"`
	Key      string      `json:"key"`
	Size     int64       `json:"size"`
	Root     signed.Hash `json:"root"`
	Index    int64       `json:"index"`
	Kind     string      `json:"kind"`
	Time     string      `json:"time,omitempty"` // logged time; a register entry's is not proved
	Says     string      `json:"says"`
	About    string      `json:"about,omitempty"`     // "message" or "statement", when one was compared
	SignedBy string      `json:"signed_by,omitempty"` // whose signatures were verified by the register
	InLog    bool        `json:"in_log,omitempty"`    // the log's own folder was proved to hold it too

	record *auditlog.Record
}

// proveRecord proves a proof by the key of the log that its kind belongs to.
func proveRecord(b []byte, f *register.Federation) (*provedRecord, error) {
	p, err := auditlog.ParseProof(b)
	if err != nil {
		return nil, err
	}
	key := f.Audit
	if p.Entry.Record.Tree() == auditlog.Register {
		key = f.Register
	}
	r, head, err := p.Verify(key)
	if err != nil {
		return nil, err
	}
	if r.Exchange != f.Hash() {
		return nil, mismatchf("the record is of another exchange: %s", r.Exchange)
	}
	proved := &provedRecord{
		Log: head.Origin, Key: key.VerifierKey(), Size: head.Size, Root: head.Root,
		Index: r.Index, Kind: string(r.Kind), Says: says(r), record: r,
	}
	if r.Tree() == auditlog.Audit {
		proved.Time = r.Time.String()
	}
	return proved, nil
}

// inLog holds that a log that was proved whole is the one that the proof was
// given under.
func (p *provedRecord) inLog(dir string, l *provedLog) error {
	switch {
	case l.Origin != p.Log:
		return nil
	case l.Size < p.Size:
		return mismatchf("the log has %d entries and the proof is of %d: the copy is older, or entries are gone", l.Size, p.Size)
	}
	var r auditlog.Range
	for e, err := range auditlog.Entries(os.DirFS(dir), p.Size) {
		if err != nil {
			return err
		}
		r.Append(e)
	}
	if r.Root() != p.Root {
		return problem.New(problem.LogContradicts, "the log at %d entries has another root than the proof: its key signed two histories", p.Size)
	}
	p.InLog = true
	return nil
}

// aboutMessage holds that the record speaks of this very envelope and, given the
// register, that its sender signed it.
func (p *provedRecord) aboutMessage(b []byte, law *register.Register) error {
	r := p.record
	if r.Kind == envelope.Rejected && signed.HashOf(b) == r.TextHash { // bytes that are no message
		p.About = "message"
		return nil
	}
	e, err := envelope.Parse(b)
	if err != nil {
		return err
	}
	text := e.TextHash()
	switch {
	case e.Exchange != r.Exchange:
		return mismatchf("the message is of another exchange")
	case text != r.Message && text != r.TextHash:
		return mismatchf("the record is not about this message, whose text has the hash %s", text)
	case r.Kind == envelope.Accepted && !acceptedAsSent(r, &e.Header):
		return mismatchf("the record names this message and says otherwise who sent it, to whom, or until when")
	}
	p.About = "message"
	if law == nil {
		return nil
	}
	v, err := p.view(law)
	if err != nil {
		return err
	}
	if err := v.VerifyMessage(e); err != nil {
		return err
	}
	p.SignedBy = string(e.From)
	return nil
}

func acceptedAsSent(r *auditlog.Record, h *envelope.Header) bool {
	return r.ID == h.ID && r.From == h.From && r.To == h.To && r.Type == h.Type.Name &&
		r.Urgency == h.Urgency && r.Expires == h.Expires
}

// aboutStatement holds the same of a consignment or statement.
func (p *provedRecord) aboutStatement(b []byte, law *register.Register) error {
	n, err := signed.ParseNote(b)
	if err != nil {
		return err
	}
	if signed.HashOf(b) != p.record.Statement {
		return mismatchf("the record is not about this note, which has the hash %s", signed.HashOf(b))
	}
	s, err := envelope.ParseStatement(n.Text)
	if err != nil {
		return err
	}
	if err := fits(s, p.record); err != nil {
		return err
	}
	p.About = "statement"
	if law == nil {
		return nil
	}
	v, err := p.view(law)
	if err != nil {
		return err
	}
	if err := v.VerifyStatement(n, s); err != nil {
		return err
	}
	p.SignedBy = string(s.Signer)
	return nil
}

// view is the register as it was when the broker decided the record.
func (p *provedRecord) view(law *register.Register) (register.View, error) {
	r := p.record
	head := signed.Head{Origin: law.Federation().Register.Name, Size: r.RegisterSize, Root: r.RegisterRoot}
	if err := law.CheckHead(head); err != nil {
		return register.View{}, fmt.Errorf("the record was decided under a register that isn't this one: %w", err)
	}
	if head.Size < 1 {
		return register.View{}, mismatchf("the record was decided under an empty register")
	}
	return law.At(head.Size), nil
}

// fits checks that a record says of a statement what the statement says.
func fits(s *envelope.Statement, r *auditlog.Record) error {
	want := auditlog.Record{Kind: s.Event, By: s.Signer, Message: s.Message, Code: s.Code}
	if s.Event == envelope.Withdrawn {
		want = auditlog.Record{Kind: envelope.Withdrawn, From: s.Signer, ID: s.ID}
	}
	same := r.Kind == want.Kind && r.By == want.By && r.From == want.From && r.ID == want.ID && r.Code == want.Code &&
		(r.Kind == envelope.Withdrawn || r.Message == want.Message)
	if s.Exchange != r.Exchange || !same {
		return mismatchf("the record names this note and says otherwise what it says")
	}
	return nil
}
