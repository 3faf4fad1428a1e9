package verify_test

import (
	"testing"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// A withdrawal of an id that the broker has forgotten says nothing of a text that was
// made under that id since, with its note as without.
func TestOldWithdrawalWithItsNote(t *testing.T) {
	m := newMaker()
	logs := verify.New(m.register, signed.Head{}, nil, nil)
	own := keysOf("se.spoc", signed.UseMessage)
	of := m.message(own, nothing)
	audit, reg := m.heads()
	s := envelope.Statement{Exchange: m.register.Exchange(), Signer: "se.spoc", Event: envelope.Withdrawn, ID: of.ID,
		Time: noon, AsOfAudit: audit, AsOfRegister: reg}
	b := note(s.Text(), own[:1]...)
	for name, c := range map[string]struct {
		before time.Duration // the text's expiry
		of     signed.Hash   // what the record names
		code   problem.Code
	}{
		"remembered":               {envelope.WithdrawnFor, signed.Hash{}, ""},
		"forgotten":                {envelope.WithdrawnFor + time.Second, signed.Hash{}, problem.ProofInvalid},
		"of the text, so it stays": {envelope.WithdrawnFor + time.Second, of.TextHash(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			proof := m.record(func(r *auditlog.Record) {
				stated(s, b)(r)
				r.Message, r.Time = c.of, of.Expires.Add(-c.before)
			})
			_, err := must(logs.Under(proof)).Event(&of.Header, of.TextHash(), "", verify.Claim{Event: envelope.Withdrawn, Note: b, Proof: proof})
			if got := codeOf(err); got != c.code {
				t.Errorf("judged %q, want %q", got, c.code)
			}
		})
	}
}
