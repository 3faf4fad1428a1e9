package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

var update = flag.Bool("update", false, "make the vectors anew")

const vectors = "testdata/vectors"

// A vector is a folder: what a reader is shown, a file each, and the code that it must
// give; empty: it is good.
type vector map[string][]byte

// vectorSalt is that of all vectors' records of the audit log.
var vectorSalt = Salt(bytes.Repeat([]byte{1}, 32))

// Each vector gives its code. What is good is written again as it stands, and gives what lies
// beside it. Nothing is drawn: made anew, the vectors are the same bytes.
func TestVectors(t *testing.T) {
	made := makeVectors(t)
	if *update {
		if err := os.RemoveAll(vectors); err != nil {
			t.Fatal(err)
		}
		for path, v := range made {
			for file, b := range v {
				name := filepath.Join(vectors, path, file)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(vectors, "*", "*", "code"))
	if err != nil || len(files) != len(made)-1 || len(files) < 60 { // one holds the keys
		t.Fatalf("%d vectors, %d were made (%v)", len(files), len(made)-1, err)
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		path, err := filepath.Rel(vectors, dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(path, func(t *testing.T) {
			read := func(name string) []byte {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			for name, b := range made[path] {
				if !bytes.Equal(read(name), b) {
					t.Errorf("%s is not as it is made", name)
				}
			}
			if got, want := codeOf(judge(t, filepath.Dir(path), read)), problem.Code(read("code")); got != want {
				t.Errorf("judged %q, want %q", got, want)
			}
		})
	}
}

func codeOf(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.CodeOf(err)
}

// judge reads a vector as a party would.
func judge(t *testing.T, of string, read func(string) []byte) error {
	audit, register := testKey(t, "nordic.example/audit").Public, testKey(t, "nordic.example/register").Public
	switch of {
	case "records":
		r, err := parseRecord(string(read("record")))
		if err != nil {
			return err
		}
		e := Entry{Record: *r}
		if r.Tree() == Audit {
			e.Salt = vectorSalt
		}
		if leaf := e.Leaf(); leaf != nil && !bytes.Equal(read("leaf"), leaf) {
			t.Errorf("its leaf is %x", leaf)
		}
		return nil
	case "proofs":
		p, err := ParseProof(read("proof"))
		if err != nil {
			return err
		}
		key := audit
		if p.Entry.Record.Tree() == Register {
			key = register
		}
		r, _, err := p.Verify(key)
		if err == nil && r.Text() != string(read("record")) {
			t.Error("it proves another record")
		}
		return err
	case "checkpoints":
		h, err := VerifyCheckpoint(read("checkpoint"), audit)
		if err == nil && headLine(h) != string(read("head")) {
			t.Errorf("its head is %s", headLine(h))
		}
		return err
	default:
		raw, err := base64.StdEncoding.DecodeString(string(read("consistency")))
		if err != nil || len(raw)%32 != 0 {
			t.Fatal("no proof of hashes")
		}
		var hashes []signed.Hash
		for h := range slices.Chunk(raw, 32) {
			hashes = append(hashes, signed.Hash(h))
		}
		return CheckConsistency(headOf(t, read("old")), headOf(t, read("new")), hashes)
	}
}

// headLine writes a head as an as-of line has it.
func headLine(h signed.Head) string { return fmt.Sprintf("%s %d %s\n", h.Origin, h.Size, h.Root) }

func headOf(t *testing.T, line []byte) (h signed.Head) {
	var root string
	if _, err := fmt.Sscanf(string(line), "%s %d %s\n", &h.Origin, &h.Size, &root); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.Root, err = signed.ParseHash(root); err != nil {
		t.Fatal(err)
	}
	return h
}

// A vectorMaker makes all vectors, by their paths.
type vectorMaker struct {
	*testing.T
	made            map[string]vector
	audit, register *signed.PrivateKey
	entries         []Entry
	log             *testLog
}

func makeVectors(t *testing.T) map[string]vector {
	k := &vectorMaker{T: t, made: map[string]vector{}, audit: testKey(t, "nordic.example/audit"), register: testKey(t, "nordic.example/register")}
	k.made["keys"] = vector{
		"audit": []byte(k.audit.Public.VerifierKey() + "\n"), "register": []byte(k.register.Public.VerifierKey() + "\n"),
	}
	for i := range 7 {
		r := records()[i]
		r.Index = int64(i)
		k.entries = append(k.entries, Entry{vectorSalt, r})
	}
	k.log = newTestLog(leaves(k.entries)...)
	k.records()
	k.proofs()
	k.consistency()
	k.checkpoints()
	return k.made
}

func (k *vectorMaker) add(path string, code problem.Code, v vector) {
	v["code"] = []byte(code)
	path = strings.ReplaceAll(path, " ", "-")
	if k.made[path] != nil {
		k.Fatalf("two vectors are %s", path)
	}
	k.made[path] = v
}

func (k *vectorMaker) records() {
	handed := ""
	for _, r := range records() {
		name := string(r.Kind)
		if name == "withdrawn" && r.Message.IsZero() {
			name = "withdrawn before it came"
		}
		if name == "handed-over" {
			handed = r.Text()
		}
		v, e := vector{"record": []byte(r.Text())}, Entry{Record: r}
		if r.Tree() == Audit {
			e.Salt = vectorSalt
		}
		if leaf := e.Leaf(); leaf != nil {
			v["leaf"] = leaf
		}
		k.add("records/"+name, "", v)
	}
	change := func(old, new string) string {
		if !strings.Contains(handed, old) {
			k.Fatalf("the record has no %q", old)
		}
		return strings.Replace(handed, old, new, 1)
	}
	for name, text := range map[string]string{
		"nothing":                         "",
		"without its last line end":       strings.TrimSuffix(handed, "\n"),
		"of another form":                 change("samband/record/v1", "samband/record/v2"),
		"of an unknown kind":              change("handed-over", "read"),
		"with the lines of another kind":  change("handed-over", "expired"),
		"with a line too many":            handed + "code BODY_INVALID\n",
		"without a line":                  change("by fi.spoc\n", ""),
		"with its lines exchanged":        change("index 0\ntime 2026-11-23T03:14:07Z\n", "time 2026-11-23T03:14:07Z\nindex 0\n"),
		"with a line twice":               change("by fi.spoc\n", "by fi.spoc\nby fi.spoc\n"),
		"with two spaces":                 change("by fi", "by  fi"),
		"with a carriage return":          change("by fi.spoc\n", "by fi.spoc\r\n"),
		"with a negative index":           change("index 0", "index -1"),
		"with an index spelled otherwise": change("index 0", "index 00"),
		"with an index beyond 2^53":       change("index 0", "index 9007199254740992"),
		"of the second 0":                 change("2026-11-23T03:14:07Z", "1970-01-01T00:00:00Z"),
		"with a fraction of a second":     change("03:14:07Z", "03:14:07.5Z"),
		"by no address":                   change("by fi.spoc", "by fi"),
		"with a hash without padding":     strings.TrimSuffix(handed, "=\n") + "\n",
		"of an unknown code":              strings.Replace(handed, "handed-over", "refused", 1) + "code NO_SUCH_CODE\n",
		"of nothing for a message":        change("message ", "message - "),
	} {
		k.add("records/"+name, problem.TextMalformed, vector{"record": []byte(text)})
	}
	k.add("records/too long", problem.Oversize, vector{"record": []byte(handed + strings.Repeat("x", MaxRecord))})
}

func (k *vectorMaker) proofs() {
	cp := k.log.checkpoint(k.T, 7, k.audit)
	proof := func(i int64) []byte { return MakeProof(k.entries[i], k.log.prove(k.T, i, 7), cp) }
	good := func(name string, e Entry, b []byte) {
		k.add("proofs/"+name, "", vector{"proof": b, "record": []byte(e.Record.Text())})
	}
	bad := func(name string, b []byte) { k.add("proofs/"+name, problem.ProofInvalid, vector{"proof": b}) }
	for _, i := range []int64{0, 3, 6} {
		good(fmt.Sprintf("of entry %d of 7", i), k.entries[i], proof(i))
	}
	alone := newTestLog(k.entries[0].Leaf())
	good("of the only entry", k.entries[0], MakeProof(k.entries[0], nil, alone.checkpoint(k.T, 1, k.audit)))
	entered := Entry{Record: records()[11]}
	entered.Record.Index = 1
	reg := newTestLog([]byte("the federation file stands here"), entered.Record.Entry)
	regProof := MakeProof(entered, reg.prove(k.T, 1, 2), reg.checkpoint(k.T, 2, k.register))
	good("of a register entry", entered, regProof)
	text, _, _ := strings.Cut(string(cp), "\n\n")
	both, err := signed.Sign(text+"\n", k.audit, k.register)
	if err != nil {
		k.Fatal(err)
	}
	good("under a checkpoint that another signed too", k.entries[3], MakeProof(k.entries[3], k.log.prove(k.T, 3, 7), both.Bytes()))

	whole := string(proof(3))
	change := func(old, new string) []byte {
		if !strings.Contains(whole, old) {
			k.Fatalf("the proof has no %q", old)
		}
		return []byte(strings.Replace(whole, old, new, 1))
	}
	bad("nothing", nil)
	bad("of another version", change("tlog-proof@v1", "tlog-proof@v2"))
	bad("at another index", change("index 3\n", "index 2\n"))
	bad("at an index beyond its log", change("index 3\n", "index 7\n"))
	bad("at an index spelled otherwise", change("index 3\n", "index 03\n"))
	bad("with spaces before its index", change("index 3\n", "index  3\n"))
	bad("with a line behind it", []byte(whole+"\n"))
	bad("with carriage returns", []byte(strings.ReplaceAll(whole, "\n", "\r\n")))
	hashes := k.log.prove(k.T, 3, 7)
	bad("with a hash less", MakeProof(k.entries[3], hashes[1:], cp))
	bad("with a hash more", MakeProof(k.entries[3], append(slices.Clone(hashes), signed.HashOf("more")), cp))
	bad("with its hashes exchanged", MakeProof(k.entries[3], []signed.Hash{hashes[1], hashes[0], hashes[2]}, cp))
	bad("with 65 hashes", MakeProof(k.entries[3], make([]signed.Hash, 65), cp))
	bad("of another entry", MakeProof(k.entries[2], hashes, cp))
	salted := k.entries[3]
	salted.Salt[0] ^= 1
	bad("with another salt", MakeProof(salted, hashes, cp))
	moved := k.entries[3]
	moved.Record.Index = 2
	bad("of a record that names another index", []byte(strings.Replace(string(MakeProof(moved, hashes, cp)), "index 2\n", "index 3\n", 1)))
	bad("under a checkpoint that another key signed", MakeProof(k.entries[3], hashes, k.log.checkpoint(k.T, 7, testKeyNamed(k.T, "nordic.example/audit", "thief"))))
	bad("under a checkpoint of the other log", MakeProof(k.entries[3], hashes, k.log.checkpoint(k.T, 7, k.register)))
	bad("under a checkpoint of another size", MakeProof(k.entries[3], hashes, k.log.checkpoint(k.T, 6, k.audit)))
	saltedRegister := entered
	saltedRegister.Salt = vectorSalt
	bad("of a register entry with a salt", MakeProof(saltedRegister, reg.prove(k.T, 1, 2), reg.checkpoint(k.T, 2, k.register)))
	opened := Entry{Record: records()[12]}
	bad("of a record that has no leaf", MakeProof(opened, hashes, cp))
}

// testKeyNamed is a key of an owner under a log's name.
func testKeyNamed(t testing.TB, origin, owner string) *signed.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("samband test key of " + owner + " for " + origin))
	k, err := signed.NewPrivateKey(origin, signed.Ed25519, seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *vectorMaker) consistency() {
	head := func(n int64) signed.Head { return k.log.sizes[n].Head("nordic.example/audit") }
	prove := func(old, n int64) []signed.Hash {
		p, err := tlog.ProveTree(n, old, k.log)
		if err != nil {
			k.Fatal(err)
		}
		return fromTlog(p)
	}
	add := func(name string, code problem.Code, old, new signed.Head, hashes ...signed.Hash) {
		var raw []byte
		for _, h := range hashes {
			raw = append(raw, h[:]...)
		}
		k.add("consistency/"+name, code, vector{
			"old": []byte(headLine(old)), "new": []byte(headLine(new)), "consistency": []byte(base64.StdEncoding.EncodeToString(raw))})
	}
	for _, old := range []int64{1, 2, 3, 4, 6, 7} {
		add(fmt.Sprintf("from %d to 7", old), "", head(old), head(7), prove(old, 7)...)
	}
	add("from nothing", "", head(0), head(7))
	bad := func(name string, old, new signed.Head, hashes ...signed.Hash) {
		add(name, problem.LogContradicts, old, new, hashes...)
	}
	other := head(3)
	other.Root = signed.HashOf("another history")
	bad("from another history", other, head(7), prove(3, 7)...)
	later := head(7)
	later.Root = signed.HashOf("another history")
	bad("to another history", head(3), later, prove(3, 7)...)
	bad("backward", head(7), head(3), prove(3, 7)...)
	bad("between the same sizes and other roots", head(7), later)
	bad("without its proof", head(3), head(7))
	bad("with a hash less", head(3), head(7), prove(3, 7)[1:]...)
	bad("with a hash more", head(3), head(7), append(prove(3, 7), signed.HashOf("more"))...)
	bad("with the proof of another size", head(3), head(7), prove(2, 7)...)
	named := head(3)
	named.Origin = "nordic.example/register"
	bad("from another log", named, head(7), prove(3, 7)...)
	zero := head(0)
	zero.Root = signed.Hash{}
	bad("from nothing that has a root of zeros", zero, head(7))
	zero.Root = head(7).Root
	bad("from nothing that has a root of something", zero, head(7))
	bad("from nothing with hashes", head(0), head(7), head(7).Root)
	bad("with 65 hashes", head(3), head(7), make([]signed.Hash, 65)...)
}

func (k *vectorMaker) checkpoints() {
	good := k.log.checkpoint(k.T, 7, k.audit)
	h := k.log.sizes[7].Head("nordic.example/audit")
	add := func(name string, code problem.Code, b []byte) {
		v := vector{"checkpoint": b}
		if code == "" {
			v["head"] = []byte(headLine(h))
		}
		k.add("checkpoints/"+name, code, v)
	}
	sign := func(text string, keys ...*signed.PrivateKey) []byte { // also what no log would
		n := &signed.Note{Text: text}
		for _, key := range keys {
			sig, err := key.Sign([]byte(text))
			if err != nil {
				k.Fatal(err)
			}
			n.Signatures = append(n.Signatures, signed.Signature{Name: key.Public.Name, Hash: key.Public.KeyHash(), Sig: sig})
		}
		return n.Bytes()
	}
	text, _, _ := strings.Cut(string(good), "\n\n")
	text += "\n"
	bad := func(name string, b []byte) { add(name, problem.ProofInvalid, b) }
	change := func(old, new string) []byte { return sign(strings.Replace(text, old, new, 1), k.audit) }
	add("good", "", good)
	add("with a cosignature", "", sign(text, k.audit, k.register))
	add("with a cosignature before its own", "", sign(text, k.register, k.audit))
	add("with an extension line", "", sign(text+"more\n", k.audit))
	bad("nothing", nil)
	bad("signed by nobody", []byte(text+"\n"))
	bad("signed by the other log", sign(text, k.register))
	bad("signed by another key of its name", sign(text, testKeyNamed(k.T, "nordic.example/audit", "thief")))
	bad("of another origin", change("nordic.example/audit", "nordic.example/register"))
	bad("altered after it was signed", []byte(strings.Replace(string(good), "\n7\n", "\n8\n", 1)))
	bad("of a size spelled otherwise", change("\n7\n", "\n07\n"))
	bad("of a negative size", change("\n7\n", "\n-7\n"))
	bad("of a size beyond 2^53", change("\n7\n", "\n9007199254740992\n"))
	bad("of a root that is no hash", change("=", ""))
	bad("with an empty line in its text", change("\n7\n", "\n\n7\n"))
	bad("of an empty log that has another root", change("\n7\n", "\n0\n"))
	bad("longer than its bound", append(slices.Clone(good), bytes.Repeat([]byte("x"), maxCheckpoint)...))
}
