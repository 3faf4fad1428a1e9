package auditlog

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A testLog keeps a whole log in memory, as plainly as can be: the judge of the
// rest.
type testLog struct {
	stored []tlog.Hash
	sizes  []*Range // sizes[n] is the log at n entries
}

func newTestLog(entries ...[]byte) *testLog {
	l := &testLog{sizes: []*Range{{}}}
	for i, e := range entries {
		hashes, err := tlog.StoredHashes(int64(i), e, l)
		if err != nil {
			panic(err)
		}
		l.stored = append(l.stored, hashes...)
		r := l.sizes[i].Clone()
		r.Append(e)
		l.sizes = append(l.sizes, r)
	}
	return l
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, l.stored[i])
	}
	return out, nil
}

func fromTlog(hashes []tlog.Hash) []signed.Hash {
	var out []signed.Hash
	for _, h := range hashes {
		out = append(out, signed.Hash(h))
	}
	return out
}

func (l *testLog) prove(t testing.TB, index, size int64) []signed.Hash {
	t.Helper()
	p, err := tlog.ProveRecord(size, index, l)
	if err != nil {
		t.Fatal(err)
	}
	return fromTlog(p)
}

func (l *testLog) checkpoint(t testing.TB, size int64, key *signed.PrivateKey) []byte {
	t.Helper()
	b, err := SignCheckpoint(l.sizes[size].Head(key.Public.Name), key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// auditEntries makes entries for a log of n records.
func auditEntries(n int) []Entry {
	kinds := records()[:9]
	var out []Entry
	for i := range n {
		r := kinds[i%len(kinds)]
		r.Index = int64(i)
		out = append(out, Entry{Salt{byte(i), byte(i >> 8), 7}, r})
	}
	return out
}

func leaves(entries []Entry) [][]byte {
	var out [][]byte
	for _, e := range entries {
		out = append(out, e.Leaf())
	}
	return out
}

func TestProofs(t *testing.T) {
	key := testKey(t, "nordic.example/audit")
	entries := auditEntries(70)
	l := newTestLog(leaves(entries)...)
	for _, size := range []int64{1, 2, 3, 64, 70} {
		cp := l.checkpoint(t, size, key)
		for i := range size {
			b := MakeProof(entries[i], l.prove(t, i, size), cp)
			p, err := ParseProof(b)
			if err != nil {
				t.Fatal(err)
			}
			r, head, err := p.Verify(key.Public)
			if err != nil {
				t.Fatalf("entry %d of %d: %v", i, size, err)
			}
			if r.Text() != entries[i].Record.Text() || head != l.sizes[size].Head(key.Public.Name) {
				t.Errorf("entry %d of %d: the proof proves something else", i, size)
			}
		}
	}
}

// Programs that know C2SP but not Samband verify our proofs.
func TestProofInterop(t *testing.T) {
	key := testKey(t, "nordic.example/audit")
	entries := auditEntries(9)
	l := newTestLog(leaves(entries)...)
	b := MakeProof(entries[4], l.prove(t, 4, 9), l.checkpoint(t, 9, key))
	v, err := note.NewVerifier(key.Public.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v))
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entries[4].Leaf()), b); err != nil {
		t.Error(err)
	}
}

