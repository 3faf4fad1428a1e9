package register

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

var (
	modelSeed     = flag.Uint64("model.seed", 0, "seed of TestModel's sequences; 0 draws one")
	modelSequence = flag.Int("model.sequence", -1, "the only sequence that TestModel draws")
)

// TestModel draws sequences of entries, good and bad, and asks the register and the model
// about each: they give the same code, and the same is in force after it. The same seed
// and number draw the same sequence, but for the random part of its signatures.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-model.seed=%d", seed)
	bases := []*drawBase{newDrawBase(t, 2), newDrawBase(t, 1)}
	counts := &drawCounts{of: map[string]int{}}
	if *modelSequence >= 0 {
		drawBranch(t, drawTrunk(t, bases, seed, *modelSequence/modelBranches, counts), seed, *modelSequence, counts)
		return
	}
	began := time.Now()
	t.Run("sequences", func(t *testing.T) {
		for worker := range modelWorkers {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for n := worker * modelBranches; n < modelSequences; n += modelWorkers * modelBranches {
					trunk := drawTrunk(t, bases, seed, n/modelBranches, counts)
					for branch := range modelBranches {
						drawBranch(t, trunk, seed, n+branch, counts)
					}
					if n%5000 == 0 {
						t.Logf("sequence %d after %s: %s", n, time.Since(began).Round(time.Second), counts)
					}
				}
			})
		}
	})
	t.Logf("%d sequences in %s: %s", modelSequences, time.Since(began).Round(time.Second), counts)
}

// modelBranches is how many sequences have their beginning in common.
const modelBranches = 20

type drawCounts struct {
	sync.Mutex
	of map[string]int
}

func (c *drawCounts) add(code string) {
	if code == "" {
		code = "entered"
	}
	c.Lock()
	c.of[code]++
	c.Unlock()
}

func (c *drawCounts) String() string {
	c.Lock()
	defer c.Unlock()
	return fmt.Sprint(c.of)
}

// A drawBase is where sequences begin: parties, desks, a catalogue and an agreement.
type drawBase struct {
	register *Register
	model    *modelRegister
	notes    []string
}

func newDrawBase(t *testing.T, threshold int) *drawBase {
	f := federation()
	f.Threshold = threshold
	r, err := New(note(t, f.Text(), rootKeys("no", "se")...))
	if err != nil {
		t.Fatal(err)
	}
	x := exchange{r, t}
	x.settle()
	b := &drawBase{register: r}
	for i, n := range r.Entries(0) {
		b.notes = append(b.notes, string(n))
		if i == 0 {
			b.model = modelFound(string(n))
		} else if code := b.model.enter(string(n)); code != "" {
			t.Fatalf("the model refuses entry %d of the base: %s\n%s", i, code, n)
		}
	}
	return b
}

// A draw is one sequence.
type draw struct {
	exchange
	*rand.Rand
	model *modelRegister
	notes []string // so far, refused ones too
}

// drawTrunk draws the beginning that some sequences have in common, and returns the
// draws of its steps, from each of which a sequence may go on.
func drawTrunk(t *testing.T, bases []*drawBase, seed uint64, group int, counts *drawCounts) []*draw {
	random := rand.New(rand.NewPCG(seed, 1<<32+uint64(group)))
	base := bases[random.IntN(len(bases))]
	d := &draw{exchange{base.register, t}, random, base.model, base.notes}
	trunk := []*draw{d}
	for range 8 {
		d = d.fork(t, random)
		d.step(fmt.Sprintf("-model.seed=%d -model.sequence=%d", seed, group*modelBranches), counts)
		trunk = append(trunk, d)
	}
	return trunk
}

// drawBranch draws the rest of one sequence.
func drawBranch(t *testing.T, trunk []*draw, seed uint64, number int, counts *drawCounts) {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	d := trunk[random.IntN(len(trunk))].fork(t, random)
	again := fmt.Sprintf("-model.seed=%d -model.sequence=%d", seed, number)
	size, facts, tls := d.Size(), d.model.facts(), slices.Sorted(maps.Keys(d.model.tls))
	for range 1 + d.IntN(5) {
		d.step(again, counts)
	}
	// What was in force once, stays so at that size.
	then := strings.Join(slices.DeleteFunc(strings.SplitAfter(facts, "\n"), func(line string) bool { return strings.HasPrefix(line, "last ") }), "")
	if got := sortLines(factsOf(d.At(size), tls)); got != then {
		t.Fatalf("%s: at size %d in force was\n%s\nby the model\n%s", again, size, got, then)
	}
}

