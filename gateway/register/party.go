package register

import "samband/gateway/signed"

// A Party is an entry of the root that admits a party, or gives an admitted one
// a new authority or title.
type Party struct {
	Link
	Name  string // "fi"
	Title string // "Finland"
	Keys  []*signed.PublicKey
}

func (*Party) author() author { return byRoot }

// Text writes the entry.
func (p *Party) Text() string {
	w := p.write(PartyForm)
	w.Line("party", p.Name)
	w.Line("title", signed.Quote(p.Title))
	writeKeys(w, p.Keys, "key")
	return w.Text()
}

func readParty(r *signed.Reader) *Party {
	p := &Party{Link: readLink(r)}
	p.Name = r.Name(one(r, "party"))
	p.Title = r.Quoted(one(r, "title"))
	p.Keys = readKeys(r, p.Name, signed.UseEntry, "key")
	return p
}

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
