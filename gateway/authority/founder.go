package authority

import (
	"cmp"
	"slices"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// A Founder signs with one share of the root.
type Founder struct {
	folder
	Party string
	keys  []*signed.PrivateKey
}

// CreateFounder makes a founder's pair in a party's folder. An empty passphrase
// leaves the key file to the protection of its folder.
func CreateFounder(dir, party string, passphrase []byte) (*Founder, error) {
	if _, err := signed.ParseName(party); err != nil {
		return nil, err
	}
	keys, err := signed.GenerateKeys(register.RootName(party), signed.UseEntry)
	if err != nil {
		return nil, err
	}
	f := &Founder{folder(dir), party, keys}
	card := &register.FounderCard{Founder: register.Founder{Party: party, Keys: signed.PublicKeys(keys)}}
	return f, f.keep("root", keys, card, passphrase)
}

// OpenFounder opens what CreateFounder made.
func OpenFounder(dir string, passphrase []byte) (*Founder, error) {
	keys, err := readKeys(folder(dir).path("root", keyFile), passphrase)
	if err != nil {
		return nil, err
	}
	party, err := rootParty(keys[0].Public.Name)
	if err != nil {
		return nil, err
	}
	return &Founder{folder(dir), party, keys}, folder(dir).private()
}

// DraftFederation writes the text of a federation file from the cards of its
// founders and broker. Founders compare it before they sign.
func DraftFederation(name string, threshold int, founders []*register.FounderCard, broker *register.BrokerCard) (string, error) {
	if broker.Name != name {
		return "", problem.New(problem.EntryInvalid, "the broker's card is for %s, not for %s", broker.Name, name)
	}
	fed := &register.Federation{
		Name: name, Nonce: signed.NewID(), Threshold: threshold,
		Broker: broker.Broker, Policy: register.PolicyLogged,
	}
	for _, c := range founders {
		fed.Founders = append(fed.Founders, c.Founder)
	}
	slices.SortFunc(fed.Founders, func(a, b register.Founder) int { return cmp.Compare(a.Party, b.Party) })
	return fed.Text(), fed.Check()
}

// DraftAdmit writes an entry that admits a party, to be signed by the founders
// of the parties that signers names; with none, see root.
func (f *Founder) DraftAdmit(card *register.PartyCard, signers ...string) (string, error) {
	l, err := f.root(signers)
	if err != nil {
		return "", err
	}
	return admission(l, card), nil
}

// DraftAdmitAgain is DraftAdmit for a party that is in force, which gets a new authority
// or title: its authority in force signs too, by Party.Cosign.
func (f *Founder) DraftAdmitAgain(card *register.PartyCard, signers ...string) (string, error) {
	l, err := f.root(signers)
	if err != nil {
		return "", err
	}
	l.Signers = slices.Sorted(slices.Values(append(l.Signers, card.Name)))
	return admission(l, card), nil
}

// DraftBroker writes an entry that names new TLS keys of the broker, from a card that the
// broker's own keys signed; number is that of the keys in force and one more.
func (f *Founder) DraftBroker(card *register.BrokerCard, number int64, signers ...string) (string, error) {
	fed, err := f.federation()
	if err != nil {
		return "", err
	}
	for _, same := range []bool{
		card.Name == fed.Name, card.Audit.VerifierKey() == fed.Audit.VerifierKey(),
		card.Register.VerifierKey() == fed.Register.VerifierKey(), card.Operator.VerifierKey() == fed.Operator.VerifierKey(),
	} {
		if !same {
			return "", problem.New(problem.EntryInvalid, "the card is of another broker than that of %s", fed.Name)
		}
	}
	l, err := f.root(signers)
	if err != nil {
		return "", err
	}
	return (&register.BrokerKeys{Link: l, Number: number, ServerKeys: card.ServerKeys}).Text(), nil
}

func admission(l register.Link, card *register.PartyCard) string {
	return (&register.Party{Link: l, Name: card.Name, Title: card.Title, Keys: card.Keys}).Text()
}

// DraftCatalogue writes an entry that makes these the types of the exchange, and
// names the bundle that has them.
func (f *Founder) DraftCatalogue(bundle schema.BundleHash, types []envelope.TypeRef, signers ...string) (string, error) {
	l, err := f.root(signers)
	if err != nil {
		return "", err
	}
	return (&register.Catalogue{Link: l, Bundle: bundle, Types: types}).Text(), nil
}

// DraftClock writes an entry by which logged time goes on from an earlier moment; audit
// is the size of the audit log as the founders know it.
func (f *Founder) DraftClock(audit int64, at signed.Time, signers ...string) (string, error) {
	l, err := f.root(signers)
	if err != nil {
		return "", err
	}
	return (&register.Clock{Link: l, Audit: audit, Time: at}).Text(), nil
}

// Admission is the newest entry in this folder that admits a party; nil if there is none.
func (f *Founder) Admission(party string) (*register.Party, error) {
	return newest(f.rootChain(), func(p *register.Party) bool { return p.Name == party })
}

// DraftRevoke writes an entry that revokes a party, by the authority that its entry in
// force names. since may be zero.
func (f *Founder) DraftRevoke(party *register.Party, since signed.Time, signers ...string) (string, error) {
	l, err := f.root(signers)
	if err != nil {
		return "", err
	}
	return (&register.Revocation{Link: l, Party: party.Name, Rings: []register.RingHash{party.AuthorityHash()}, SuspectedSince: since}).Text(), nil
}

// Follow takes the root's chain from a replayed register: for a founder who did not sign
// the last entries, or whose entry was not accepted.
func (f *Founder) Follow(r *register.Register) error {
	return f.follow(f.rootChain(), r, func(e register.Entry) bool {
		l := register.ChainLink(e)
		return l.InChain() && l.OfRoot()
	})
}

// root is where the root's next entry hangs, signed by founders of these
// parties; with none named, by this founder and the first others that suffice.
func (f *Founder) root(signers []string) (register.Link, error) {
	fed, err := f.federation()
	if err != nil {
		return register.Link{}, err
	}
	if len(signers) == 0 {
		signers = append(signers, f.Party)
		for _, other := range fed.Founders {
			if len(signers) < fed.Threshold && other.Party != f.Party {
				signers = append(signers, other.Party)
			}
		}
	}
	names := make([]string, len(signers))
	for i, s := range signers {
		names[i] = register.RootName(s)
	}
	slices.Sort(names)
	previous, err := f.rootChain().last()
	if err != nil {
		return register.Link{}, err
	}
	if previous == (signed.Hash{}) {
		previous = fed.Hash()
	}
	return register.Link{Exchange: fed.Hash(), Previous: previous, Signers: names}, nil
}
