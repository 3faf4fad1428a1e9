package register

import (
	"slices"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A state is what the entries so far made true, with when.
type state struct {
	federation *Federation
	exchange   signed.Hash
	founders   map[string][]*signed.PublicKey // by root name
	rootLast   signed.Hash                    // text of the root's last entry

	texts      map[signed.Hash]bool // of every entry
	keys       seen
	catalogue  history[*Catalogue]
	parties    map[string]*party
	desks      map[signed.Address]*desk
	order      []signed.Address               // of desks, as they came
	callers    map[signed.Hash]signed.Address // by TLS key: whose it is or was
	server     history[*BrokerKeys]           // none: those of the federation file
	agreements map[signed.Hash]*agreement
	proposed   []*agreement // as they came
}

type party struct {
	entry history[*Party] // ended by its revocation
	last  signed.Hash     // text of its last entry
}

type desk struct {
	entry   history[*Desk]
	revoked [rings]history[*Revocation] // until the desk has new keys
}

func (d *desk) isRevoked(ring Ring) bool {
	_, yes := d.revoked[ring].now()
	return yes
}

func (d *desk) revoke(v *Revocation, at place, ended ...Ring) {
	for _, ring := range ended {
		if !d.isRevoked(ring) {
			d.revoked[ring].set(at.index, v)
		}
	}
}

type agreement struct {
	*Agreement
	at    int64                      // index of its entry
	bound map[string]*history[place] // by party: proposed or acceded, until revoked
}

func (a *agreement) bind(party string, at place) {
	if a.bound[party] == nil {
		a.bound[party] = &history[place]{}
	}
	a.bound[party].set(at.index, at)
}

func newState(f *Federation, exchange signed.Hash) *state {
	s := &state{
		federation: f,
		exchange:   exchange,
		founders:   map[string][]*signed.PublicKey{},
		rootLast:   exchange,
		texts:      map[signed.Hash]bool{exchange: true},
		keys:       seen{},
		parties:    map[string]*party{},
		desks:      map[signed.Address]*desk{},
		agreements: map[signed.Hash]*agreement{},
		callers:    map[signed.Hash]signed.Address{},
	}
	for _, founder := range f.Founders {
		s.founders[RootName(founder.Party)] = founder.Keys
		s.keys.note(founder.Keys...)
	}
	s.keys.note(f.Audit, f.Register, f.Operator)
	s.keys.noteTLS(f.InUse)
	s.keys.noteTLS(f.Offline)
	return s
}

// servers are the broker's TLS keys in force.
func (s *state) servers() *BrokerKeys {
	if b, ok := s.server.now(); ok {
		return b
	}
	return &BrokerKeys{ServerKeys: s.federation.ServerKeys}
}

// party and desk return an empty one for a name unknown.
func (s *state) party(name string) *party {
	if p := s.parties[name]; p != nil {
		return p
	}
	return &party{}
}

func (s *state) desk(addr signed.Address) *desk {
	if d := s.desks[addr]; d != nil {
		return d
	}
	return &desk{}
}

// admit is every check of Append, in its order.
func (s *state) admit(note []byte) (Entry, error) {
	n, e, err := readNote(note, MaxEntry, ParseEntry)
	if err != nil {
		return nil, err
	}
	if e.link().Exchange != s.exchange {
		return nil, problem.New(problem.WrongExchange, "the entry is of another exchange")
	}
	if s.texts[signed.HashOf(n.Text)] {
		return nil, problem.New(problem.EntryOutOfOrder, "the entry is in the register already")
	}
	keys, err := s.signers(e)
	if err != nil {
		return nil, err
	}
	if err := s.follows(e); err != nil {
		return nil, err
	}
	if err := signed.Verify(n, keys); err != nil {
		return nil, err
	}
	return e, e.check(s)
}

// signers returns the keys that an entry must bear, when its signers may sign
// its kind.
func (s *state) signers(e Entry) ([]*signed.PublicKey, error) {
	names := e.link().Signers
	if p, ok := e.(*Party); ok {
		return s.admitters(p)
	}
	if strings.HasSuffix(names[0], rootSuffix) {
		if e.author() == byParty {
			return nil, notEntitled("an entry of this kind is a party's, not the root's")
		}
		return s.rootKeys(names)
	}
	if e.author() == byRoot {
		return nil, notEntitled("an entry of this kind is the root's, not a party's")
	}
	if len(names) > 1 {
		return nil, notEntitled("a party's entry has one signer")
	}
	known, ok := s.parties[names[0]]
	if !ok {
		return nil, notEntitled("%s is no party of this exchange", names[0])
	}
	p, ok := known.entry.now()
	if !ok {
		return nil, problem.New(problem.KeyRevoked, "the authority of %s is revoked", names[0])
	}
	return p.Keys, nil
}

// admitters are founders by their threshold, and the party itself where its authority is
// in force, in the order of the names.
func (s *state) admitters(p *Party) (keys []*signed.PublicKey, err error) {
	founders := slices.DeleteFunc(slices.Clone(p.Signers), func(name string) bool { return name == p.Name })
	if _, err := s.rootKeys(founders); err != nil {
		return nil, err
	}
	before, inForce := s.party(p.Name).entry.now()
	switch signs := len(founders) < len(p.Signers); {
	case inForce && !signs:
		return nil, notEntitled("%s is in force: its authority signs its next entry beside the root", p.Name)
	case !inForce && signs:
		return nil, notEntitled("%s has no authority in force that could sign", p.Name)
	}
	for _, name := range p.Signers {
		if name == p.Name {
			keys = append(keys, before.Keys...)
		} else {
			keys = append(keys, s.founders[name]...)
		}
	}
	return keys, nil
}

func (s *state) rootKeys(names []string) ([]*signed.PublicKey, error) {
	var keys []*signed.PublicKey
	for _, name := range names {
		k, ok := s.founders[name]
		if !ok {
			return nil, notEntitled("%s is no founder of this exchange", name)
		}
		keys = append(keys, k...)
	}
	if len(names) < s.federation.Threshold {
		return nil, notEntitled("%d founders sign, the root asks for %d", len(names), s.federation.Threshold)
	}
	return keys, nil
}

// follows checks that an entry comes after its signer's last. A pre-signed
// revocation stands outside the chain.
func (s *state) follows(e Entry) error {
	l := e.link()
	if l.Previous == (signed.Hash{}) {
		if _, ok := e.(*Revocation); ok {
			return nil
		}
		return problem.New(problem.EntryOutOfOrder, "only a revocation may be signed beforehand")
	}
	if last, _ := s.previous(l.chain()); l.Previous != last {
		return problem.New(problem.EntryOutOfOrder, "the entry does not follow the last entry of %s", l.chain())
	}
	return nil
}

func (s *state) previous(signer string) (signed.Hash, bool) {
	if _, ok := s.founders[signer]; ok {
		return s.rootLast, true
	}
	_, ok := s.parties[signer]
	return s.party(signer).last, ok
}

// apply makes an admitted entry's facts.
func (s *state) apply(e Entry, at place) {
	l := e.link()
	s.texts[at.text] = true
	if l.Previous != (signed.Hash{}) {
		if _, root := s.founders[l.chain()]; root {
			s.rootLast = at.text
		} else {
			s.parties[l.chain()].last = at.text
		}
	}
	e.apply(s, at)
}

func invalid(format string, args ...any) error {
	return problem.New(problem.EntryInvalid, format, args...)
}

func notEntitled(format string, args ...any) error {
	return problem.New(problem.NotEntitled, format, args...)
}
