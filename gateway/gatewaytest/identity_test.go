package gatewaytest

import (
	"slices"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// Who may send what: certificate, header, signatures and register agree.
var identityRefusals = []refusal{
	{problem.CertificateWrong, "a message of another desk", func(s *scene) sent {
		return sent{by: s.sender(), raw: s.callers["se.spoc"].message("fi.spoc").Bytes()}
	}},
	{problem.CertificateWrong, "in another desk's name", func(s *scene) sent {
		by := s.sender()
		return sent{by: by, raw: by.message("fi.spoc", func(h *envelope.Header) { h.From = "se.spoc" }).Bytes()}
	}},
	{problem.UnknownDesk, "to nobody", header(func(_ *scene, h *envelope.Header) { h.To = "fi.nobody" })},
	{problem.KeyRevoked, "the sender's", func(s *scene) sent {
		by := s.desk(s.fresh("se"))
		s.revoke(by.Address, register.RingLocked)
		return sent{by: by, raw: by.message("fi.spoc").Bytes()}
	}},
	{problem.KeyRevoked, "the sender's, who has new keys since", func(s *scene) sent {
		by := s.desk(s.fresh("se"))
		e := by.message("fi.spoc")
		s.revoke(by.Address, register.RingLocked)
		return sent{by: s.desk(by.Address), raw: e.Bytes()}
	}},
	{problem.KeyRevoked, "the recipient's", func(s *scene) sent {
		to := s.desk(s.fresh("fi"))
		s.revoke(to.Address, register.RingLocked)
		by := s.sender()
		return sent{by: by, raw: by.message(to.Address).Bytes()}
	}},
	{problem.DeskEnded, "the sender's", func(s *scene) sent {
		by := s.desk(s.fresh("se"))
		s.deskEnds(by)
		return sent{by: by, raw: by.message("fi.spoc").Bytes()}
	}},
	{problem.DeskEnded, "the recipient's", func(s *scene) sent {
		to := s.desk(s.fresh("fi"))
		s.deskEnds(to)
		by := s.sender()
		return sent{by: by, raw: by.message(to.Address).Bytes()}
	}},
	{problem.SignatureMissing, "Ed25519 alone", resigned(func(_ *scene, c *caller) []*signed.PrivateKey { return c.Message[:1] })},
	{problem.SignatureMissing, "ML-DSA alone", resigned(func(_ *scene, c *caller) []*signed.PrivateKey { return c.Message[1:] })},
	{problem.SignatureMissing, "the receipts key", resigned(func(_ *scene, c *caller) []*signed.PrivateKey { return c.Consignment })},
	{problem.SignatureMissing, "keys that nobody entered", resigned(func(s *scene, c *caller) []*signed.PrivateKey {
		return got(signed.GenerateKeys(string(c.Address), signed.UseMessage))(s)
	})},
	{problem.SignatureMissing, "keys of another desk", resigned(func(s *scene, _ *caller) []*signed.PrivateKey {
		return s.callers["se.spoc"].Message
	})},
	{problem.SignatureMissing, "keys that were replaced before", func(s *scene) sent {
		old := s.desk(s.fresh("se"))
		by := s.desk(old.Address)
		return sent{by: by, raw: old.message("fi.spoc").Bytes()}
	}},
	{problem.SignatureExtra, "one too many, of an unknown key", resigned(func(s *scene, c *caller) []*signed.PrivateKey {
		return append(slices.Clip(c.Message), got(signed.GenerateKeys(string(c.Address), signed.UseStatement))(s)...)
	})},
	{problem.SignatureExtra, "one too many, of another desk", resigned(func(s *scene, c *caller) []*signed.PrivateKey {
		return append(slices.Clip(c.Message), s.callers["fi.spoc"].Message[0])
	})},
	{problem.SignatureExtra, "repeated", resigned(func(_ *scene, c *caller) []*signed.PrivateKey {
		return append(slices.Clip(c.Message), c.Message[1])
	})},
	{problem.SignatureExtra, "reordered", resigned(func(_ *scene, c *caller) []*signed.PrivateKey {
		return []*signed.PrivateKey{c.Message[1], c.Message[0]}
	})},
	{problem.SignatureInvalid, "of another message", altered(func(s *scene, e *envelope.Envelope) {
		e.Note.Signatures = s.callers[e.From].message("fi.spoc").Note.Signatures
	})},
	{problem.SignatureInvalid, "a flipped bit of Ed25519", altered(flipped(0))},
	{problem.SignatureInvalid, "a flipped bit of ML-DSA", altered(flipped(1))},
	{problem.SignatureInvalid, "header altered", rewritten(replaced("urgency non-urgent", "urgency urgent"))},
	{problem.SignatureInvalid, "recipient swapped", altered(func(s *scene, e *envelope.Envelope) {
		e.To, e.ToKey = "no.spoc", known(s.register.Now().Desk("no.spoc")).OpeningID()
		e.Note.Text = e.Text()
	})},
	{problem.SignatureMissing, "recipient swapped and signed by who did it", func(s *scene) sent {
		by, thief := s.sender(), s.callers["fi.spoc"]
		e := by.message("fi.spoc", func(h *envelope.Header) {
			h.To, h.ToKey = "no.spoc", known(s.register.Now().Desk("no.spoc")).OpeningID()
		})
		return sent{by: by, raw: append(thief.signs(e.Note.Text, thief.Message...), e.Sealed...)}
	}},
}

// known takes what the register must have.
func known[V any](v V, _ bool) V { return v }

// resigned is a row of a good header under the signatures of these keys.
func resigned(keys func(*scene, *caller) []*signed.PrivateKey) func(*scene) sent {
	return func(s *scene) sent {
		by := s.sender()
		e := by.message("fi.spoc")
		return sent{by: by, raw: append(by.signs(e.Note.Text, keys(s, by)...), e.Sealed...)}
	}
}

// flipped changes one bit of the signature by a key.
func flipped(key int) func(*scene, *envelope.Envelope) {
	return func(_ *scene, e *envelope.Envelope) { e.Note.Signatures[key].Sig[17] ^= 4 }
}

// signs signs any text at all, as no desk would.
func (c *caller) signs(text string, keys ...*signed.PrivateKey) []byte {
	c.s.Helper()
	n := &signed.Note{Text: text}
	for _, k := range keys {
		n.Signatures = append(n.Signatures, signed.Signature{
			Name: k.Public.Name, Hash: k.Public.KeyHash(), Sig: got(k.Sign([]byte(text)))(c.s),
		})
	}
	return n.Bytes()
}
