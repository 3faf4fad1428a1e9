package register

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// dump writes down everything that a view says.
func dump(v View) string {
	var b strings.Builder
	fmt.Fprintln(&b, v.Size(), v.Head())
	servers, number := v.Servers()
	fmt.Fprintln(&b, servers, number)
	for _, p := range v.Parties() {
		fmt.Fprint(&b, p.Text())
	}
	for _, d := range v.Desks() {
		caller, err := v.Caller(d.TLS, noon)
		fmt.Fprintln(&b, d.Text(), caller, err, v.Revoked(d.Address, Online), v.Revoked(d.Address, Locked))
	}
	if c, ok := v.r.state.catalogue.at(v.size); ok {
		fmt.Fprintln(&b, c.Types)
	}
	for _, a := range v.Agreements() {
		fmt.Fprintln(&b, a.Hash())
		known := v.r.state.agreements[a.Hash()]
		for _, p := range a.Parties {
			fmt.Fprintln(&b, p, v.isBound(known, p), v.everBound(known, p))
		}
	}
	for _, one := range parties {
		for _, other := range parties {
			for _, a := range v.AgreementsBetween(one, other, noon) {
				fmt.Fprintln(&b, one, other, a.Hash())
			}
		}
	}
	return b.String()
}

var parties = []string{"fi", "no", "se"}

// What a register says of a size never changes: whatever was entered since, it
// is what a register says that was replayed only so far.
func TestViewsNeverChange(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := settled(t)
		if rapid.Bool().Draw(rt, "from the beginning") {
			x = found(t)
		}
		before := map[int64]string{x.Size(): dump(x.Now())}
		steps := rapid.IntRange(1, 8).Draw(rt, "steps")
		for i := range steps {
			if e := drawEntry(rt, x, i); e != nil {
				if _, err := x.Append(x.sign(e)); err == nil {
					before[x.Size()] = dump(x.Now())
				} else if _, named := problem.Of(err); !named {
					rt.Fatal(err)
				}
			}
		}
		for size, want := range before {
			if got := dump(x.At(size)); got != want {
				rt.Fatalf("at %d of %d:\n%s\nwas:\n%s", size, x.Size(), got, want)
			}
		}
		size := rapid.SampledFrom(slices.Sorted(maps.Keys(before))).Draw(rt, "size")
		again, err := Replay(x.Entries(0)[:size])
		if err != nil {
			rt.Fatal(err)
		}
		if got := dump(again.Now()); got != before[size] {
			rt.Fatalf("replayed to %d:\n%s\nwas:\n%s", size, got, before[size])
		}
	})
}

// drawEntry makes an entry that a register may well take, or refuse.
func drawEntry(rt *rapid.T, x exchange, i int) Entry {
	one := rapid.SampledFrom(parties).Draw(rt, "party")
	other := rapid.SampledFrom(parties).Draw(rt, "other")
	switch rapid.SampledFrom([]string{"party", "servers", "desk", "desk", "catalogue", "agreement", "accede", "revoke"}).Draw(rt, "kind") {
	case "party":
		return x.party(one)
	case "servers":
		return x.servers(rapid.Int64Range(0, 2).Draw(rt, "number"), rapid.IntRange(0, 3).Draw(rt, "in use"), rapid.IntRange(0, 3).Draw(rt, "offline"))
	case "desk":
		return x.desk(one+".spoc", rapid.IntRange(0, 2).Draw(rt, "generation"))
	case "catalogue":
		return x.catalogue(fmt.Sprintf("1.%d", i))
	case "agreement":
		if one < other {
			return x.agreement(one, other)
		}
	case "accede":
		if all := x.Now().Agreements(); len(all) > 0 {
			return x.accede(one, rapid.SampledFrom(all).Draw(rt, "agreement").Hash())
		}
	case "revoke":
		return x.revoke(one, one+".spoc", rapid.SampledFrom([]string{RingOnline, RingLocked, ringAll}).Draw(rt, "ring"))
	}
	return nil
}

func TestReplayRefusesEntriesOutOfOrder(t *testing.T) {
	entries := settled(t).Entries(0)
	for i := 1; i < len(entries); i++ {
		for j := i + 1; j < len(entries); j++ {
			if chainOf(t, entries[i]) != chainOf(t, entries[j]) {
				continue
			}
			swapped := slices.Clone(entries)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			left := slices.Delete(slices.Clone(entries), i, i+1)
			for what, bad := range map[string][][]byte{"swapped": swapped, "left out": left} {
				if _, err := Replay(bad); err == nil {
					t.Errorf("entries %d and %d of one signer %s: taken", i, j, what)
				}
			}
		}
	}
	if _, err := Replay(nil); problem.CodeOf(err) != problem.EntryInvalid {
		t.Errorf("no entries: %v", err)
	}
}

