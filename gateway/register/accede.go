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

func (a *Accession) Text() string { return accedeForm.Text(a) }
func (*Accession) author() author { return byParty }

var accedeForm = signed.Form[Accession]{Title: "samband/accede/v1", Lines: func(a *Accession, l *signed.Lines) {
	a.Link.lines(l)
	l.Line("agreement").Hash(&a.Agreement)
}}

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