func (d *draw) fork(t *testing.T, random *rand.Rand) *draw {
	return &draw{exchange{d.Register.Fork(), t}, random, d.model.clone(), slices.Clone(d.notes)}
}

// step draws an entry and asks register and model about it.
func (d *draw) step(again string, counts *drawCounts) {
	d.t.Helper()
	n := d.next()
	want := d.model.enter(n)
	_, err := d.Append([]byte(n))
	counts.add(want)
	if got := string(problem.CodeOf(err)); err == nil && want != "" || err != nil && got != want {
		d.t.Fatalf("%s: the register says %q (%v), the model %q, of\n%s", again, got, err, want, n)
	}
	d.notes = append(d.notes, n)
	if want != "" && !d.chance(10) {
		return
	}
	facts := d.model.facts()
	if got := sortLines(factsOf(d.Now(), slices.Sorted(maps.Keys(d.model.tls))) + d.lasts()); got != facts {
		d.t.Fatalf("%s: in force is\n%s\nby the model\n%s\nafter %q\n%s", again, got, facts, want, n)
	}
}

func sortLines(s string) string {
	lines := strings.SplitAfter(s, "\n")
	lines = lines[:len(lines)-1]
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// factsOf says of the register what modelRegister.facts says of the model.
func factsOf(v View, tls []string) string {
	var b strings.Builder
	keys, number := v.Servers()
	fmt.Fprintln(&b, "broker", number, [2]string{keys.InUse.String(), keys.Offline.String()})
	catalogue := ""
	if c, ok := v.r.state.catalogue.at(v.size); ok {
		catalogue = fmt.Sprintf("%s %q", c.Bundle, valuesOf(c.Text(), "type"))
	}
	fmt.Fprintln(&b, "catalogue", catalogue)
	for _, p := range v.Parties() {
		fmt.Fprintln(&b, "party", p.Name, valuesOf(p.Text(), "title")[0], signed.EncodeBytes(p.Keys[0].Bytes), signed.HashOf(signed.EncodeBytes(p.Keys[1].Bytes)))
	}
	for _, d := range v.Desks() {
		text := d.Text()
		until := ""
		if !d.Until.IsZero() {
			until = d.Until.String()
		}
		directory := fmt.Sprint(valuesOf(text, "function"), valuesOf(text, "language"), valuesOf(text, "hours")[0], valuesOf(text, "telephone")[0], until)
		fmt.Fprintln(&b, "desk", d.Address, valuesOf(text, "title")[0], directory, signed.HashOf(d.Card), v.Revoked(d.Address, Locked), v.Revoked(d.Address, Online))
	}
	for _, key := range tls {
		hash, _ := signed.ParseHash(key)
		addr, _ := v.Caller(hash, start)
		fmt.Fprintln(&b, "tls", key, addr)
	}
	for _, a := range v.Agreements() {
		known, _ := v.agreement(a.Hash())
		bound := slices.DeleteFunc(slices.Clone(a.Parties), func(p string) bool { return !v.isBound(known, p) })
		fmt.Fprintln(&b, "agreement", a.Hash(), a.Parties, bound)
	}
	return b.String()
}

// lasts are the ends of the chains.
func (d *draw) lasts() string {
	root, _ := d.Previous("no/root")
	b := fmt.Sprintln("last", root)
	for name := range d.state.parties {
		last, _ := d.Previous(name)
		b += fmt.Sprintln("last", name, last)
	}
	return b
}

// valuesOf are the values of a text's lines of a name.
func valuesOf(text, name string) (values []string) {
	for line := range strings.SplitSeq(text, "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			values = append(values, v)
		}
	}
	return values
}

func (d *draw) chance(percent int) bool { return d.IntN(100) < percent }

func pick[E any](d *draw, all ...E) E { return all[d.IntN(len(all))] }

var drawParties = []string{"dk", "ee", "fi", "no", "se"}

func (d *draw) party() string { return pick(d, drawParties...) }

// known is a party of the register, mostly.
func (d *draw) known() string {
	if d.chance(85) {
		return pick(d, slices.Sorted(maps.Keys(d.state.parties))...)
	}
	return d.party()
}

func (d *draw) address() string {
	if d.chance(60) && len(d.state.order) > 0 {
		return string(pick(d, d.state.order...))
	}
	return d.known() + pick(d, ".spoc", ".ncb")
}