// A fork says what its register says, and each grows without the other.
func TestFork(t *testing.T) {
	entries := settled(t).Entries(0)
	whole, err := Replay(entries)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1; size < len(entries); size++ {
		r, err := Replay(entries[:size])
		if err != nil {
			t.Fatal(err)
		}
		f := r.Fork()
		for i, e := range entries[size:] {
			if _, err := f.Append(e); err != nil {
				t.Fatalf("forked at %d, entry %d: %v", size, size+i, err)
			}
		}
		if r.Size() != int64(size) || f.Head() != whole.Head() {
			t.Fatalf("forked at %d: %d entries, and the fork has the head %v", size, r.Size(), f.Head())
		}
		for _, e := range entries[size:] { // what the fork took, the register still lacks
			if _, err := r.Append(e); err != nil {
				t.Fatalf("beside the fork: %v", err)
			}
		}
		if !reflect.DeepEqual(r.Now().Desks(), f.Now().Desks()) || r.Head() != f.Head() {
			t.Fatalf("forked at %d, the two tell of other desks", size)
		}
	}
}

func chainOf(t *testing.T, entry []byte) string {
	t.Helper()
	n, err := signed.ParseNote(entry)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseEntry(n.Text)
	if err != nil {
		t.Fatal(err)
	}
	l := ChainLink(e)
	return l.chain()
}

func TestCheckHead(t *testing.T) {
	x := settled(t)
	past := x.At(3).Head()
	for name, c := range map[string]struct {
		want problem.Code
		head signed.Head
	}{
		"now":                     {"", x.Head()},
		"past":                    {"", past},
		"nothing yet":             {"", signed.Head{Origin: past.Origin, Root: auditlog.EmptyRoot}},
		"nothing yet, and a root": {problem.HeadContradicts, signed.Head{Origin: past.Origin, Root: past.Root}},
		"other log":               {problem.WrongExchange, signed.Head{Origin: "nordic.example/audit", Size: 3, Root: past.Root}},
		"ahead":                   {problem.HeadAhead, signed.Head{Origin: past.Origin, Size: x.Size() + 1, Root: past.Root}},
		"other root":              {problem.HeadContradicts, signed.Head{Origin: past.Origin, Size: 4, Root: past.Root}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, x.CheckHead(c.head), c.want) })
	}
}

func TestAtPanicsOutsideTheRegister(t *testing.T) {
	x := settled(t)
	for _, size := range []int64{-1, 0, x.Size() + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At(%d) gave a view", size)
				}
			}()
			x.At(size)
		}()
	}
}

