package main

import (
	"samband/gateway/auditlog"
	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
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
	Lawful   bool        `json:"lawful,omitempty"`    // the law permitted it, by the register when it was decided
	InLog    bool        `json:"in_log,omitempty"`    // the log's own folder was proved to have it too

	Unchecked []string `json:"unchecked"` // what stays open

	record *auditlog.Record
	proof  []byte
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
		return nil, problem.New(problem.ProofInvalid, "the record is of another exchange: %s", r.Exchange)
	}
	proved := &provedRecord{
		Log: head.Origin, Key: key.VerifierKey(), Size: head.Size, Root: head.Root,
		Index: r.Index, Kind: string(r.Kind), Says: says(r), record: r, proof: b,
	}
	if r.Tree() == auditlog.Audit {
		proved.Time = r.Time.String()
	}
	return proved, nil
}

// inLog checks that a log that was proved whole is the one that the proof was
// given under.
func (p *provedRecord) inLog(dir string, l *provedLog) error {
	switch {
	case l.Origin != p.Log:
		return nil
	case l.Size < p.Size:
		return lags{mismatchf("the log has %d entries and the proof is of %d: the copy is older, or entries are gone", l.Size, p.Size)}
	}
	var r auditlog.Range
	for e, err := range auditlog.Entries(durable.DirFS(dir), p.Size) {
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

// aboutMessage checks that the record speaks of this very envelope, or refuses these bytes,
// which are none. Given the
// register, it checks too what a receiving desk checks of it: of an acceptance the
// sender's signatures, and the law, as they were when the broker decided.
func (p *provedRecord) aboutMessage(b []byte, law *register.Register) error {
	r := p.record
	p.About = "message"
	e, err := envelope.Parse(b)
	noMessage := err != nil && r.Kind == envelope.Rejected && envelope.HashOfBytes(b) == r.TextHash
	if !noMessage {
		if err == nil {
			err = verify.SaysOfMessage(r, e)
		}
		if err != nil {
			return err
		}
	}
	if law == nil {
		return nil
	}
	a, err := p.under(law)
	switch {
	case err != nil:
	case noMessage:
		_, err = a.Proven(p.proof, r.Kind)
	default:
		_, err = a.Message(e, p.proof)
	}
	if err == nil && r.Kind == envelope.Accepted {
		p.SignedBy, p.Lawful = string(e.From), true
	}
	return p.laggingBehind(law, err)
}

// laggingBehind marks an error that is only because the register's folder is shorter than the
// register that the record rests on.
func (p *provedRecord) laggingBehind(law *register.Register, err error) error {
	if err != nil && p.record.RegisterSize > law.Size() {
		return lags{err}
	}
	return err
}

// aboutStatement checks the same of a consignment or statement.
func (p *provedRecord) aboutStatement(b []byte, law *register.Register) error {
	s, err := verify.SaysOfStatement(p.record, b)
	if err != nil {
		return err
	}
	p.About = "statement"
	if law == nil {
		return nil
	}
	a, err := p.under(law)
	if err == nil {
		_, err = a.Statement(b, p.proof)
	}
	if err == nil {
		p.SignedBy = string(s.Signer)
	}
	return p.laggingBehind(law, err)
}

// under is what may be believed under the proof's own checkpoint.
func (p *provedRecord) under(law *register.Register) (*verify.Answer, error) {
	return verify.New(law, signed.Head{}, nil, nil).Under(p.proof)
}

// unchecked lists what stays open, and what would close it.
func (p *provedRecord) unchecked() (open []string) {
	switch {
	case p.About == "":
	case p.SignedBy == "" && p.record.Kind == envelope.Rejected:
		open = append(open, "who signed what was refused")
	case p.About == "message" && p.record.Kind.ByTheClock():
		open = append(open, "who signed the message, which its acceptance proves")
		if p.record.Kind == envelope.Lapsed {
			open = append(open, "that it was consigned before, which the proof of that shows")
		}
	case p.SignedBy == "" && p.About == "message" && p.record.Kind != envelope.Accepted:
		open = append(open, "who signed the message, which its acceptance proves, and who said what became of it, which needs the statement")
	case p.SignedBy == "":
		open = append(open, "who signed it; that needs the register, by --register")
	}
	if p.About == "message" && p.record.Kind == envelope.Accepted && !p.Lawful {
		open = append(open, "whether the law permitted it; that needs the register, by --register")
	}
	if p.About == "statement" {
		open = append(open, "whether the signer is a desk of that message; that needs the message")
	}
	if p.About != "" {
		open = append(open, "whether its signer knew this same log; that needs a proof of consistency from the head in its as-of line")
	}
	open = append(open, "whether those to whom this was shown had seen a longer register before; only they know")
	if !p.InLog {
		open = append(open, "that everyone is shown this same log; compare size and root with what others verified, or name the log's folder too")
	}
	return open
}