// next is the next note to ask about.
func (d *draw) next() string {
	if d.chance(4) {
		return pick(d, d.notes...) // an old one as it was
	}
	text := d.entry()
	if d.chance(30) {
		text = d.bend(text)
	}
	if d.chance(5) {
		text = d.again()
	}
	if _, _, code := d.model.judgeText(text); code != "" {
		return text + "\n" + dash + "fi AAAAAAAA\n" // no signature is looked at
	}
	return d.signed(text)
}

// again is an old text in its place of now.
func (d *draw) again() string {
	text, _, _ := strings.Cut(pick(d, d.notes...), "\n\n")
	signers := valuesOf(text, "signer")
	if len(signers) == 0 {
		return text + "\n"
	}
	chain := signers[0]
	for _, s := range signers {
		if strings.HasSuffix(s, rootSuffix) {
			chain = s
		}
	}
	previous, _ := d.Previous(chain)
	return setLine(text+"\n", "previous", previous.String())
}

func setLine(text, name, value string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, name+" ") {
			lines[i] = name + " " + value
			break
		}
	}
	return strings.Join(lines, "\n")
}

// link is the chain's end, signed as threshold and chance want it.
func (d *draw) byRoot() Link {
	l := d.exchange.root()
	if d.Federation().Threshold == 1 && d.chance(60) || d.chance(5) {
		l.Signers = []string{pick(d, l.Signers...)}
	}
	return l
}

func (d *draw) entry() string {
	switch d.IntN(20) {
	case 0, 1:
		return with(d.exchange.party(d.party()), func(p *Party) {
			consent := slices.DeleteFunc(slices.Clone(p.Signers), func(s string) bool { return strings.HasSuffix(s, rootSuffix) })
			p.Link = d.byRoot()
			p.Signers = slices.Sorted(slices.Values(append(p.Signers, consent...)))
			p.Keys = signed.PublicKeys(keysOf(p.Name, signed.UseEntry, d.IntN(3)))
			p.Title = pick(d, "Party "+p.Name, "Osapuoli \u00e4 \U0001f6a8 \"x\\y\"")
		}).Text()
	case 2:
		return with(d.exchange.catalogue(pick(d, "1.0", "2.0", "3.0")), func(c *Catalogue) { c.Link = d.byRoot() }).Text()
	case 3:
		return (&Clock{d.byRoot(), int64(d.IntN(3)), noon.Add(time.Duration(d.IntN(2)) * time.Hour)}).Text()
	case 4, 5:
		return d.brokerKeys().Text()
	case 6, 7, 8, 9, 10:
		return d.deskEntry().Text()
	case 11, 12:
		return d.proposal().Text()
	case 13, 14, 15:
		hash := signed.HashOf("nothing")
		if all := d.Now().Agreements(); len(all) > 0 && d.chance(95) {
			hash = pick(d, all...).Hash()
		}
		return d.accede(d.known(), hash).Text()
	}
	return d.revocation().Text()
}

func (d *draw) brokerKeys() *BrokerKeys {
	keys, number := d.Now().Servers()
	b := d.servers(number+1, d.IntN(4), d.IntN(4))
	b.Link = d.byRoot()
	switch {
	case d.chance(20):
		b.ServerKeys = ServerKeys{keys.Offline, keys.InUse}
	case d.chance(20):
		b.InUse = keys.Offline
	case d.chance(10):
		b.Number = number + int64(d.IntN(3))
	case d.chance(10):
		b.Offline = tlsHash(tlsKeyOf(d.address(), d.IntN(2)))
	}
	return b
}

func (d *draw) proposal() *Agreement {
	proposer := d.known()
	return with(d.agreement(proposer, d.known()), func(a *Agreement) {
		if d.chance(30) {
			a.Parties = append(a.Parties, d.party())
		}
		if d.chance(5) {
			a.Parties[0] = d.party()
		}
		if !d.chance(3) {
			a.Parties = slices.Compact(slices.Sorted(slices.Values(a.Parties)))
		}
		if d.chance(5) {
			a.Until = pick(d, a.From, a.From.Add(-time.Second), a.From.Add(time.Second))
		}
		a.Title = pick(d, "Sopimus", "Avtal")
	})
}

