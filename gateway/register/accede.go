package register

import (
	"slices"

	"samband/gateway/signed"
)

// An Accession is an entry of a party that binds itself to an agreement that
// another proposed.
type Accession struct {
	Link
	Agreement signed.Hash
}

func (*Accession) author() author { return byParty }

// Text writes the entry.
func (a *Accession) Text() string {
	w := a.write(AccedeForm)
	w.Line("agreement", a.Agreement.String())
	return w.Text()
}

func readAccession(r *signed.Reader) *Accession {
	return &Accession{Link: readLink(r), Agreement: r.Hash(one(r, "agreement"))}
}

func (a *Accession) check(s *state) error {
	known, ok := s.agreements[a.Agreement]
	if !ok {
		return invalid("no agreement %s is in the register", a.Agreement)
	}
	party := a.Signers[0]
	if !slices.Contains(known.Parties, party) {
		return notEntitled("%s is no party of agreement %s", party, a.Agreement)
	}
	if h := known.bound[party]; h != nil {
		if _, bound := h.now(); bound {
			return invalid("%s is bound to agreement %s already", party, a.Agreement)
		}
	}
	return nil
}

func (a *Accession) apply(s *state, at place) {
	s.agreements[a.Agreement].bind(a.Signers[0], at)
}
