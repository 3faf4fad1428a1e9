package register

import (
	"slices"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// maxSkew is how far a desk's clock may run ahead of the broker's.
const maxSkew = time.Minute

// Decide is the open half of the law: nil when a message with this header may
// pass at a moment, else the first rule that says no. It rests on nothing but
// the header, the register at the view's size and now, so broker and receiving
// desk come to the same answer (SPEC §10.5):
//
//  1. WRONG_EXCHANGE: the header is of this exchange.
//  2. PARTS_UNSUPPORTED: no files lie beside the envelope, in this version.
//  3. ON_BEHALF_UNACCREDITED: nobody acts for another, in this version.
//  4. UNKNOWN_DESK: sender and recipient are desks.
//  5. KEY_REVOKED: the locked ring of neither is revoked. The recipient's counts
//     too, since a thief may have what the message would be opened with; it
//     becomes readable again by new keys alone, so sealing anew is no help. DESK_ENDED:
//     the entry of neither names an end that has come.
//  6. TYPE_UNKNOWN, TYPE_OUTDATED: the type is in the catalogue as named.
//  7. DATES_INVALID: expires is after created, by at most 30 days: no clock
//     makes others lawful.
//  8. EXPIRED: expires is to come. NOT_YET: created is not in the future.
//  9. NO_AGREEMENT: the agreement is in the register, names both parties, is in
//     force, and both are bound by it. NOT_YET: it permits this message, and begins
//     before that expires.
//  10. TYPE_NOT_PERMITTED, CLASSIFICATION_TOO_HIGH: it permits type and
//     classification.
//  11. REGISTER_MOVED: the message is sealed to the recipient's opening key in
//     force.
func (v View) Decide(h *envelope.Header, now signed.Time) error {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	if h.Exchange != v.r.exchange {
		return problem.New(problem.WrongExchange, "the header is of another exchange")
	}
	if h.Parts != nil {
		return problem.New(problem.PartsUnsupported, "the header names %d files", h.Parts.Count)
	}
	if h.OnBehalfOf != "" {
		return problem.New(problem.OnBehalfUnaccredited, "%s has no accreditation for %s", h.From, h.OnBehalfOf)
	}
	if err := v.desks(h.From, h.To, now); err != nil {
		return err
	}
	if err := v.knowsType(h.Type); err != nil {
		return err
	}
	if err := dates(h, now); err != nil {
		return err
	}
	if err := v.permits(h.Agreement, h.From, h.To, h.Type.Name, h.Classification, now); err != nil {
		return v.soon(h, now, err)
	}
	to, _ := v.r.state.desk(h.To).entry.at(v.size)
	if h.ToKey != to.OpeningID() {
		return problem.New(problem.RegisterMoved, "%s opens with another key now", h.To)
	}
	return nil
}

// DecideSealed is the sealed half of the law: both desks ask it, one before it
// seals and the other after it opened.
func (v View) DecideSealed(agreement signed.Hash, s schema.Sealed) error {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	a, ok := v.agreement(agreement)
	if !ok {
		return problem.New(problem.NoAgreement, "no agreement %s is in the register", agreement)
	}
	return permitsPurpose(a, s.Purpose)
}

// desks checks that sender and recipient are there with keys that are trusted.
func (v View) desks(from, to signed.Address, now signed.Time) error {
	for _, addr := range []signed.Address{from, to} {
		if _, ok := v.r.state.desk(addr).entry.at(v.size); !ok {
			return problem.New(problem.UnknownDesk, "%s is no desk in the register", addr)
		}
	}
	for _, addr := range []signed.Address{from, to} {
		if _, revoked := v.r.state.desk(addr).revoked[Locked].at(v.size); revoked {
			return problem.New(problem.KeyRevoked, "the locked ring of %s is revoked", addr)
		}
	}
	for _, addr := range []signed.Address{from, to} {
		if entry, _ := v.r.state.desk(addr).entry.at(v.size); !entry.Until.IsZero() && !now.Before(entry.Until) {
			return problem.New(problem.DeskEnded, "the entry of %s ended at %s", addr, entry.Until)
		}
	}
	return nil
}

func (v View) knowsType(t envelope.TypeRef) error {
	c, ok := v.r.state.catalogue.at(v.size)
	if !ok {
		return problem.New(problem.TypeUnknown, "the exchange has no catalogue yet")
	}
	if slices.Contains(c.Types, t) {
		return nil
	}
	newest, ok := c.newest(t.Name)
	if !ok {
		return problem.New(problem.TypeUnknown, "the catalogue has no type %s", t.Name)
	}
	return problem.New(problem.TypeOutdated, "%s %s is not as the catalogue has it; the newest is %s", t.Name, t.Version, newest.Version)
}

func dates(h *envelope.Header, now signed.Time) error {
	switch life := h.Expires.Sub(h.Created); {
	case life <= 0:
		return problem.New(problem.DatesInvalid, "expires %s is not after created %s", h.Expires, h.Created)
	case life > envelope.MaxLifetime:
		return problem.New(problem.DatesInvalid, "expires %s is more than %d days after created %s", h.Expires, int(envelope.MaxLifetime.Hours()/24), h.Created)
	case !now.Before(h.Expires):
		return problem.New(problem.Expired, "the message expired at %s", h.Expires)
	case now.Add(maxSkew).Before(h.Created):
		return problem.New(problem.NotYet, "created %s is in the future at %s", h.Created, now)
	}
	return nil
}

// soon tells a message that its agreement will permit from one that none does. A clock
// that is slow makes one of the other, so the first is refused for now alone.
func (v View) soon(h *envelope.Header, now signed.Time, refused error) error {
	a, ok := v.agreement(h.Agreement)
	if !ok || !now.Before(a.From) || !a.From.Before(h.Expires) || v.permits(h.Agreement, h.From, h.To, h.Type.Name, h.Classification, a.From) != nil {
		return refused
	}
	return problem.New(problem.NotYet, "agreement %s begins at %s", a.hash, a.From)
}

// permits is whether an agreement carries a type and classification between two
// desks at a moment.
func (v View) permits(hash signed.Hash, from, to signed.Address, typ string, c envelope.Classification, now signed.Time) error {
	a, ok := v.agreement(hash)
	if !ok {
		return problem.New(problem.NoAgreement, "no agreement %s is in the register", hash)
	}
	if err := v.binds(a, from.Party(), to.Party(), now); err != nil {
		return err
	}
	if !slices.Contains(a.Types, typ) {
		return problem.New(problem.TypeNotPermitted, "agreement %s does not permit %s", hash, typ)
	}
	if c.Above(a.Ceiling) {
		return problem.New(problem.ClassificationTooHigh, "%s is above the ceiling %s of agreement %s", c, a.Ceiling, hash)
	}
	return nil
}

// binds is whether an agreement is in force between two parties at a moment:
// within its dates, every party has acceded at some time, and these two are not
// revoked since.
func (v View) binds(a *agreement, one, other string, now signed.Time) error {
	if !a.names(one, other) {
		return problem.New(problem.NoAgreement, "agreement %s is not between %s and %s", a.hash, one, other)
	}
	for _, p := range a.Parties {
		if !v.everBound(a, p) {
			return problem.New(problem.NoAgreement, "%s has not acceded to agreement %s", p, a.hash)
		}
	}
	for _, p := range []string{one, other} {
		if !v.isBound(a, p) {
			return problem.New(problem.NoAgreement, "%s was revoked since it entered agreement %s", p, a.hash)
		}
	}
	switch {
	case now.Before(a.From):
		return problem.New(problem.NoAgreement, "agreement %s begins at %s", a.hash, a.From)
	case !now.Before(a.Until):
		return problem.New(problem.NoAgreement, "agreement %s ended at %s", a.hash, a.Until)
	}
	return nil
}

func permitsPurpose(a *agreement, purpose string) error {
	if !slices.Contains(a.Purposes, purpose) {
		return problem.New(problem.PurposeNotPermitted, "agreement %s does not permit the stated purpose", a.hash)
	}
	return nil
}
