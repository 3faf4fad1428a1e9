package register

import (
	"crypto/sha256"
	"crypto/x509"
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
// are the same in every run but for their ML-DSA signatures and certificates.

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
		seed := sha256.Sum256(fmt.Appendf(nil, "samband register test %s %s %s %d", owner, use, alg, generation))
		k, err := signed.NewPrivateKey(owner, alg, seed[:])
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
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

// Certificates contain the time and randomness, so each CA is made once.
var caOf = func() func(name string) *x509.Certificate {
	var mu sync.Mutex
	made := map[string]*x509.Certificate{}
	return func(name string) *x509.Certificate {
		mu.Lock()
		defer mu.Unlock()
		if made[name] == nil {
			make := func() (*x509.Certificate, error) {
				if name == "broker" {
					ca, _, err := certs.NewBrokerCA(nordic, start.AsTime())
					return ca, err
				}
				ca, _, err := certs.NewCA(name, nordic, start.AsTime())
				return ca, err
			}
			ca, err := make()
			if err != nil {
				panic(err)
			}
			made[name] = ca
		}
		return made[name]
	}
}()

func federation() *Federation {
	f := &Federation{
		Name:      nordic,
		Nonce:     signed.ID{1, 2, 3},
		Threshold: 2,
		Broker: Broker{
			Audit:    logKey(nordic + "/audit").Public,
			Register: logKey(nordic + "/register").Public,
			Operator: logKey(OperatorName(nordic)).Public,
			BrokerCA: caOf("broker").Raw,
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
	for _, p := range []string{"fi", "no", "se"} {
		x.enter(x.party(p))
		x.enter(x.ca(p, p))
		x.enter(x.desk(p+".spoc", 0))
	}
	x.enter(x.catalogue("1.0"))
	a := x.agreement("fi", "se")
	x.enter(a)
	x.enter(x.accede("se", a.Hash()))
	return x
}

func (x exchange) link(signers ...string) Link {
	previous, _ := x.Previous(signers[0])
	return Link{x.Exchange(), previous, signers}
}

func (x exchange) root() Link { return x.link("no/root", "se/root") }

func (x exchange) party(name string) *Party {
	return &Party{x.root(), name, "Party " + name, signed.PublicKeys(partyKeys(name))}
}

func (x exchange) ca(party, which string) *CA {
	return &CA{Link: x.link(party), DER: caOf(which).Raw}
}

func deskKeys(addr string, generation int) DeskKeys {
	return DeskKeys{
		Message:     signed.PublicKeys(keysOf(addr, signed.UseMessage, generation)),
		Consignment: signed.PublicKeys(keysOf(addr, signed.UseConsignment, generation)),
		TLS:         signed.HashOf(fmt.Sprintf("tls %s %d", addr, generation)),
		Opening:     fmt.Sprintf("age1pq1%s%d", signed.HashOf(addr).String()[:20], generation),
		Versions:    []int64{1},
	}
}

func (x exchange) desk(addr string, generation int) *Desk {
	return &Desk{
		Link:    x.link(signed.Address(addr).Party()),
		Address: signed.Address(addr),
		Zone:    "Europe/Helsinki",
		Directory: Directory{
			Title: "Yhteyspiste", Functions: []Function{"spoc", "ncb"},
			Languages: []string{"fi", "sv", "en"}, Hours: "24/7", Telephone: "+358 295 000 000",
		},
		DeskKeys: deskKeys(addr, generation),
	}
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

func (x exchange) revoke(signer, subject, ring string) *Revocation {
	v := &Revocation{Link: x.link(signer), Ring: ring}
	if signer == "root" {
		v.Link = x.root()
	}
	if addr, err := signed.ParseAddress(subject); err == nil {
		v.Desk = addr
	} else {
		v.Party = subject
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
