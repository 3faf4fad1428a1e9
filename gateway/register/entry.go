package register

import (
	"errors"
	"slices"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Forms of the register's entries.
const (
	FederationForm = "samband/federation/v1"
	PartyForm      = "samband/party/v1"
	CatalogueForm  = "samband/catalogue/v1"
	CAForm         = "samband/ca/v1"
	DeskForm       = "samband/desk/v1"
	AgreementForm  = "samband/agreement/v1"
	AccedeForm     = "samband/accede/v1"
	RevokeForm     = "samband/revoke/v1"
)

// An Entry is one text of the register after the federation file: a *Party, a
// *Catalogue, a *CA, a *Desk, an *Agreement, an *Accession or a *Revocation.
type Entry interface {
	// Text writes the entry.
	Text() string
	// link is where it hangs in its signer's chain.
	link() *Link
	// author says who may sign this kind.
	author() author
	// check holds the entry against what the register knows; it is about
	// things that exist, its keys are new, and its signer is entitled.
	check(*state) error
	// apply makes the entry's facts; check has passed.
	apply(*state, place)
}

// A Link is what every entry begins with: whose word it is, and after which of
// their words it comes.
type Link struct {
	Exchange signed.Hash
	Previous signed.Hash // of the text of the signer's entry before; zero: pre-signed
	Signers  []string    // root founders ("se/root"), ascending, or one party ("se")
}

func (l *Link) link() *Link { return l }

func (l *Link) write(form string) *signed.Writer {
	w := signed.NewWriter(form, l.Exchange)
	if l.Previous == (signed.Hash{}) {
		w.Line("previous", "-")
	} else {
		w.Line("previous", l.Previous.String())
	}
	for _, s := range l.Signers {
		w.Line("signer", s)
	}
	return w
}

func readLink(r *signed.Reader) Link {
	l := Link{Exchange: r.Exchange()}
	if v := one(r, "previous"); v != "-" {
		l.Previous = r.Hash(v)
	}
	l.Signers = many(r, "signer", MaxFounders, func(s string) string {
		party, _ := strings.CutSuffix(s, rootSuffix)
		r.Name(party)
		return s
	})
	ascending(r, "signer", l.Signers)
	return l
}

// An author is who may sign a kind of entry.
type author int

const (
	byRoot author = iota
	byParty
	byRootOrParty
)

// A place is where an entry stands.
type place struct {
	index int64
	text  signed.Hash
}

var parsers = map[string]func(string) (Entry, error){
	PartyForm:     parse(readParty),
	CatalogueForm: parse(readCatalogue),
	CAForm:        parse(readCA),
	DeskForm:      parse(readDesk),
	AgreementForm: parse(readAgreement),
	AccedeForm:    parse(readAccession),
	RevokeForm:    parse(readRevocation),
}

// ParseEntry reads the text of an entry of any kind but the federation file,
// which stands only at the beginning. It verifies nothing.
func ParseEntry(text string) (Entry, error) {
	form := signed.FormOf(text)
	if form == FederationForm {
		return nil, problem.New(problem.EntryInvalid, "a register has one federation file, its first entry")
	}
	p, ok := parsers[form]
	if !ok {
		return nil, problem.New(problem.TextMalformed, "the first line is not the form of a register entry")
	}
	return p(text)
}

// parse makes a parser of a reader: read the lines, write them again, compare.
func parse[E Entry](read func(*signed.Reader) E) func(string) (Entry, error) {
	return func(text string) (Entry, error) {
		r := signed.NewReader(text, signed.FormOf(text))
		e := read(r)
		if r.Err() != nil {
			return nil, r.Err()
		}
		return e, r.Close(text, e.Text())
	}
}

// one reads a line of one value; "" after a fault.
func one(r *signed.Reader, name string) string {
	if v := r.Line(name, 1); v != nil {
		return v[0]
	}
	return ""
}

// many reads one to max lines of a name.
func many[T any](r *signed.Reader, name string, max int, read func(string) T) []T {
	out := []T{read(one(r, name))}
	for r.Peek() == name {
		if len(out) == max {
			r.Fail(problem.New(problem.Oversize, "more than %d lines %q", max, name))
			return nil
		}
		out = append(out, read(one(r, name)))
	}
	return out
}

// ascending holds that lines stand in ascending order, none twice.
func ascending(r *signed.Reader, name string, values []string) {
	for i := 1; i < len(values); i++ {
		if values[i-1] >= values[i] {
			r.Fail(problem.New(problem.TextMalformed, "lines %q do not ascend", name))
		}
	}
}

// distinct holds that no line stands twice; their order is the writer's.
func distinct(r *signed.Reader, name string, values []string) {
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			r.Fail(problem.New(problem.TextMalformed, "lines %q repeat", name))
		}
	}
}

// closed reads a word of a closed list.
func closed[W ~string](r *signed.Reader, s string, words ...W) W {
	if !slices.Contains(words, W(s)) {
		r.Fail(errors.New("a word is not one of the closed list for its line"))
		return ""
	}
	return W(s)
}

// readKeys reads the keys that a use has in version 1, each a line of a name,
// some fixed words, an algorithm and the key.
func readKeys(r *signed.Reader, owner string, use signed.Use, line string, fixed ...string) []*signed.PublicKey {
	var keys []*signed.PublicKey
	for _, alg := range signed.Uses[use] {
		v := r.Line(line, len(fixed)+2)
		if v == nil {
			return nil
		}
		if !slices.Equal(v[:len(fixed)], fixed) {
			r.Fail(errors.New("keys do not stand in the order of their uses"))
		}
		keys = append(keys, readKey(r, owner, alg, v[len(fixed):]))
	}
	return keys
}

// readKey reads an algorithm, which must be this one, and a key.
func readKey(r *signed.Reader, owner string, alg signed.Algorithm, v []string) *signed.PublicKey {
	if v[0] != string(alg) {
		r.Fail(errors.New("a key is not of the algorithm that its place asks for"))
	}
	if r.Err() != nil {
		return nil
	}
	k, err := signed.ParsePublicKey(owner, v[0], v[1])
	r.Fail(err)
	return k
}

func writeKeys(w *signed.Writer, keys []*signed.PublicKey, line string, fixed ...string) {
	for _, k := range keys {
		w.Line(line, append(slices.Clone(fixed), k.Values()...)...)
	}
}

// readDER reads a line of base64 DER, bounded by max bytes.
func readDER(r *signed.Reader, line string, max int) []byte {
	v := one(r, line)
	if r.Err() != nil {
		return nil
	}
	b, err := signed.DecodeBytes(v, max)
	r.Fail(err)
	return b
}

// LinkOf returns what every entry begins with.
func LinkOf(e Entry) Link { return *e.link() }