func (d *draw) revocation() *Revocation {
	subject := d.address()
	if d.chance(30) {
		subject = d.known()
	}
	signer, _, _ := strings.Cut(subject, ".")
	switch {
	case !strings.Contains(subject, ".") && d.chance(50) || d.chance(5):
		signer = "root"
	case d.chance(8):
		signer = d.known()
	}
	v := d.revoke(signer, subject, pick(d, ringAll, RingLocked, RingOnline))
	if signer == "root" {
		v.Link = d.byRoot()
	}
	if d.chance(30) {
		v.Previous, v.Nonce = signed.Hash{}, signed.ID{byte(d.IntN(3))}
	}
	if d.chance(20) {
		v.SuspectedSince = noon
	}
	if d.chance(5) && len(v.Rings) > 0 {
		v.Rings[0].Hash = signed.HashOf("another")
	}
	return v
}

// drawRings mixes the keys of a desk's generations, such as it has after a revocation.
func (d *draw) drawRings(addr string) (r keyring, name string) {
	g := [4]int{d.IntN(3)}
	g[1], g[2], g[3] = g[0], g[0], g[0]
	if d.chance(30) {
		g[d.IntN(4)] = d.IntN(3)
	}
	if d.chance(20) { // the online ring alone is new
		g[1] = d.IntN(3)
		g[2] = g[1]
	}
	r = keyring{ringsOf(addr, g[0]).message, ringsOf(addr, g[1]).consignment, tlsKeyOf(addr, g[2]), ringsOf(addr, g[3]).opening}
	name = fmt.Sprint(addr, g)
	switch {
	case d.chance(2):
		r.consignment, name = slices.Clone(r.message[:1]), name+" one key"
	case d.chance(2):
		r.tls, name = tlsKeyOf("broker", 0), name+" broker's"
	case d.chance(2):
		other := d.address()
		r.tls, name = tlsKeyOf(other, 0), name+other
	}
	return r, name
}

// drawn are the requests of all sequences, by what they say.
var drawn sync.Map

func (d *draw) deskEntry() *Desk {
	addr := d.address()
	r, name := d.drawRings(addr)
	name += d.Exchange().String()
	made, ok := drawn.Load(name)
	if !ok {
		made, _ = drawn.LoadOrStore(name, r.prove(d.t, d.exchange.request(addr, r)))
	}
	request := made.([]byte)
	party, _, _ := strings.Cut(addr, ".")
	if d.chance(5) {
		party = d.known()
	}
	e := d.deskBy(party, request)
	if d.chance(10) {
		e.Telephone = "+358 295 111 111"
	}
	if d.chance(10) {
		e.Until = end
	}
	if d.chance(20) {
		e.Card = d.bendRequest(request, r)
	}
	return e
}

// signed signs a text as its lines ask, mostly.
func (d *draw) signed(text string) string {
	var lines []string
	sign := func(keys []*signed.PrivateKey) {
		for _, k := range keys {
			lines = append(lines, lineOf(d.t, k, text))
		}
	}
	for _, s := range valuesOf(text, "signer") {
		generation := 0
		if p, ok := d.state.party(s).entry.now(); ok {
			for g := range 3 {
				if bytes.Equal(keysOf(s, signed.UseEntry, g)[0].Public.Bytes, p.Keys[0].Bytes) {
					generation = g
				}
			}
		}
		if d.chance(3) {
			generation = d.IntN(3)
		}
		sign(keysOf(s, signed.UseEntry, generation))
	}
	if d.chance(3) {
		sign(keysOf(d.party(), signed.UseEntry, 0)[:1])
	}
	if d.chance(12) {
		lines = d.bendSigs(lines)
	}
	return text + "\n" + strings.Join(lines, "")
}

// written remembers signature lines, since many texts come again. The model takes them for
// good without a check, which is dear; the register checks each.
var written struct {
	sync.Mutex
	lines map[string]string
}

func lineOf(t testing.TB, k *signed.PrivateKey, text string) string {
	name := fmt.Sprintf("%s %08x %s", k.Public.Name, k.Public.KeyHash(), signed.HashOf(text))
	written.Lock()
	line, ok := written.lines[name]
	written.Unlock()
	if ok {
		return line
	}
	made, err := signed.Sign(text, k)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ = strings.Cut(string(made.Bytes()), "\n\n")
	modelKnown.signatures.Store(modelSignature(modelKey{algorithm: string(k.Public.Algorithm), key: signed.EncodeBytes(k.Public.Bytes)}, text, string(made.Signatures[0].Sig)), true)
	written.Lock()
	if len(written.lines) > 40_000 || written.lines == nil {
		written.lines = map[string]string{}
	}
	written.lines[name] = line
	written.Unlock()
	return line
}
