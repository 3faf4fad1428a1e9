package register

import (
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func messageKeys(addr string, generation int) []*signed.PrivateKey {
	return keysOf(addr, signed.UseMessage, generation)
}

func (x exchange) sealed(keys ...*signed.PrivateKey) *envelope.Envelope {
	x.t.Helper()
	e, err := envelope.Sign(*x.header(), []byte("sealed"), keys)
	if err != nil {
		x.t.Fatal(err)
	}
	return e
}

func TestVerifyMessage(t *testing.T) {
	own := messageKeys("se.spoc", 0)
	for name, c := range map[string]struct {
		want  problem.Code
		keys  []*signed.PrivateKey
		later func(x exchange)
		edit  func(e *envelope.Envelope)
	}{
		"as it should be":   {keys: own},
		"one missing":       {want: problem.SignatureMissing, keys: own[:1]},
		"one extra":         {want: problem.SignatureExtra, keys: append(messageKeys("se.spoc", 0), messageKeys("fi.spoc", 0)[0])},
		"other order":       {want: problem.SignatureExtra, keys: []*signed.PrivateKey{own[1], own[0]}},
		"another desk's":    {want: problem.SignatureMissing, keys: messageKeys("fi.spoc", 0)},
		"receipts key":      {want: problem.SignatureMissing, keys: keysOf("se.spoc", signed.UseConsignment, 0)},
		"altered":           {want: problem.SignatureInvalid, keys: own, edit: func(e *envelope.Envelope) { e.Note.Text += "x" }},
		"of other exchange": {want: problem.WrongExchange, keys: own, edit: func(e *envelope.Envelope) { e.Exchange = signed.HashOf("x") }},
		"unknown desk":      {want: problem.UnknownDesk, keys: own, edit: func(e *envelope.Envelope) { e.From = "se.ncb" }},
		"revoked":           {want: problem.KeyRevoked, keys: own, later: func(x exchange) { x.enter(x.revoke("se", "se.spoc", RingLocked)) }},
		"online revoked":    {keys: own, later: func(x exchange) { x.enter(x.revoke("se", "se.spoc", RingOnline)) }},
		"rotated":           {want: problem.RegisterMoved, keys: own, later: func(x exchange) { x.enter(x.desk("se.spoc", 1)) }},
		"rotated, never these": {want: problem.SignatureMissing, keys: messageKeys("se.spoc", 2),
			later: func(x exchange) { x.enter(x.desk("se.spoc", 1)) }},
		"revoked, then new keys": {want: problem.KeyRevoked, keys: own, later: func(x exchange) {
			x.enter(x.revoke("se", "se.spoc", ringAll))
			x.enter(x.desk("se.spoc", 1))
		}},
		"rotated, then revoked and new": {want: problem.KeyRevoked, keys: own, later: func(x exchange) {
			x.enter(x.desk("se.spoc", 1))
			x.enter(x.revoke("se", "se.spoc", ringAll))
			x.enter(x.desk("se.spoc", 2))
		}},
		"rotated, as-of invented": {want: problem.SignatureMissing, keys: own,
			later: func(x exchange) { x.enter(x.desk("se.spoc", 1)) },
			edit:  func(e *envelope.Envelope) { e.AsOfRegister.Root = signed.HashOf("x") }},
		"rotated, as-of ahead": {want: problem.SignatureMissing, keys: own,
			later: func(x exchange) { x.enter(x.desk("se.spoc", 1)) },
			edit:  func(e *envelope.Envelope) { e.AsOfRegister.Size = 1 << 40 }},
		"directory changed": {keys: own, later: func(x exchange) {
			x.enter(with(x.desk("se.spoc", 0), func(d *Desk) { d.Hours = "8-16" }))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			x := settled(t)
			e := x.sealed(c.keys...)
			before := x.Now()
			if c.later != nil {
				c.later(x)
			}
			if c.edit != nil {
				c.edit(e)
			}
			wantCode(t, x.Now().VerifyMessage(e), c.want)
			if c.later != nil && c.edit == nil && &c.keys[0] == &own[0] {
				wantCode(t, before.VerifyMessage(e), "") // a later revocation un-accepts nothing
			}
		})
	}
}

func TestVerifyStatements(t *testing.T) {
	receipts, locked := keysOf("fi.spoc", signed.UseConsignment, 0), messageKeys("fi.spoc", 0)
	for name, c := range map[string]struct {
		wantConsignment, wantStatement problem.Code
		keys                           []*signed.PrivateKey
		later                          func(x exchange)
	}{
		"receipts key":    {"", problem.SignatureMissing, receipts, nil},
		"Ed25519 of pair": {problem.SignatureMissing, "", locked[:1], nil},
		"whole pair":      {problem.SignatureMissing, problem.SignatureExtra, locked, nil},
		"ML-DSA alone":    {problem.SignatureMissing, problem.SignatureMissing, locked[1:], nil},
		"online revoked": {problem.KeyRevoked, problem.SignatureMissing, receipts,
			func(x exchange) { x.enter(x.revoke("fi", "fi.spoc", RingOnline)) }},
		"locked revoked": {problem.SignatureMissing, problem.KeyRevoked, locked[:1],
			func(x exchange) { x.enter(x.revoke("fi", "fi.spoc", RingLocked)) }},
		"online rotated": {problem.RegisterMoved, problem.SignatureMissing, receipts,
			func(x exchange) { x.enter(x.desk("fi.spoc", 1)) }},
		"locked rotated": {problem.SignatureMissing, problem.RegisterMoved, locked[:1],
			func(x exchange) { x.enter(x.desk("fi.spoc", 1)) }},
	} {
		t.Run(name, func(t *testing.T) {
			x := settled(t)
			cons := &envelope.Statement{Exchange: x.Exchange(), Signer: "fi.spoc", Event: envelope.Consigned, Time: noon, AsOfRegister: x.Head()}
			stat := &envelope.Statement{
				Exchange: x.Exchange(), Signer: "fi.spoc", Event: envelope.HandedOver,
				Time: noon.Add(time.Minute), AsOfRegister: x.Head(),
			}
			if c.later != nil {
				c.later(x)
			}
			v := x.Now()
			wantCode(t, v.VerifyStatement(signedNote(t, cons.Text(), c.keys), cons), c.wantConsignment)
			wantCode(t, v.VerifyStatement(signedNote(t, stat.Text(), c.keys), stat), c.wantStatement)
		})
	}
}

func signedNote(t *testing.T, text string, keys []*signed.PrivateKey) *signed.Note {
	t.Helper()
	n, err := signed.Sign(text, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
