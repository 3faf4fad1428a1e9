package register

import "samband/gateway/signed"

// A Party is an entry of the root that admits a party, or gives an admitted one
// a new authority or title. The authority in force signs it too: so the root alone
// can't put another in its place. One that is revoked signs nothing.
type Party struct {
	Link
	Name  string // "fi"
	Title string // "Finland"
	Keys  []*signed.PublicKey
}

func (p *Party) Text() string { return partyForm.Text(p) }
func (*Party) author() author { return byRoot }

var partyForm = signed.Form[Party]{Title: "samband/party/v1", Lines: func(p *Party, l *signed.Lines) {
	p.Link.lines(l)
	l.Line("party").Name(&p.Name)
	l.Line("title").Quoted(&p.Title)
	keyLines(l, p.Name, &p.Keys)
}}

func (p *Party) check(s *state) error {
	var kept []*signed.PublicKey
	if before, ok := s.party(p.Name).entry.now(); ok {
		kept = before.Keys
	}
	return s.keys.fresh(changed(p.Keys, kept)...)
}

// apply begins the party's chain anew: its next entry follows this one.
func (p *Party) apply(s *state, at place) {
	known := s.parties[p.Name]
	if known == nil {
		known = &party{}
		s.parties[p.Name] = known
	}
	known.entry.set(at.index, p)
	known.last = at.text
	s.keys.note(p.Keys...)
}
