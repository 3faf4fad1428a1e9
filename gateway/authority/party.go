package authority

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// A Party signs the entries of a party: its keys are the party's authority.
type Party struct {
	folder
	Name string
	keys []*signed.PrivateKey
}

// CreateParty makes a party's pair in its folder, and its card.
func CreateParty(dir, name, title string, passphrase []byte) (*Party, error) {
	if _, err := signed.ParseName(name); err != nil {
		return nil, err
	}
	keys, err := signed.GenerateKeys(name, signed.UseEntry)
	if err != nil {
		return nil, err
	}
	p := &Party{folder(dir), name, keys}
	card := &register.PartyCard{Name: name, Title: title, Keys: signed.PublicKeys(keys)}
	return p, p.keep("authority", keys, card, passphrase)
}

// OpenParty opens what CreateParty made.
func OpenParty(dir string, passphrase []byte) (*Party, error) {
	keys, err := readKeys(folder(dir).path("authority", keyFile), passphrase)
	if err != nil {
		return nil, err
	}
	name := keys[0].Public.Name
	if strings.Contains(name, "/") {
		return nil, errors.New("the key file is not a party's")
	}
	return &Party{folder(dir), name, keys}, folder(dir).private()
}

// Join makes the party's folder belong to an exchange. admission is the entry
// of the root that admits it: its own chain begins there.
func (p *Party) Join(federation, admission []byte) error {
	e, err := parseEntry(admission)
	if err != nil {
		return err
	}
	entry, ok := e.(*register.Party)
	if !ok || entry.Name != p.Name {
		return problem.New(problem.EntryInvalid, "the entry does not admit %s", p.Name)
	}
	for i, k := range entry.Keys {
		if string(k.Bytes) != string(p.keys[i].Public.Bytes) {
			return problem.New(problem.EntryInvalid, "the entry admits %s with other keys than this folder's", p.Name)
		}
	}
	r, err := register.New(federation)
	if err != nil {
		return err
	}
	if entry.Exchange != r.Exchange() {
		return problem.New(problem.WrongExchange, "the entry is of another exchange than the federation file")
	}
	if _, err := p.join(federation); err != nil {
		return err
	}
	_, err = p.ownChain().add(admission)
	return err
}

// ErrNotAdmitted reports a register that never had a party.
var ErrNotAdmitted = errors.New("not admitted yet")

// Follow takes the party's chain from a replayed register, when an
// entry was not accepted or was made elsewhere.
func (p *Party) Follow(r *register.Register) error {
	if _, known := r.Previous(p.Name); !known {
		return fmt.Errorf("%w: the register does not know %s", ErrNotAdmitted, p.Name)
	}
	return p.follow(p.ownChain(), r, func(e register.Entry) bool {
		if admission, ok := e.(*register.Party); ok {
			return admission.Name == p.Name // its chain begins there
		}
		l := register.ChainLink(e)
		return l.InChain() && l.Signers[0] == p.Name
	})
}

// Desk makes the entry of a desk from its request and its place in the
// directory; until may be zero: then the entry has no end. An opening key that nobody
// could seal to is refused here: the register takes any.
func (p *Party) Desk(request []byte, directory register.Directory, until signed.Time) (*StoredEntry, error) {
	c, err := register.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	if _, err := p.federationOf("the request of "+string(c.Address), c.Exchange); err != nil {
		return nil, err
	}
	if c.Address.Party() != p.Name {
		return nil, problem.New(problem.NotEntitled, "%s is not a desk of %s", c.Address, p.Name)
	}
	if err := seal.CheckRecipient(c.Opening); err != nil {
		return nil, err
	}
	d, err := register.NewDesk(register.Link{}, directory, until, request)
	if err != nil {
		return nil, err
	}
	return p.signEntry(func(l register.Link) register.Entry {
		d.Link = l
		return d
	})
}

// Agreement makes the entry that proposes an agreement; lists are put in order,
// and the proposer added to its parties.
func (p *Party) Agreement(terms register.Agreement) (*StoredEntry, error) {
	terms.Parties = ordered(append(slices.Clone(terms.Parties), p.Name))
	terms.Types = ordered(terms.Types)
	terms.Copies = orderedCopies(terms.Copies)
	terms.Purposes = ordered(terms.Purposes)
	return p.signEntry(func(l register.Link) register.Entry {
		terms.Link = l
		return &terms
	})
}

// Accede makes the entry that binds the party to an agreement that another
// proposed; agreement is that entry, which people have read.
func (p *Party) Accede(agreement []byte) (*StoredEntry, error) {
	e, err := parseEntry(agreement)
	if err != nil {
		return nil, err
	}
	a, ok := e.(*register.Agreement)
	if !ok || !slices.Contains(a.Parties, p.Name) {
		return nil, problem.New(problem.NotEntitled, "the entry is no agreement that names %s", p.Name)
	}
	if _, err := p.federationOf("the agreement", a.Exchange); err != nil {
		return nil, err
	}
	return p.signEntry(func(l register.Link) register.Entry {
		return &register.Accession{Link: l, Agreement: a.Hash()}
	})
}

