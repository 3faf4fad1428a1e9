package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"samband/cmd/internal/cli"
	"samband/gateway/auditlog"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A report says what was proved.
type report struct {
	OK       bool          `json:"ok"`
	Exchange exchange      `json:"exchange"`
	Grade    string        `json:"grade,omitempty"` // of what was proved: "logged"
	Logs     []provedLog   `json:"logs,omitempty"`
	Proof    *provedRecord `json:"proof,omitempty"`
	Fault    *fault        `json:"fault,omitempty"`
}

type exchange struct {
	Name        string      `json:"name"`
	Fingerprint signed.Hash `json:"fingerprint"`
	Compared    bool        `json:"compared"`         // with one that the caller gave
	Policy      string      `json:"policy,omitempty"` // of the federation file: the grade that traffic proceeds on
}

// gradeLogged is the grade of every proof of this version. The other one,
// witnessed, comes with witnesses.
const gradeLogged = "logged"

// A fault says what was not proved, and where.
type fault struct {
	What    string       `json:"what"`
	Problem problem.Code `json:"problem,omitempty"`
	File    string       `json:"file,omitempty"`
	Entry   *int64       `json:"entry,omitempty"`
}

func (r *report) json(out io.Writer, err error) error {
	r.OK = err == nil
	if err != nil {
		r.Proof = nil
		r.Fault = faultOf(err)
	}
	return cli.WriteJSON(out, r)
}

func faultOf(err error) *fault {
	f := &fault{What: err.Error()}
	if p, ok := problem.Of(err); ok {
		f.Problem = p.Code
	}
	var d *auditlog.Damage
	if errors.As(err, &d) {
		f.File = d.File
		if d.Entry >= 0 {
			f.Entry = &d.Entry
		}
	}
	return f
}

func (r *report) words(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Exchange %s\n  fingerprint %s\n", r.Exchange.Name, r.Exchange.Fingerprint)
	if r.Exchange.Compared {
		b.WriteString("  It is the fingerprint that you gave.\n")
	} else {
		b.WriteString("  Compare it with the one that you got from somebody you trust: all that\n  follows rests on it.\n")
	}
	fmt.Fprintf(&b, "  Policy %s; grade %s: under the log's own checkpoint, which no witness has cosigned.\n", r.Exchange.Policy, r.Grade)
	for _, l := range r.Logs {
		l.words(&b)
	}
	if r.Proof != nil {
		r.Proof.words(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (l *provedLog) words(b *strings.Builder) {
	fmt.Fprintf(b, "\nLog %s: %d entries\n  root %s\n  key  %s\n", l.Origin, l.Size, l.Root, l.Key)
	b.WriteString("  PROVED: this key, which the federation file names, signed the checkpoint;\n" +
		"  every entry is there, in its place; every tile holds the hashes of what lies\n" +
		"  beneath it; entries and tiles give the checkpoint's root.\n")
	if c := l.Register; c != nil {
		b.WriteString("  PROVED: the first entry is this federation file, and each later one is signed\n" +
			"  by whom it must be and follows its signer's entry before.\n")
		fmt.Fprintf(b, "  In force at its end: parties %d, desks %d; agreements %d.\n", c.Parties, c.Desks, c.Agreements)
		return
	}
	b.WriteString("  Not proved: what the entries say, for they are salted hashes. Whoever holds a\n" +
		"  record shows it by its proof.\n")
}

func (p *provedRecord) words(b *strings.Builder) {
	fmt.Fprintf(b, "\nLog %s, entry %d of %d\n  root %s\n  key  %s\n", p.Log, p.Index, p.Size, p.Root, p.Key)
	fmt.Fprintf(b, "  %s\n", p.Says)
	b.WriteString("  PROVED: the log holds this record, under a checkpoint signed by this key, which\n  the federation file names.\n")
	if p.About != "" {
		fmt.Fprintf(b, "  PROVED: the record is about the %s that you gave.\n", p.About)
	}
	if p.SignedBy != "" {
		fmt.Fprintf(b, "  PROVED: %s signed it, by the keys that the register had when this was decided.\n", p.SignedBy)
	}
	if p.Lawful {
		b.WriteString("  PROVED: the law permitted it, as the register had it then.\n")
	}
	if p.InLog {
		b.WriteString("  PROVED: the whole log above is the one that this proof was given under.\n")
	}
	for _, open := range p.Unchecked {
		fmt.Fprintf(b, "  Not proved: %s.\n", open)
	}
}
