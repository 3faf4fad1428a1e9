package register

import (
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Ring is one of a desk's two sets of keys.
type Ring int

const (
	// Online: the receipts key and TLS. Revoked, the desk is barred at the edge.
	Online Ring = iota
	// Locked: what signs messages and statements, and what opens.
	Locked
	rings
)

// Words of a revocation's ring line.
const (
	RingOnline = "online"
	RingLocked = "locked"
	RingAll    = "all"
)

// A Revocation is an entry that ends keys for good: of a desk's ring or rings,
// or of a whole party with all its desks, its authority and its CA. It may be
// signed beforehand and kept in a safe: then it stands outside its signer's
// chain, and a nonce tells it from the next one.
type Revocation struct {
	Link
	Nonce          signed.ID      // of a pre-signed one
	Desk           signed.Address // "" when the subject is a party
	Party          string         // "" when the subject is a desk
	Ring           string         // RingOnline, RingLocked or RingAll
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
	signed.OneOf(l.Line("ring"), &v.Ring, RingOnline, RingLocked, RingAll)
	l.Optional("suspected-since", !v.SuspectedSince.IsZero()).Time(&v.SuspectedSince)
}, Check: func(v *Revocation) error {
	if v.Party != "" && v.Ring != RingAll {
		return problem.New(problem.TextMalformed, "a party is revoked with all its rings")
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

func (v *Revocation) covers(ring Ring) bool {
	switch v.Ring {
	case RingOnline:
		return ring == Online
	case RingLocked:
		return ring == Locked
	}
	return true
}

func (v *Revocation) check(s *state) error {
	signer, byRoot := strings.CutSuffix(v.Signers[0], rootSuffix)
	if v.Party != "" {
		if !byRoot && signer != v.Party {
			return notEntitled("%s can't revoke %s", signer, v.Party)
		}
		if _, ok := s.party(v.Party).entry.now(); !ok {
			return invalid("%s is no party in force", v.Party)
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
	for ring := Ring(0); ring < rings; ring++ {
		if v.covers(ring) && !known.isRevoked(ring) {
			return nil
		}
	}
	return invalid("%s is revoked already", v.Desk)
}

func (v *Revocation) apply(s *state, at place) {
	if v.Desk != "" {
		s.desks[v.Desk].revoke(v, at)
		return
	}
	known := s.parties[v.Party]
	known.entry.end(at.index)
	known.ca.end(at.index)
	for _, addr := range s.order {
		if addr.Party() == v.Party {
			s.desks[addr].revoke(v, at)
		}
	}
	for _, a := range s.proposed {
		if h := a.bound[v.Party]; h != nil {
			h.end(at.index)
		}
	}
}
