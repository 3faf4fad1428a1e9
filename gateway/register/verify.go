package register

import (
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// VerifyMessage checks that a message bears the signatures of its sender's
// message keys in force, and no other.
func (v View) VerifyMessage(e *envelope.Envelope) error {
	return v.verify(e.Note, claim{e.Exchange, e.From, signed.UseMessage, e.AsOfRegister})
}

// VerifyStatement checks the same of a statement: of a consignment by the online
// ring's receipts key, of another by the locked ring.
func (v View) VerifyStatement(n *signed.Note, s *envelope.Statement) error {
	return v.verify(n, claim{s.Exchange, s.Signer, s.Use(), s.AsOfRegister})
}

// VerifyLocked checks that a desk's statement key in force, and no other, signed a text
// of an exchange that names no head.
func (v View) VerifyLocked(n *signed.Note, exchange signed.Hash, desk signed.Address) error {
	return v.verify(n, claim{exchange: exchange, desk: desk, use: signed.UseStatement})
}

// A claim is what a text says of its own signature.
type claim struct {
	exchange signed.Hash
	desk     signed.Address
	use      signed.Use
	asOf     signed.Head // of the register, as the signer had verified it
}

func (c claim) ring() Ring {
	if c.use == signed.UseConsignment {
		return Online
	}
	return Locked
}

// verify refuses with WRONG_EXCHANGE, UNKNOWN_DESK, KEY_REVOKED, a signature
// code, or REGISTER_MOVED: when the keys in force don't fit, but those at the
// signer's own register do and were not revoked since, the signer rotated and
// only has to sign anew (SPEC §10.4).
func (v View) verify(n *signed.Note, c claim) error {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	if c.exchange != v.r.exchange {
		return problem.New(problem.WrongExchange, "the text is of another exchange")
	}
	known := v.r.state.desk(c.desk)
	entry, ok := known.entry.at(v.size)
	if !ok {
		return problem.New(problem.UnknownDesk, "%s is no desk in the register", c.desk)
	}
	if _, revoked := known.revoked[c.ring()].at(v.size); revoked {
		return problem.New(problem.KeyRevoked, "the ring of %s that signs this is revoked", c.desk)
	}
	err := signed.Verify(n, entry.of(c.use))
	if err == nil {
		return nil
	}
	before, ok := v.before(known, c.asOf)
	if !ok || signed.Verify(n, before.of(c.use)) != nil {
		return err
	}
	if known.revoked[c.ring()].begunIn(c.asOf.Size, v.size) {
		return problem.New(problem.KeyRevoked, "the keys of %s that signed this were revoked", c.desk)
	}
	return problem.New(problem.RegisterMoved, "%s has new keys since register size %d", c.desk, c.asOf.Size)
}

// before is the desk's entry at an earlier size that is truly of this register.
func (v View) before(known *desk, asOf signed.Head) (*Desk, bool) {
	if asOf.Size < 1 || asOf.Size >= v.size || asOf.Root != v.r.roots[asOf.Size] {
		return nil, false
	}
	return known.entry.at(asOf.Size)
}