func TestProofOfRegisterEntry(t *testing.T) {
	key := testKey(t, "nordic.example/register")
	e := Entry{Record: records()[9]}
	e.Record.Index = 1
	l := newTestLog([]byte("federation"), e.Leaf(), []byte("next"))
	p, err := ParseProof(MakeProof(e, l.prove(t, 1, 3), l.checkpoint(t, 3, key)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Verify(key.Public); err != nil {
		t.Error(err)
	}
}

func TestProofsRefused(t *testing.T) {
	key := testKey(t, "nordic.example/audit")
	entries := auditEntries(12)
	l := newTestLog(leaves(entries)...)
	cp := l.checkpoint(t, 12, key)
	good := MakeProof(entries[5], l.prove(t, 5, 12), cp)
	other := testKey(t, "nordic.example/register")
	opened := Entry{Record: records()[10]}
	moved := entries[5]
	moved.Record.Index = 6
	salted := entries[5]
	salted.Salt[31] ^= 1
	far := entries[5]
	far.Record.Index = 1<<53 - 1
	for name, b := range map[string][]byte{
		"empty":               {},
		"oversize":            bytes.Repeat([]byte{'a'}, MaxProof+1),
		"no checkpoint":       good[:bytes.Index(good, []byte("\n\n"))],
		"index not record's":  bytes.Replace(good, []byte("\nindex 5\n"), []byte("\nindex 6\n"), 1),
		"index written twice": bytes.Replace(good, []byte("\nindex 5\n"), []byte("\nindex 5\nindex 5\n"), 1),
		"bytes after":         append(bytes.Clone(good), '\n'),
		"checkpoint altered":  bytes.Replace(good, []byte("\n12\n"), []byte("\n13\n"), 1),
		"moved":               MakeProof(moved, l.prove(t, 5, 12), cp),
		"beyond":              MakeProof(far, l.prove(t, 5, 12), cp),
		"other salt":          MakeProof(salted, l.prove(t, 5, 12), cp),
		"hash missing":        MakeProof(entries[5], l.prove(t, 5, 12)[1:], cp),
		"hash extra":          MakeProof(entries[5], append(l.prove(t, 5, 12), signed.Hash{}), cp),
		"too many hashes":     MakeProof(entries[5], make([]signed.Hash, 65), cp),
		"no log":              MakeProof(opened, l.prove(t, 0, 12), cp),
		"other log's key":     MakeProof(entries[5], l.prove(t, 5, 12), l.checkpoint(t, 12, other)),
		"other tree size":     MakeProof(entries[5], l.prove(t, 5, 12), l.checkpoint(t, 11, key)),
	} {
		p, err := ParseProof(b)
		if err == nil {
			_, _, err = p.Verify(key.Public)
		}
		if err == nil {
			t.Errorf("%s: was believed", name)
			continue
		}
		wantCode(t, err, problem.ProofInvalid)
	}
}

func TestConsistency(t *testing.T) {
	var entries [][]byte
	for i := range 20 {
		entries = append(entries, []byte(strconv.Itoa(i)))
	}
	l := newTestLog(entries...)
	fork := newTestLog(append([][]byte{[]byte("another")}, entries[1:]...)...)
	head := func(l *testLog, n int64) signed.Head { return l.sizes[n].Head("nordic.example/audit") }
	prove := func(l *testLog, n, old int64) []signed.Hash {
		if old == 0 {
			return nil
		}
		p, err := tlog.ProveTree(n, old, l)
		if err != nil {
			t.Fatal(err)
		}
		return fromTlog(p)
	}
	for n := int64(1); n <= 20; n++ {
		for old := range n + 1 {
			if err := CheckConsistency(head(l, old), head(l, n), prove(l, n, old)); err != nil {
				t.Errorf("%d to %d: %v", old, n, err)
			}
			if old == 0 {
				no := head(l, 0)
				no.Root = head(l, n).Root
				wantCode(t, CheckConsistency(no, head(l, n), nil), problem.LogContradicts)
				continue
			}
			wantCode(t, CheckConsistency(head(l, old), head(fork, n), prove(l, n, old)), problem.LogContradicts)
			wantCode(t, CheckConsistency(head(l, old), head(fork, n), prove(fork, n, old)), problem.LogContradicts)
		}
	}
	if err := CheckConsistency(signed.Head{}, head(l, 20), nil); err != nil {
		t.Errorf("one who knows nothing yet: %v", err)
	}
	other := head(l, 20)
	other.Origin = "nordic.example/register"
	huge := signed.Head{Origin: other.Origin, Size: 1<<63 - 1}
	minus := signed.Head{Origin: other.Origin, Size: -1}
	for name, c := range map[string][2]signed.Head{
		"other origin": {head(l, 19), other},
		"shorter":      {head(l, 20), head(l, 19)},
		"huge":         {head(l, 20), huge},
		"both huge":    {huge, huge},
		"negative old": {minus, other},
		"negative new": {signed.Head{Origin: other.Origin}, minus},
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, CheckConsistency(c[0], c[1], nil), problem.LogContradicts)
			wantCode(t, CheckConsistency(c[0], c[1], make([]signed.Hash, 65)), problem.LogContradicts)
		})
	}
}

