package register

import (
	"errors"
	"strings"

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

func (*Revocation) author() author { return byRootOrParty }

// PreSigned reports whether it stands outside its signer's chain.
func (v *Revocation) PreSigned() bool { return v.Previous == signed.Hash{} }

// Text writes the entry.
func (v *Revocation) Text() string {
	w := v.write(RevokeForm)
	if v.PreSigned() {
		w.Line("nonce", v.Nonce.String())
	}
	w.Line("subject", v.Subject())
	w.Line("ring", v.Ring)
	if !v.SuspectedSince.IsZero() {
		w.Line("suspected-since", v.SuspectedSince.String())
	}
	return w.Text()
}

// Subject is the desk's address or the party's name.
func (v *Revocation) Subject() string {
	if v.Desk != "" {
		return string(v.Desk)
	}
	return v.Party
}

func readRevocation(r *signed.Reader) *Revocation {
	v := &Revocation{Link: readLink(r)}
	if v.PreSigned() {
		v.Nonce = r.ID(one(r, "nonce"))
	}
	if subject := one(r, "subject"); strings.Contains(subject, ".") {
		v.Desk = r.Address(subject)
	} else {
		v.Party = r.Name(subject)
	}
	v.Ring = closed(r, one(r, "ring"), RingOnline, RingLocked, RingAll)
	if v.Party != "" && v.Ring != RingAll {
		r.Fail(errors.New("a party is revoked with all its rings"))
	}
	if r.Peek() == "suspected-since" {
		v.SuspectedSince = r.Time(one(r, "suspected-since"))
	}
	return v
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