// A TLS key makes the connections of the desk that the register names it for, and of no
// other, at each size.
func TestCaller(t *testing.T) {
	x := settled(t)
	key := func(addr string, generation int) signed.Hash { return tlsHash(tlsKeyOf(addr, generation)) }
	before := x.Now()
	if addr, err := before.Caller(key("fi.spoc", 0), noon); err != nil || addr != "fi.spoc" {
		t.Errorf("its own key: %s, %v", addr, err)
	}
	refused := func(v View, key signed.Hash, now signed.Time, want string) {
		t.Helper()
		_, err := v.Caller(key, now)
		wantCode(t, err, problem.CertificateRefused)
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refused(before, key("fi.spoc", 1), noon, "names this TLS key for no desk")
	refused(before, key("broker", 0), noon, "names this TLS key for no desk")
	x.enter(with(x.desk("fi.spoc", 1), func(d *Desk) { d.Until = noon }))
	refused(x.Now(), key("fi.spoc", 0), noon, "names another TLS key for fi.spoc")
	refused(before, key("fi.spoc", 1), noon, "another TLS key")
	if addr, err := before.Caller(key("fi.spoc", 0), noon); err != nil || addr != "fi.spoc" {
		t.Errorf("a view changed: %s, %v", addr, err)
	}
	// Its end stops messages, and words about those before it 60 days later.
	if _, err := x.Now().Caller(key("fi.spoc", 1), noon.Add(60*24*time.Hour-time.Second)); err != nil {
		t.Errorf("60 days after its end: %v", err)
	}
	refused(x.Now(), key("fi.spoc", 1), noon.Add(60*24*time.Hour), "ended")
}

// Keys of the broker come by the register, or as the file of the entry alone.
func TestBrokerKeys(t *testing.T) {
	x := settled(t)
	if keys, number := x.Now().Servers(); number != 0 || keys != x.Federation().ServerKeys {
		t.Errorf("at first: %v, %d", keys, number)
	}
	first := x.servers(1, 1, 2) // the offline key goes into use
	file := x.sign(first)
	if b, err := VerifyBrokerKeys(x.Federation(), file); err != nil || b.ServerKeys != first.ServerKeys || b.Number != 1 {
		t.Errorf("carried as a file: %v, %v", b, err)
	}
	for what, bad := range map[string][]byte{
		"by one founder":   x.signAs(with(x.servers(1, 1, 2), func(b *BrokerKeys) { b.Signers = b.Signers[:1] }), rootKeys("no")...),
		"altered":          bytes.Replace(file, []byte("number 1"), []byte("number 2"), 1),
		"another entry":    x.Entries(1)[0],
		"another exchange": x.sign(with(x.servers(1, 1, 2), func(b *BrokerKeys) { b.Exchange = signed.HashOf("training") })),
	} {
		if _, err := VerifyBrokerKeys(x.Federation(), bad); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if _, err := x.Append(file); err != nil {
		t.Fatal(err)
	}
	x.enter(x.servers(2, 3, 2))
	if keys, number := x.Now().Servers(); number != 2 || !keys.Has(tlsHash(tlsKeyOf("broker", 3))) || keys.Has(tlsHash(tlsKeyOf("broker", 1))) {
		t.Errorf("at last: %v, %d", keys, number)
	}
}

func TestLoad(t *testing.T) {
	x := settled(t)
	key := logKey(nordic + "/register")
	dir := t.TempDir()
	log, err := tree.Open(dir, key.Public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(x.Entries(0)...); err != nil {
		t.Fatal(err)
	}
	checkpoint, err := auditlog.SignCheckpoint(x.Head(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Flush(checkpoint); err != nil {
		t.Fatal(err)
	}
	federation := x.Entries(0)[0]
	r, err := Load(os.DirFS(dir), federation)
	if err != nil {
		t.Fatal(err)
	}
	if dump(r.Now()) != dump(x.Now()) {
		t.Error("the register loaded says something else")
	}

	other := x.Federation()
	fake := *other
	fake.Nonce = signed.ID{9}
	if _, err := Load(os.DirFS(dir), note(t, fake.Text(), rootKeys("no", "se")...)); problem.CodeOf(err) != problem.WrongExchange {
		t.Errorf("another federation file: %v", err)
	}
	wrong := x.Head()
	wrong.Root = signed.HashOf("altered")
	checkpoint, err = auditlog.SignCheckpoint(wrong, key)
	if err != nil {
		t.Fatal(err)
	}
	altered := fstest.MapFS{"checkpoint": {Data: checkpoint}}
	entries, err := os.ReadFile(dir + "/tile/entries/000.p/" + fmt.Sprint(x.Size()))
	if err != nil {
		t.Fatal(err)
	}
	altered["tile/entries/000.p/"+fmt.Sprint(x.Size())] = &fstest.MapFile{Data: entries}
	if _, err := Load(altered, federation); problem.CodeOf(err) != problem.LogContradicts {
		t.Errorf("a checkpoint of other entries: %v", err)
	}
}

// Many read while one appends: for the race detector.
func TestReadersWhileAppending(t *testing.T) {
	x := settled(t)
	h := x.header()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v := x.Now()
				if err := v.Decide(h, noon); err != nil && problem.CodeOf(err) != problem.RegisterMoved {
					t.Error(err)
					return
				}
				v.Desks()
				x.Explain()
			}
		})
	}
	for i := range 5 {
		x.enter(x.desk("fi.spoc", i+1))
	}
	close(stop)
	readers.Wait()
}

// Explain asks what a desk may well ask.
func (x exchange) Explain() Explanation {
	return x.Now().Explain(Question{From: "se.spoc", To: "fi.spoc", Type: "INFO_REQUEST", Classification: envelope.Unclassified}, noon)
}

func BenchmarkDecide(b *testing.B) {
	x := settled(b)
	h, v := x.header(), x.Now()
	for b.Loop() {
		if err := v.Decide(h, noon); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	entries := settled(b).Entries(0)
	for b.Loop() {
		if _, err := Replay(entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(entries)), "µs/entry")
}
