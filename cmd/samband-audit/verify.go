package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// What the flags of verify ask.
type question struct {
	federation  string
	fingerprint string
	logs        []string
	proof       string
	message     string
	statement   string
	register    string
	json        bool
}

func newVerify() *cobra.Command {
	q := &question{}
	c := &cobra.Command{
		Use:   "verify --federation FILE [--proof PROOF] [LOGDIR...]",
		Short: "Prove whole logs, or one proof with its message",
		Long: `Prove whole logs (the folders of the audit log, of the register, or both, in any
order), or one proof, with the message or statement that it is about. Given both,
the log must also be the one that the proof was given under.

With --register the proof's message or statement is also judged as a desk judges
it: by its signer's keys and by the law, as the register had them when the broker
decided. What could not be checked is listed.`,
		Example: `  samband-audit verify --federation federation log/audit log/register
  samband-audit verify --federation federation --proof acceptance --message envelope --register log/register`,
		RunE: func(c *cobra.Command, args []string) error {
			q.logs = args
			return q.answer(c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&q.federation, "federation", "", "the exchange's federation file")
	f.StringVar(&q.fingerprint, "fingerprint", "", "fingerprint that the federation file must have")
	f.StringVar(&q.proof, "proof", "", "a proof, as desks keep them")
	f.StringVar(&q.message, "message", "", "the envelope that the proof is about")
	f.StringVar(&q.statement, "statement", "", "the consignment or statement that the proof is about")
	f.StringVar(&q.register, "register", "", "folder of the register's log, for the signatures of message or statement")
	f.BoolVar(&q.json, "json", false, "print one JSON object")
	return c
}

func (q *question) check() error {
	fault := ""
	switch {
	case q.federation == "":
		fault = "--federation is missing: a key that lies beside a log proves nothing"
	case q.proof == "" && len(q.logs) == 0:
		fault = "name a log's folder, or a proof by --proof"
	case q.proof == "" && (q.message != "" || q.statement != "" || q.register != ""):
		fault = "--message, --statement and --register go with --proof"
	case q.message != "" && q.statement != "":
		fault = "a proof is about a message or about a statement"
	case q.register != "" && q.message == "" && q.statement == "":
		fault = "--register goes with --message or --statement"
	}
	if fault != "" {
		return cli.Usagef("%s", fault)
	}
	return nil
}

// answer proves what is asked and reports it; a report of what was not proved is
// given in JSON only, since for people the error says it.
func (q *question) answer(out io.Writer) error {
	if err := q.check(); err != nil {
		return err
	}
	r := &report{}
	err := q.prove(r)
	var told error
	switch {
	case q.json && (err == nil || notProved(err)):
		told = r.json(out, err)
	case err == nil:
		told = r.words(out)
	}
	if notProved(err) {
		err = &cli.NotProved{Err: err}
	}
	return cmp.Or(err, told)
}

func (q *question) prove(r *report) error {
	federation, err := q.readFederation()
	if err != nil {
		return err
	}
	r.Exchange = exchange{federation.Name, federation.Hash(), q.fingerprint != "", federation.Policy}
	if q.proof != "" {
		if r.Proof, err = q.proveOne(federation); err != nil {
			return err
		}
	}
	for _, dir := range q.logs {
		l, err := proveLog(dir, federation)
		if err == nil && r.Proof != nil {
			err = r.Proof.inLog(dir, l)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		r.Logs = append(r.Logs, *l)
	}
	if r.Proof != nil {
		r.Proof.Unchecked = r.Proof.unchecked()
	}
	r.Grade = gradeLogged
	return nil
}

func (q *question) readFederation() (*register.Federation, error) {
	f, _, err := cli.ReadAs(q.federation, register.MaxEntry, register.ParseFederation)
	if err != nil || q.fingerprint == "" {
		return f, err
	}
	want, err := signed.ParseHash(q.fingerprint)
	if err != nil {
		return nil, cli.Usagef("--fingerprint is not a hash in base64")
	}
	if f.Hash() != want {
		return nil, mismatchf("%s is of another exchange: its fingerprint is %s", q.federation, f.Hash())
	}
	return f, nil
}

// proveOne proves one proof, and what it is about.
func (q *question) proveOne(f *register.Federation) (*provedRecord, error) {
	p, _, err := cli.ReadAs(q.proof, auditlog.MaxProof, func(b []byte) (*provedRecord, error) { return proveRecord(b, f) })
	if err != nil {
		return nil, err
	}
	var law *register.Register
	if q.register != "" {
		if law, _, err = replay(q.register, f); err != nil {
			return nil, fmt.Errorf("%s: %w", q.register, err)
		}
	}
	about, file, max := p.aboutMessage, q.message, envelope.MaxEnvelope
	if q.statement != "" {
		about, file, max = p.aboutStatement, q.statement, register.MaxEntry
	}
	if file == "" {
		return p, nil
	}
	b, err := cli.ReadFile(file, max)
	if err != nil {
		return nil, err
	}
	if err := about(b, law); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}