// Cosign adds the signatures of the party's authority to a draft of the root that admits
// this party anew.
func (p *Party) Cosign(draft []byte) (*Draft, error) {
	n, err := signed.ParseNote(draft)
	if err != nil {
		return nil, err
	}
	e, err := register.ParseEntry(n.Text)
	if err != nil {
		return nil, err
	}
	entry, ok := e.(*register.Party)
	if !ok || entry.Name != p.Name || !slices.Contains(entry.Signers, p.Name) {
		return nil, problem.New(problem.NotEntitled, "the draft does not ask for the signature of %s", p.Name)
	}
	if _, err := p.federationOf("the draft", entry.Exchange); err != nil {
		return nil, err
	}
	mine, err := signed.Sign(n.Text, p.keys...)
	if err != nil {
		return nil, err
	}
	d := &Draft{}
	complete := &signed.Note{Text: n.Text}
	for _, name := range entry.Signers {
		sigs := signaturesOf(n.Signatures, name)
		if name == p.Name {
			sigs = mine.Signatures
		}
		if len(sigs) == 0 {
			d.Missing = append(d.Missing, name)
		}
		complete.Signatures = append(complete.Signatures, sigs...)
	}
	d.Note = complete.Bytes()
	return d, nil
}

// AllRings names both rings of a desk.
const AllRings = "all"

// Revoke makes the entry that revokes a ring of a desk of the party, or both, or, when
// the subject is its own name, the whole party. It names the keys that the desk's newest
// entry in this folder has. since may be zero.
func (p *Party) Revoke(subject, ring string, since signed.Time) (*StoredEntry, error) {
	v, err := p.revocation(subject, ring, since)
	if err != nil {
		return nil, err
	}
	return p.signEntry(func(l register.Link) register.Entry {
		v.Link = l
		return v
	})
}

// PreSign makes a revocation to be kept in a safe and entered by whoever opens
// it. It stands outside the party's chain.
func (p *Party) PreSign(subject, ring string) (*StoredEntry, error) {
	v, err := p.revocation(subject, ring, signed.Time{})
	if err != nil {
		return nil, err
	}
	fed, err := p.federation()
	if err != nil {
		return nil, err
	}
	v.Link = register.Link{Exchange: fed.Hash(), Signers: []string{p.Name}}
	v.Nonce = signed.NewID()
	note, err := p.sign(v)
	if err != nil {
		return nil, err
	}
	stored := &StoredEntry{Note: note, Hash: signed.HashOf(v.Text())}
	stored.File = p.path("revocations", fmt.Sprintf("%s-%s-%x", subject, ring, v.Nonce[:4]))
	return stored, create(stored.File, note, private)
}

func (p *Party) revocation(subject, ring string, since signed.Time) (*register.Revocation, error) {
	v := &register.Revocation{SuspectedSince: since}
	if subject == p.Name {
		own := register.Party{Name: p.Name, Keys: signed.PublicKeys(p.keys)}
		v.Party, v.Rings = subject, []register.RingHash{own.AuthorityHash()}
		return v, nil
	}
	addr, err := signed.ParseAddress(subject)
	if err != nil || addr.Party() != p.Name {
		return nil, problem.New(problem.NotEntitled, "%s can revoke itself and its own desks", p.Name)
	}
	if _, err := p.federation(); err != nil {
		return nil, err
	}
	entry, err := newest(p.ownChain(), func(d *register.Desk) bool { return d.Address == addr })
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, problem.New(problem.EntryInvalid, "this folder has no entry of %s: a revocation names the keys that it ends", addr)
	}
	v.Desk = addr
	for word, of := range map[string]register.Ring{register.RingLocked: register.Locked, register.RingOnline: register.Online} {
		if ring == word || ring == AllRings {
			v.Rings = append(v.Rings, entry.RingHash(of))
		}
	}
	if len(v.Rings) == 0 {
		return nil, problem.New(problem.TextMalformed, "%q is no ring: online, locked or all", ring)
	}
	slices.SortFunc(v.Rings, func(a, b register.RingHash) int { return cmp.Compare(a.Ring, b.Ring) })
	return v, nil
}

// signEntry signs an entry of the party and stores it as its newest.
func (p *Party) signEntry(make func(register.Link) register.Entry) (*StoredEntry, error) {
	fed, err := p.federation()
	if err != nil {
		return nil, err
	}
	c := p.ownChain()
	previous, err := c.last()
	if err != nil {
		return nil, err
	}
	if previous == (signed.Hash{}) {
		return nil, fmt.Errorf("%s has no admission yet: join the exchange first", p.Name)
	}
	note, err := p.sign(make(register.Link{Exchange: fed.Hash(), Previous: previous, Signers: []string{p.Name}}))
	if err != nil {
		return nil, err
	}
	return c.add(note)
}

// sign signs an entry that the register would read: what a person typed into
// it may break its form.
func (p *Party) sign(e register.Entry) ([]byte, error) {
	text := e.Text()
	if _, err := register.ParseEntry(text); err != nil {
		return nil, err
	}
	n, err := signed.Sign(text, p.keys...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), nil
}

func ordered(values []string) []string {
	out := slices.Sorted(slices.Values(values))
	return slices.Compact(out)
}

// orderedCopies puts the rules in the order of their lines.
func orderedCopies(rules []register.CopyRule) []register.CopyRule {
	out := slices.Clone(rules)
	for i := range out {
		out[i].Of = ordered(out[i].Of)
	}
	slices.SortFunc(out, func(a, b register.CopyRule) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Type, b.Type))
	})
	return out
}
