package register

import (
	"slices"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Bounds of an agreement.
const (
	MaxParties  = 256
	MaxPurposes = 64
)

// An Agreement is an entry of the party that proposes it: who may write to whom
// about what, until when. It is in force when every other party has acceded.
// Its name everywhere is the hash of its text.
type Agreement struct {
	Link
	Title    string
	Parties  []string // the proposer among them; ascending
	Types    []string // names of message types; ascending
	Purposes []string // ascending
	Ceiling  envelope.Classification
	From     signed.Time // in force from then
	Until    signed.Time // and no longer then

	hash signed.Hash
}

// Hash is the agreement's name.
func (a *Agreement) Hash() signed.Hash {
	if a.hash == (signed.Hash{}) {
		return signed.HashOf(a.Text())
	}
	return a.hash
}

// Proposer is the party that proposed it.
func (a *Agreement) Proposer() string { return a.Signers[0] }

func (*Agreement) author() author { return byParty }

// Text writes the entry.
func (a *Agreement) Text() string {
	w := a.write(AgreementForm)
	w.Line("title", signed.Quote(a.Title))
	for _, p := range a.Parties {
		w.Line("party", p)
	}
	for _, t := range a.Types {
		w.Line("type", t)
	}
	for _, p := range a.Purposes {
		w.Line("purpose", p)
	}
	w.Line("ceiling", string(a.Ceiling))
	w.Line("from", a.From.String())
	w.Line("until", a.Until.String())
	return w.Text()
}

func readAgreement(r *signed.Reader) *Agreement {
	a := &Agreement{Link: readLink(r)}
	a.Title = r.Quoted(one(r, "title"))
	a.Parties = many(r, "party", MaxParties, r.Name)
	ascending(r, "party", a.Parties)
	a.Types = many(r, "type", MaxTypes, r.Word)
	ascending(r, "type", a.Types)
	a.Purposes = many(r, "purpose", MaxPurposes, r.Word)
	ascending(r, "purpose", a.Purposes)
	a.Ceiling = classification(r, one(r, "ceiling"))
	a.From = r.Time(one(r, "from"))
	a.Until = r.Time(one(r, "until"))
	return a
}

func classification(r *signed.Reader, s string) envelope.Classification {
	c, err := envelope.ParseClassification(s)
	r.Fail(err)
	return c
}

func (a *Agreement) check(s *state) error {
	if !slices.Contains(a.Parties, a.Proposer()) {
		return notEntitled("%s proposes an agreement of others", a.Proposer())
	}
	if len(a.Parties) < 2 {
		return invalid("an agreement has at least two parties")
	}
	if !a.From.Before(a.Until) {
		return invalid("an agreement ends before it begins")
	}
	for _, p := range a.Parties {
		if _, ok := s.party(p).entry.now(); !ok {
			return invalid("the agreement names %s, which is no party in force", p)
		}
	}
	return nil
}

func (a *Agreement) apply(s *state, at place) {
	hashed := *a
	hashed.hash = at.text
	known := &agreement{Agreement: &hashed, at: at.index, bound: map[string]*history[place]{}}
	known.bind(a.Proposer(), at)
	s.agreements[at.text] = known
	s.proposed = append(s.proposed, known)
}

// names reports whether both parties are of the agreement.
func (a *Agreement) names(one, other string) bool {
	return slices.Contains(a.Parties, one) && slices.Contains(a.Parties, other)
}
