package register

import (
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// FederationForm is the form of the first entry.
const FederationForm = "samband/federation/v1"

// An Entry is one text of the register after the federation file: a *Party, a
// *Catalogue, a *Clock, a *BrokerKeys, a *Desk, an *Agreement, an *Accession or a
// *Revocation.
type Entry interface {
	// Text writes the entry.
	Text() string
	// link is its place in its signer's chain.
	link() *Link
	// author says who may sign this kind.
	author() author
	// check compares the entry with what the register knows: it is about
	// things that exist, its keys are new, and its signer is entitled.
	check(*state) error
	// apply makes the entry's facts; check has passed.
	apply(*state, place)
}

// A Link is what every entry begins with: who signs it, and which entry of theirs it
// follows.
type Link struct {
	Exchange signed.Hash
	Previous signed.Hash // of the text of the signer's entry before; zero: pre-signed
	Signers  []string    // ascending: founders ("se/root"), or one party ("se"), or founders and the party that they admit anew
}

func (l *Link) link() *Link { return l }

// InChain reports whether the entry follows another of its signer's; one that was signed
// beforehand follows none.
func (l *Link) InChain() bool { return l.Previous != signed.Hash{} }

// OfRoot reports whether the entry is one of the root.
func (l *Link) OfRoot() bool { return strings.HasSuffix(l.chain(), rootSuffix) }

// chain is the signer whose chain the entry stands in: a founder, for the root's.
func (l *Link) chain() string {
	for _, s := range l.Signers {
		if strings.HasSuffix(s, rootSuffix) {
			return s
		}
	}
	return l.Signers[0]
}

func (k *Link) lines(l *signed.Lines) {
	l.Exchange(&k.Exchange)
	l.Line("previous").HashOrNone(&k.Previous)
	signed.Repeat(l, "signer", 1, maxFounders+1, signed.Ascending, &k.Signers, func(s *string) {
		signed.Value(l.Line("signer"), "name or `<party>/root`", s, signed.Same, func(s string) (string, error) {
			_, err := signed.ParseName(strings.TrimSuffix(s, rootSuffix))
			return s, err
		})
	})
}

// An author is who may sign a kind of entry.
type author int

const (
	byRoot author = iota
	byParty
	byRootOrParty
)

// A place is an entry's position in the register.
type place struct {
	index int64
	text  signed.Hash
}

var parsers = map[string]func(string) (Entry, error){
	partyForm.Title:     parse(&partyForm),
	catalogueForm.Title: parse(&catalogueForm),
	clockForm.Title:     parse(&clockForm),
	brokerForm.Title:    parse(&brokerForm),
	deskForm.Title:      parse(&deskForm),
	agreementForm.Title: parse(&agreementForm),
	accedeForm.Title:    parse(&accedeForm),
	revokeForm.Title:    parse(&revokeForm),
}

func parse[T any, E interface {
	*T
	Entry
}](form *signed.Form[T]) func(string) (Entry, error) {
	return func(text string) (Entry, error) {
		e, err := form.Parse(text)
		if err != nil {
			return nil, err
		}
		return E(e), nil
	}
}

// readNote reads a note within a bound, and its text. It verifies no signature.
func readNote[T any](note []byte, bound int, parse func(text string) (T, error)) (n *signed.Note, v T, err error) {
	if len(note) > bound {
		return nil, v, problem.New(problem.Oversize, "a note passes the bound of %d bytes", bound)
	}
	if n, err = signed.ParseNote(note); err != nil {
		return nil, v, err
	}
	v, err = parse(n.Text)
	return n, v, err
}

// ParseEntry reads the text of an entry of any kind but the federation file,
// which stands only at the beginning. It verifies nothing.
func ParseEntry(text string) (Entry, error) {
	form := signed.FirstLine(text)
	if form == FederationForm {
		return nil, problem.New(problem.EntryInvalid, "a register has one federation file, its first entry")
	}
	p, ok := parsers[form]
	if !ok {
		return nil, problem.New(problem.TextMalformed, "the first line is not the form of a register entry")
	}
	return p(text)
}

// ReadEntry reads a whole entry with its signatures, within its bound. It verifies nothing.
func ReadEntry(note []byte) (Entry, error) {
	_, e, err := readNote(note, MaxEntry, ParseEntry)
	return e, err
}

// keyLines describes the keys of a founder's or party's authority.
func keyLines(l *signed.Lines, owner string, keys *[]*signed.PublicKey) {
	l.Keys(keys, signed.UseEntry, func(int) string {
		l.Line("key")
		return owner
	})
}

// ChainLink returns what every entry begins with: its exchange, its signers, and the
// entry of these signers before it.
func ChainLink(e Entry) Link { return *e.link() }

// Tables lists the forms of this package for SPEC: first the lines that every
// entry begins with, and of each entry those that follow.
func Tables() []signed.Table {
	link := signed.Form[Link]{Title: "Every entry", Lines: (*Link).lines}
	tables := []signed.Table{
		link.Table(Link{}), partyForm.Table(Party{}), catalogueForm.Table(Catalogue{}), clockForm.Table(Clock{}), brokerForm.Table(BrokerKeys{}),
		deskForm.Table(Desk{}), agreementForm.Table(Agreement{}), accedeForm.Table(Accession{}), revokeForm.Table(Revocation{}),
	}
	for i := range tables[1:] {
		tables[i+1].Rows = tables[i+1].Rows[len(tables[0].Rows):]
	}
	return append(tables, federationForm.Table(Federation{}), founderCardForm.Table(FounderCard{}),
		partyCardForm.Table(PartyCard{}), brokerCardForm.Table(BrokerCard{}), requestForm.Table(Request{}))
}
