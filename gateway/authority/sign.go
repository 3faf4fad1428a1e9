package authority

import (
	"fmt"
	"slices"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Draft is a text of the root with the signatures that it has so far. Once
// every founder that it names has signed, it is complete.
type Draft struct {
	Note    []byte
	Missing []string     // who has not signed yet: founders, such as "se/root", and the party "fi" that is admitted anew
	Stored  *StoredEntry // the entry or federation file; nil until every founder has signed
}

// Sign begins a draft: the first founder signs a text.
func (f *Founder) Sign(text string) (*Draft, error) {
	return f.cosign(&signed.Note{Text: text})
}

// Save puts a draft into a file, to be carried to the next founder.
func (d *Draft) Save(path string) error { return write(path, d.Note, private) }

// Cosign adds this founder's signatures to a draft that others signed before. A
// founder who has signed already adds nothing. A founder whom the text doesn't name
// gets NOT_ENTITLED while signatures are missing. When the draft is complete, any
// founder's Cosign stores it. All signatures are verified, so an altered draft is
// refused.
func (f *Founder) Cosign(draft []byte) (*Draft, error) {
	n, err := signed.ParseNote(draft)
	if err != nil {
		return nil, err
	}
	return f.cosign(n)
}

func (f *Founder) cosign(n *signed.Note) (*Draft, error) {
	signers, err := f.signers(n.Text)
	if err != nil {
		return nil, err
	}
	own, named := register.RootName(f.Party), false
	d := &Draft{}
	complete := &signed.Note{Text: n.Text}
	for _, s := range signers {
		sigs := signaturesOf(n.Signatures, s.name)
		named = named || s.name == own
		if s.keys == nil { // a party's: the register verifies it
			if len(sigs) == 0 {
				d.Missing = append(d.Missing, s.name)
			}
			complete.Signatures = append(complete.Signatures, sigs...)
			continue
		}
		switch {
		case len(sigs) > 0:
		case s.name == own:
			mine, err := signed.Sign(n.Text, f.keys...)
			if err != nil {
				return nil, err
			}
			sigs = mine.Signatures
		default:
			d.Missing = append(d.Missing, s.name)
			continue
		}
		if err := signed.Verify(&signed.Note{Text: n.Text, Signatures: sigs}, s.keys); err != nil {
			return nil, fmt.Errorf("signature of %s: %w", s.name, err)
		}
		complete.Signatures = append(complete.Signatures, sigs...)
	}
	if !named && len(d.Missing) > 0 {
		return nil, problem.New(problem.NotEntitled, "the text does not name %s as a signer", own)
	}
	d.Note = complete.Bytes()
	if len(d.Missing) > 0 {
		return d, nil
	}
	d.Stored, err = f.Store(d.Note)
	return d, err
}

// Store verifies and stores a complete federation file or entry of the root, signed by
// this founder or by others. The founder's next entry of the root links to it.
func (f *Founder) Store(note []byte) (*StoredEntry, error) {
	text, err := textOf(note)
	if err != nil {
		return nil, err
	}
	if signed.FirstLine(text) == register.FederationForm {
		fed, err := f.join(note)
		if err != nil {
			return nil, err
		}
		return &StoredEntry{Note: note, Hash: fed.Hash(), File: f.path("federation")}, nil
	}
	signers, err := f.signers(text)
	if err != nil {
		return nil, err
	}
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, err
	}
	var keys []*signed.PublicKey
	for _, s := range signers {
		if s.keys == nil { // a party's: the register verifies it
			n.Signatures = slices.DeleteFunc(n.Signatures, func(sig signed.Signature) bool { return sig.Name == s.name })
		}
		keys = append(keys, s.keys...)
	}
	if err := signed.Verify(n, keys); err != nil {
		return nil, err
	}
	return f.rootChain().add(note)
}

// A founder is a signer that a text names, with its keys; a party that is admitted anew
// has none here.
type founder struct {
	name string
	keys []*signed.PublicKey
}

// signers are those that a text names: of a federation file all its founders,
// of an entry those on its signer lines.
func (f *Founder) signers(text string) ([]founder, error) {
	if signed.FirstLine(text) == register.FederationForm {
		fed, err := register.ParseFederationText(text)
		if err != nil {
			return nil, err
		}
		return founders(fed), fed.Check()
	}
	e, err := register.ParseEntry(text)
	if err != nil {
		return nil, err
	}
	l := register.ChainLink(e)
	fed, err := f.federationOf("the entry", l.Exchange)
	if err != nil {
		return nil, err
	}
	all := founders(fed)
	var out []founder
	for _, name := range l.Signers {
		if p, ok := e.(*register.Party); ok && name == p.Name {
			out = append(out, founder{name: name})
			continue
		}
		i := slices.IndexFunc(all, func(s founder) bool { return s.name == name })
		if i < 0 {
			return nil, problem.New(problem.NotEntitled, "%s is no founder of this exchange", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func founders(fed *register.Federation) []founder {
	var out []founder
	for _, f := range fed.Founders {
		out = append(out, founder{register.RootName(f.Party), f.Keys})
	}
	return out
}

func signaturesOf(sigs []signed.Signature, name string) []signed.Signature {
	var out []signed.Signature
	for _, s := range sigs {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

func rootParty(name string) (string, error) {
	party, ok := strings.CutSuffix(name, register.RootName(""))
	if !ok {
		return "", fmt.Errorf("the key file is not a founder's")
	}
	return party, nil
}
