package register

import (
	"slices"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Revocation is an entry that ends keys for good: of a desk's ring or rings,
// or of a party's authority with all that the party has: its desks' rings and its part in
// agreements. It names each by its hash, and ends those that are in force. It may be
// signed beforehand and kept in a safe: then it stands outside its signer's
// chain, and a nonce tells it from the next one.
type Revocation struct {
	Link
	Nonce          signed.ID      // of a pre-signed one
	Desk           signed.Address // "" when the subject is a party
	Party          string         // "" when the subject is a desk
	Rings          []RingHash     // of a desk one or both; of a party its authority
	SuspectedSince signed.Time    // zero when absent; what was signed since is in doubt
}

func (v *Revocation) Text() string { return revokeForm.Text(v) }
func (*Revocation) author() author { return byRootOrParty }

// preSigned reports whether it stands outside its signer's chain.
func (v *Revocation) preSigned() bool { return v.Previous == signed.Hash{} }

var revokeForm = signed.Form[Revocation]{Title: "samband/revoke/v1", Lines: func(v *Revocation, l *signed.Lines) {
	v.Link.lines(l)
	l.When("if `previous` is `-`", v.preSigned()).Line("nonce").ID(&v.Nonce)
	subject := v.Subject()
	signed.Value(l.Line("subject"), "address or name", &subject, signed.Same, func(s string) (_ string, err error) {
		if strings.Contains(s, ".") {
			v.Desk, err = signed.ParseAddress(s)
		} else {
			v.Party, err = signed.ParseName(s)
		}
		return s, err
	})
	signed.Repeat(l, "ring", 1, int(rings), signed.Ascending, &v.Rings, func(r *RingHash) {
		signed.OneOf(l.Line("ring"), &r.Ring, RingAuthority, RingLocked, RingOnline).Hash(&r.Hash)
	})
	l.Optional("suspected-since", !v.SuspectedSince.IsZero()).Time(&v.SuspectedSince)
}, Check: func(v *Revocation) error {
	for i, r := range v.Rings {
		switch {
		case (r.Ring == RingAuthority) != (v.Party != ""):
			return problem.New(problem.TextMalformed, "a party is revoked by its authority, a desk by its rings")
		case i > 0 && r.Ring == v.Rings[i-1].Ring:
			return problem.New(problem.TextMalformed, "lines %q name one ring twice", "ring")
		}
	}
	return nil
}}

// Subject is the desk's address or the party's name.
func (v *Revocation) Subject() string {
	if v.Desk != "" {
		return string(v.Desk)
	}
	return v.Party
}

// ends lists the rings of a desk that this revocation ends: those that it names, are in
// force and are not revoked.
func (v *Revocation) ends(known *desk) (ended []Ring) {
	entry, ok := known.entry.now()
	if !ok {
		return nil
	}
	for ring := Ring(0); ring < rings; ring++ {
		if !known.isRevoked(ring) && slices.Contains(v.Rings, entry.RingHash(ring)) {
			ended = append(ended, ring)
		}
	}
	return ended
}

func (v *Revocation) check(s *state) error {
	signer, byRoot := strings.CutSuffix(v.Signers[0], rootSuffix)
	if v.Party != "" {
		if !byRoot && signer != v.Party {
			return notEntitled("%s can't revoke %s", signer, v.Party)
		}
		p, ok := s.party(v.Party).entry.now()
		if !ok {
			return invalid("%s is no party in force", v.Party)
		}
		if p.AuthorityHash() != v.Rings[0] {
			return invalid("the authority that this revokes is not the one of %s in force", v.Party)
		}
		return nil
	}
	if byRoot || signer != v.Desk.Party() {
		return notEntitled("a desk is revoked by its own party")
	}
	known, ok := s.desks[v.Desk]
	if !ok {
		return invalid("%s is no desk in the register", v.Desk)
	}
	if len(v.ends(known)) == 0 {
		return invalid("no ring of %s that this names is in force: it is revoked already, or was replaced", v.Desk)
	}
	return nil
}

func (v *Revocation) apply(s *state, at place) {
	if v.Desk != "" {
		known := s.desks[v.Desk]
		known.revoke(v, at, v.ends(known)...)
		return
	}
	s.parties[v.Party].entry.end(at.index)
	for _, addr := range s.order {
		if addr.Party() == v.Party {
			s.desks[addr].revoke(v, at, Online, Locked)
		}
	}
	for _, a := range s.proposed {
		if h := a.bound[v.Party]; h != nil {
			h.end(at.index)
		}
	}
}
