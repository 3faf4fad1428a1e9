package register

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"samband/certs"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// The exchange of these tests: founders Norway and Sweden, both needed; parties
// Finland, Norway and Sweden. Its keys come from a published seed, so entries
// are the same in every run but for their ML-DSA signatures and TLS keys.

const nordic = "nordic.example"

var (
	start = signed.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	noon  = signed.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	end   = signed.At(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
)

// keysOf derives the keys that an owner has for a use; generation tells one set
// from the next. Derived keys are remembered, since ML-DSA takes its time.
func keysOf(owner string, use signed.Use, generation int) []*signed.PrivateKey {
	name := fmt.Sprint(owner, use, generation)
	if known, ok := derived.Load(name); ok {
		return slices.Clone(known.([]*signed.PrivateKey))
	}
	keys := derive(owner, use, generation)
	derived.Store(name, keys)
	return slices.Clone(keys)
}

var derived sync.Map

func derive(owner string, use signed.Use, generation int) []*signed.PrivateKey {
	var keys []*signed.PrivateKey
	for _, alg := range signed.Uses[use] {
		k, err := signed.NewPrivateKey(owner, alg, seedOf(owner, use, alg, generation))
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
}

func seedOf(owner string, use signed.Use, alg signed.Algorithm, generation int) []byte {
	seed := sha256.Sum256(fmt.Appendf(nil, "samband register test %s %s %s %d", owner, use, alg, generation))
	return seed[:]
}

func rootKeys(parties ...string) []*signed.PrivateKey {
	var keys []*signed.PrivateKey
	for _, p := range parties {
		keys = append(keys, keysOf(RootName(p), signed.UseEntry, 0)...)
	}
	return keys
}

func partyKeys(party string) []*signed.PrivateKey { return keysOf(party, signed.UseEntry, 0) }

func logKey(origin string) *signed.PrivateKey { return keysOf(origin, signed.UseCheckpoint, 0)[0] }

// tlsKeyOf makes the TLS key of an owner, one for each generation. ECDSA draws no keys
// from a seed, so each is made once in a run.
func tlsKeyOf(owner string, generation int) *ecdsa.PrivateKey {
	name := fmt.Sprint("tls ", owner, generation)
	made, ok := derived.Load(name)
	if !ok {
		key, err := certs.NewKey()
		if err != nil {
			panic(err)
		}
		made, _ = derived.LoadOrStore(name, key)
	}
	return made.(*ecdsa.PrivateKey)
}

func tlsHash(key *ecdsa.PrivateKey) signed.Hash { return signed.HashOf(tlsBytes(key)) }

func tlsBytes(key *ecdsa.PrivateKey) []byte {
	der, err := certs.MarshalPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

func federation() *Federation {
	f := &Federation{
		Name:      nordic,
		Nonce:     signed.ID{1, 2, 3},
		Threshold: 2,
		Broker: Broker{
			Audit:      logKey(nordic + "/audit").Public,
			Register:   logKey(nordic + "/register").Public,
			Operator:   logKey(OperatorName(nordic)).Public,
			ServerKeys: ServerKeys{tlsHash(tlsKeyOf("broker", 0)), tlsHash(tlsKeyOf("broker", 1))},
		},
		Policy: PolicyLogged,
	}
	for _, p := range []string{"no", "se"} {
		f.Founders = append(f.Founders, Founder{p, signed.PublicKeys(rootKeys(p))})
	}
	return f
}

func note(t testing.TB, text string, keys ...*signed.PrivateKey) []byte {
	t.Helper()
	n, err := signed.Sign(text, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return n.Bytes()
}

// An exchange under test.
type exchange struct {
	*Register
	t testing.TB
}

// found begins an exchange with nothing but its federation file.
func found(t testing.TB) exchange {
	t.Helper()
	r, err := New(note(t, federation().Text(), rootKeys("no", "se")...))
	if err != nil {
		t.Fatal(err)
	}
	return exchange{r, t}
}

// settled is an exchange with three parties, a desk each, a catalogue and one
// agreement in force between Finland and Sweden.
func settled(t testing.TB) exchange {
	t.Helper()
	settledOnce.Do(func() { settledEntries = settle(t).Entries(0) })
	r, err := Replay(settledEntries)
	if err != nil {
		t.Fatal(err)
	}
	return exchange{r, t}
}

var (
	settledOnce    sync.Once
	settledEntries [][]byte
)

func settle(t testing.TB) exchange {
	t.Helper()
	x := found(t)
	x.settle()
	return x
}

func (x exchange) settle() {
	x.t.Helper()
	for _, p := range []string{"fi", "no", "se"} {
		x.enter(x.party(p))
		x.enter(x.desk(p+".spoc", 0))
	}
	x.enter(x.catalogue("1.0"))
	a := x.agreement("fi", "se")
	x.enter(a)
	x.enter(x.accede("se", a.Hash()))
}

func (x exchange) link(signers ...string) Link {
	previous, _ := x.Previous(signers[0])
	return Link{x.Exchange(), previous, signers}
}

func (x exchange) root() Link { return x.link("no/root", "se/root") }

// party admits a party; one that is in force signs too.
func (x exchange) party(name string) *Party {
	l := x.root()
	if _, ok := x.state.party(name).entry.now(); ok {
		l.Signers = slices.Sorted(slices.Values(append(l.Signers, name)))
	}
	return &Party{l, name, "Party " + name, signed.PublicKeys(partyKeys(name))}
}

// A keyring is the private halves of a desk's keys.
type keyring struct {
	message, consignment []*signed.PrivateKey
	tls                  *ecdsa.PrivateKey
	opening              string
}

func ringsOf(addr string, generation int) keyring {
	return keyring{
		keysOf(addr, signed.UseMessage, generation), keysOf(addr, signed.UseConsignment, generation),
		tlsKeyOf(addr, generation), fmt.Sprintf("age1pq1%s%d", signed.HashOf(addr).String()[:20], generation),
	}
}

// request is a desk's, before it is proven and signed.
func (x exchange) request(addr string, r keyring) *Request {
	return &Request{
		Exchange: x.Exchange(), Address: signed.Address(addr), Zone: "Europe/Helsinki",
		DeskKeys: DeskKeys{Message: signed.PublicKeys(r.message), Consignment: signed.PublicKeys(r.consignment), Opening: r.opening, Versions: []int64{1}},
		TLSKey:   tlsBytes(r.tls),
	}
}

// prove signs a request with all keys of a ring.
func (r keyring) prove(t testing.TB, c *Request) []byte {
	t.Helper()
	var err error
	if c.Proof, err = certs.Prove(r.tls, c.ProofText()); err != nil {
		t.Fatal(err)
	}
	return note(t, c.Text(), slices.Concat(r.message, r.consignment)...)
}

func (x exchange) desk(addr string, generation int) *Desk {
	return x.deskOf(addr, ringsOf(addr, generation))
}

func (x exchange) deskOf(addr string, r keyring) *Desk {
	return x.deskBy(signed.Address(addr).Party(), r.prove(x.t, x.request(addr, r)))
}

// deskBy is the entry that a party makes of a request.
func (x exchange) deskBy(party string, request []byte) *Desk {
	x.t.Helper()
	d, err := NewDesk(x.link(party), Directory{
		Title: "Yhteyspiste", Functions: []Function{"spoc", "ncb"},
		Languages: []string{"fi", "sv", "en"}, Hours: "24/7", Telephone: "+358 295 000 000",
	}, signed.Time{}, request)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

// servers names TLS keys of the broker, by their generations.
func (x exchange) servers(number int64, inUse, offline int) *BrokerKeys {
	return &BrokerKeys{x.root(), number, ServerKeys{tlsHash(tlsKeyOf("broker", inUse)), tlsHash(tlsKeyOf("broker", offline))}}
}

func (x exchange) catalogue(version string) *Catalogue {
	c := &Catalogue{Link: x.root(), Bundle: schema.BundleHash(signed.HashOf("bundle " + version))}
	for _, name := range []string{"ANSWER", "INFO_REQUEST"} {
		c.Types = append(c.Types, envelope.TypeRef{Name: name, Version: version, Hash: signed.HashOf(name + version)})
	}
	return c
}

func (x exchange) agreement(proposer, other string) *Agreement {
	return &Agreement{
		Link: x.link(proposer), Title: "Pohjoismainen sopimus", Parties: []string{proposer, other},
		Types: []string{"INFO_REQUEST"}, Copies: []CopyRule{{Copy{"no.spoc", "NOTICE"}, []string{"INFO_REQUEST"}}},
		Purposes: []string{"INVESTIGATE_CRIME"},
		Ceiling:  envelope.Unclassified, From: start, Until: end,
	}
}

func (x exchange) accede(party string, agreement signed.Hash) *Accession {
	return &Accession{x.link(party), agreement}
}

// ringAll names both rings of a desk, or a party's authority.
const ringAll = "all"

// revoke names what is in force, or the hash of nothing.
func (x exchange) revoke(signer, subject, ring string) *Revocation {
	v := &Revocation{Link: x.link(signer)}
	if signer == "root" {
		v.Link = x.root()
	}
	addr, err := signed.ParseAddress(subject)
	if err != nil {
		v.Party, v.Rings = subject, []RingHash{{RingAuthority, signed.HashOf("nobody")}}
		if p, ok := x.state.party(subject).entry.now(); ok {
			v.Rings[0] = p.AuthorityHash()
		}
		return v
	}
	v.Desk = addr
	for _, r := range []Ring{Locked, Online} {
		if ring != ringAll && ring != ringWords[r] {
			continue
		}
		hash := RingHash{ringWords[r], signed.HashOf("nobody")}
		if d, ok := x.state.desk(addr).entry.now(); ok {
			hash = d.RingHash(r)
		}
		v.Rings = append(v.Rings, hash)
	}
	return v
}

// sign signs an entry as its own lines ask.
func (x exchange) sign(e Entry) []byte {
	x.t.Helper()
	var keys []*signed.PrivateKey
	for _, s := range e.link().Signers {
		keys = append(keys, keysOf(s, signed.UseEntry, 0)...)
	}
	return note(x.t, e.Text(), keys...)
}

func (x exchange) enter(e Entry) {
	x.t.Helper()
	if _, err := x.Append(x.sign(e)); err != nil {
		x.t.Fatalf("%s: %v", signed.FirstLine(e.Text()), err)
	}
}

// header is one that may pass at noon.
func (x exchange) header() *envelope.Header {
	v := x.Now()
	to, _ := v.Desk("fi.spoc")
	typ, _ := v.Type("INFO_REQUEST")
	return &envelope.Header{
		Exchange: x.Exchange(), ID: signed.ID{7}, Type: typ,
		From: "se.spoc", To: "fi.spoc", ToKey: to.OpeningID(),
		Conversation: signed.ID{9}, Created: noon, Expires: noon.Add(24 * time.Hour),
		Agreement: v.Agreements()[0].Hash(), Urgency: envelope.Urgent, Classification: envelope.Unclassified,
		AsOfAudit:    signed.Head{Origin: nordic + "/audit"},
		AsOfRegister: v.Head(),
		Sealed:       envelope.SealedOf([]byte("sealed")),
	}
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if want != "" && problem.CodeOf(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
