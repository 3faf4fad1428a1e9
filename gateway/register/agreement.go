package register

import (
	"slices"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Bounds of an agreement.
const (
	maxParties  = 256
	maxPurposes = 64
	maxCopies   = 8
)

// An Agreement is an entry of the party that proposes it: who may write to whom
// about what, until when. It is in force when every other party has acceded.
// Its name everywhere is the hash of its text.
type Agreement struct {
	Link
	Title    string
	Parties  []string   // the proposer among them; ascending
	Types    []string   // names of message types; ascending
	Copies   []CopyRule // ascending as lines
	Purposes []string   // ascending
	Ceiling  envelope.Classification
	From     signed.Time // in force from then
	Until    signed.Time // and no longer then

	hash signed.Hash
}

// A Copy is a message that is due to somebody beside another message. It passes
// under an agreement of its own.
type Copy struct {
	To   signed.Address
	Type string // of the copy: a name
}

// A CopyRule says which messages under an agreement a Copy is due for.
type CopyRule struct {
	Copy
	Of []string // names of types that the agreement permits; ascending
}

func (r *CopyRule) line(l *signed.Lines) {
	l.Line("copy").Address(&r.To).Word(&r.Type).Words(&r.Of, maxTypes)
}

// Hash is the agreement's name.
func (a *Agreement) Hash() signed.Hash {
	if a.hash == (signed.Hash{}) {
		return signed.HashOf(a.Text())
	}
	return a.hash
}

// proposer is the party that proposed it.
func (a *Agreement) proposer() string { return a.Signers[0] }

func (a *Agreement) Text() string { return agreementForm.Text(a) }
func (*Agreement) author() author { return byParty }

var agreementForm = signed.Form[Agreement]{Title: "samband/agreement/v1", Lines: func(a *Agreement, l *signed.Lines) {
	a.Link.lines(l)
	l.Line("title").Quoted(&a.Title)
	signed.Repeat(l, "party", 1, maxParties, signed.Ascending, &a.Parties, func(p *string) { l.Line("party").Name(p) })
	signed.Repeat(l, "type", 1, maxTypes, signed.Ascending, &a.Types, func(t *string) { l.Line("type").Word(t) })
	signed.Repeat(l, "copy", 0, maxCopies, signed.Ascending, &a.Copies, func(r *CopyRule) { r.line(l) })
	signed.Repeat(l, "purpose", 1, maxPurposes, signed.Ascending, &a.Purposes, func(p *string) { l.Line("purpose").Word(p) })
	signed.OneOf(l.Line("ceiling"), &a.Ceiling, envelope.Classifications...)
	l.Line("from").Time(&a.From)
	l.Line("until").Time(&a.Until)
}, Check: func(a *Agreement) error {
	for i, r := range a.Copies {
		if slices.ContainsFunc(a.Copies[:i], func(before CopyRule) bool { return before.Copy == r.Copy }) {
			return problem.New(problem.TextMalformed, "two lines %q are of %s to %s", "copy", r.Type, r.To)
		}
		for _, t := range r.Of {
			if !slices.Contains(a.Types, t) {
				return problem.New(problem.TextMalformed, "line %q names %s, which the agreement does not permit", "copy", t)
			}
		}
	}
	return nil
}}

// copies returns the copies that are due for a message of a type.
func (a *Agreement) copies(typ string) []Copy {
	var due []Copy
	for _, r := range a.Copies {
		if slices.Contains(r.Of, typ) {
			due = append(due, r.Copy)
		}
	}
	return due
}

func (a *Agreement) check(s *state) error {
	if !slices.Contains(a.Parties, a.proposer()) {
		return notEntitled("%s proposes an agreement of others", a.proposer())
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
	known.bind(a.proposer(), at)
	s.agreements[at.text] = known
	s.proposed = append(s.proposed, known)
}

// names reports whether both parties are of the agreement.
func (a *Agreement) names(one, other string) bool {
	return slices.Contains(a.Parties, one) && slices.Contains(a.Parties, other)
}