func TestCheckpoints(t *testing.T) {
	key := testKey(t, "nordic.example/audit")
	l := newTestLog(leaves(auditEntries(3))...)
	want := l.sizes[3].Head(key.Public.Name)
	good := l.checkpoint(t, 3, key)
	witness := testKey(t, "witness.example")
	cosigned, err := signed.Sign(checkpointText(want), witness, key)
	if err != nil {
		t.Fatal(err)
	}
	extended, _ := signed.Sign(checkpointText(want)+"extension\n", key)
	for name, b := range map[string][]byte{"plain": good, "cosigned": cosigned.Bytes(), "extended": extended.Bytes()} {
		if got, err := VerifyCheckpoint(b, key.Public); err != nil || got != want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	empty, err := SignCheckpoint((&Range{}).Head(key.Public.Name), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyCheckpoint(empty, key.Public); err != nil {
		t.Errorf("the empty log: %v", err)
	}
	sign := func(text string, keys ...*signed.PrivateKey) []byte {
		n, err := signed.Sign(text, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return n.Bytes()
	}
	origin, root := key.Public.Name, want.Root.String()
	for name, b := range map[string][]byte{
		"empty":           {},
		"unsigned":        []byte(checkpointText(want) + "\n"),
		"witness alone":   sign(checkpointText(want), witness),
		"size altered":    bytes.Replace(good, []byte("\n3\n"), []byte("\n4\n"), 1),
		"other origin":    sign("other.example/log\n3\n"+root+"\n", key),
		"size padded":     sign(origin+"\n03\n"+root+"\n", key),
		"size huge":       sign(origin+"\n9223372036854775807\n"+root+"\n", key),
		"root of another": sign(origin+"\n0\n"+root+"\n", key),
		"root unpadded":   sign(origin+"\n3\n"+strings.TrimSuffix(root, "=")+"\n", key),
		"two lines":       sign(origin+"\n3\n", key),
		"oversize":        append(bytes.Clone(good), bytes.Repeat([]byte("x"), maxCheckpoint)...),
	} {
		_, err := VerifyCheckpoint(b, key.Public)
		if err == nil {
			t.Errorf("%s: was believed", name)
			continue
		}
		wantCode(t, err, problem.ProofInvalid)
	}
	if _, err := SignCheckpoint(want, witness); err == nil {
		t.Error("a key signed for another origin")
	}
}

func TestRange(t *testing.T) {
	l := newTestLog(leaves(auditEntries(300))...)
	for n := range int64(301) {
		want, err := tlog.TreeHash(n, l)
		if err != nil {
			t.Fatal(err)
		}
		r := l.sizes[n]
		if r.Root() != signed.Hash(want) || r.Size() != n {
			t.Fatalf("at %d entries: size %d, root %s", n, r.Size(), r.Root())
		}
	}
}

func FuzzParseProof(f *testing.F) {
	key := testKey(f, "nordic.example/audit")
	entries := auditEntries(9)
	l := newTestLog(leaves(entries)...)
	for i, e := range entries {
		f.Add(MakeProof(e, l.prove(f, int64(i), 9), l.checkpoint(f, 9, key)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		if again := MakeProof(p.Entry, p.Hashes, p.Checkpoint); !bytes.Equal(again, b) {
			t.Errorf("read %q, wrote %q", b, again)
		}
		p.Verify(key.Public)
	})
}

func FuzzVerifyCheckpoint(f *testing.F) {
	key := testKey(f, "nordic.example/audit")
	l := newTestLog(leaves(auditEntries(3))...)
	for n := range int64(4) {
		f.Add(l.checkpoint(f, n, key))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := VerifyCheckpoint(b, key.Public)
		if err == nil && !strings.HasPrefix(string(b), checkpointText(h)) {
			t.Errorf("read %v out of %q", h, b)
		}
	})
}
