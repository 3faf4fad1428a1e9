package signed_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"filippo.io/mldsa"

	"samband/gateway/signed"
)

// Points that verify anything or that have two spellings: the eight of small
// order in their canonical encodings, then every non-canonical encoding that
// y < 2^255 leaves room for near the prime, and a negative zero.
var badPoints = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",

	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func TestEd25519KeysThatAreRefused(t *testing.T) {
	for _, s := range badPoints {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signed.NewPublicKey("fi", signed.Ed25519, b); err == nil {
			t.Errorf("%s is a key", s)
		}
	}
	// y = p + k spells the y = k of another encoding. Whether k is on the curve
	// or not, none of the nineteen may pass.
	for k := range 19 {
		for _, sign := range []byte{0x7f, 0xff} {
			b := bytes.Repeat([]byte{0xff}, 32)
			b[0], b[31] = byte(0xed+k), sign
			if _, err := signed.NewPublicKey("fi", signed.Ed25519, b); err == nil {
				t.Errorf("%x is a key", b)
			}
		}
	}
	good := keyOf(t, "fi", signed.Ed25519).Public.Bytes
	for _, b := range [][]byte{nil, good[:31], append(bytes.Clone(good), 0), bytes.Repeat([]byte{2}, 32)} {
		if _, err := signed.NewPublicKey("fi", signed.Ed25519, b); err == nil {
			t.Errorf("%x is a key", b)
		}
	}
}

func TestMLDSAKeysThatAreRefused(t *testing.T) {
	good := keyOf(t, "fi", signed.MLDSA65).Public.Bytes
	if len(good) != 1952 {
		t.Fatalf("an ML-DSA-65 key has %d bytes", len(good))
	}
	for _, b := range [][]byte{nil, good[:1951], append(bytes.Clone(good), 0), make([]byte, mldsa.MLDSA44PublicKeySize), make([]byte, mldsa.MLDSA87PublicKeySize)} {
		if _, err := signed.NewPublicKey("fi", signed.MLDSA65, b); err == nil {
			t.Errorf("%d bytes are a key", len(b))
		}
	}
}

func TestKeysHaveNamesAndAlgorithms(t *testing.T) {
	b := keyOf(t, "fi", signed.Ed25519).Public.Bytes
	for _, name := range []string{"", "f i", "fi\n", "FI", "f+i", "fí"} {
		if _, err := signed.NewPublicKey(name, signed.Ed25519, b); err == nil {
			t.Errorf("a key of the name %q", name)
		}
	}
	for _, alg := range []signed.Algorithm{"", "ED25519", "rsa"} {
		if _, err := signed.NewPublicKey("fi", alg, b); err == nil {
			t.Errorf("a key of the algorithm %q", alg)
		}
		if _, err := signed.NewPrivateKey("fi", alg, make([]byte, 32)); err == nil {
			t.Errorf("a private key of the algorithm %q", alg)
		}
	}
}

func TestPublicKeyLine(t *testing.T) {
	for _, k := range pairOf(t, "fi") {
		f := signed.Form[*signed.PublicKey]{Title: form, Lines: func(v **signed.PublicKey, l *signed.Lines) {
			l.Line("key").Key(v, "fi", k.Public.Algorithm)
		}}
		text := f.Text(&k.Public)
		got, err := f.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*got, k.Public) || (*got).VerifierKey() != k.Public.VerifierKey() {
			t.Errorf("%s comes back as %v", text, *got)
		}
		if _, err := f.Parse(strings.TrimRight(text, "=\n") + "\n"); err == nil {
			t.Error("a second spelling of a key was taken")
		}
	}
}

// The name is under the key hash, so one key has other lines under other names.
func TestKeyHashNamesTheKey(t *testing.T) {
	seed := make([]byte, 32)
	a, err := signed.NewPrivateKey("fi", signed.Ed25519, seed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := signed.NewPrivateKey("se", signed.Ed25519, seed)
	if err != nil {
		t.Fatal(err)
	}
	if a.Public.KeyHash() == b.Public.KeyHash() {
		t.Error("two names, one key hash")
	}
}

// Signatures made for another context, or for none, are not ours: a key that is
// used elsewhere too lends no words to Samband.
func TestMLDSAContext(t *testing.T) {
	k := keyOf(t, "fi", signed.MLDSA65)
	seed := signed.HashOf("samband test key fi ml-dsa-65")
	raw, err := mldsa.NewPrivateKey(mldsa.MLDSA65(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	for context, want := range map[string]bool{"samband/v1": true, "": false, "samband/v2": false} {
		sig, err := raw.Sign(nil, []byte(text), &mldsa.Options{Context: context})
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Public.Verify([]byte(text), sig); got != want {
			t.Errorf("context %q: verifies is %v", context, got)
		}
	}
}

func TestPrivateKeyLine(t *testing.T) {
	for _, k := range pairOf(t, "fi.spoc") {
		got, err := signed.DecodePrivateKey(k.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if got.Encode() != k.Encode() || got.Public.VerifierKey() != k.Public.VerifierKey() {
			t.Errorf("%v comes back as %v", k, got)
		}
	}
	line := keyOf(t, "fi.spoc", signed.Ed25519).Encode()
	seed := line[strings.LastIndex(line, " ")+1:]
	for _, bad := range []string{
		"", "fi.spoc ed25519", line + " ", line + "\n", " " + line, strings.Replace(line, " ", "  ", 1),
		strings.Replace(line, "ed25519", "rsa", 1), strings.TrimSuffix(line, "="), "FI " + line[8:],
		"fi.spoc ed25519 " + base64.StdEncoding.EncodeToString(make([]byte, 31)),
		"fi.spoc ed25519 " + base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		_, err := signed.DecodePrivateKey(bad)
		if err == nil {
			t.Errorf("%d bytes were read as a private key", len(bad))
		} else if strings.Contains(err.Error(), seed[:8]) {
			t.Error("an error quotes the seed")
		}
	}
}

func TestGenerateKeys(t *testing.T) {
	for use, algorithms := range signed.Uses {
		keys, err := signed.GenerateKeys("fi.spoc", use)
		if err != nil {
			t.Fatal(err)
		}
		var got []signed.Algorithm
		for _, k := range signed.PublicKeys(keys) {
			got = append(got, k.Algorithm)
		}
		if !slices.Equal(got, algorithms) {
			t.Errorf("%s has keys %v, want %v", use, got, algorithms)
		}
		n := noteOf(t, text, keys...)
		if err := signed.Verify(n, signed.PublicKeys(keys)); err != nil {
			t.Errorf("%s: %v", use, err)
		}
	}
}

// No verb and no encoder prints a seed, of a key or of what has one in it.
func TestPrivateKeysNeverPrint(t *testing.T) {
	type ring struct {
		Message []*signed.PrivateKey
		Online  *signed.PrivateKey
		byName  map[string]*signed.PrivateKey
		hidden  *signed.PrivateKey
		value   signed.PrivateKey
		list    []signed.PrivateKey
	}
	type embedding struct{ *signed.PrivateKey }
	for _, k := range pairOf(t, "fi") {
		seed := signed.HashOf("samband test key fi " + string(k.Public.Algorithm))
		r := ring{[]*signed.PrivateKey{k}, k, map[string]*signed.PrivateKey{"fi": k}, k, *k, []signed.PrivateKey{*k}}
		for what, v := range map[string]any{
			"key": k, "value": *k, "struct": r, "pointer": &r, "embedded": embedding{k}, "slice": []*signed.PrivateKey{k},
			"values": []signed.PrivateKey{*k}, "error": fmt.Errorf("sign with %v", k), "public": k.Public,
		} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t"} {
				mustHide(t, what+" "+verb, fmt.Sprintf(verb, v), seed[:])
			}
			var logged bytes.Buffer
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("ring", "key", v)
			slog.New(slog.NewTextHandler(&logged, nil)).Info("ring", "key", v)
			mustHide(t, what+" slog", logged.String(), seed[:])
			if b, err := json.Marshal(v); err == nil {
				mustHide(t, what+" json", string(b), seed[:])
			}
		}
	}
}

// mustHide fails when out has the seed's first half as fmt or an encoder might
// write it. The first half alone, since an Ed25519 private key begins with its seed.
func mustHide(t *testing.T, where, out string, seed []byte) {
	t.Helper()
	half := seed[:16]
	goBytes := func(format, sep string) string {
		var s []string
		for _, b := range half {
			s = append(s, fmt.Sprintf(format, b))
		}
		return strings.Join(s, sep)
	}
	for _, secret := range []string{
		string(half), base64.StdEncoding.EncodeToString(seed)[:20],
		goBytes("%02x", ""), goBytes("%02X", ""), goBytes("%d", " "), goBytes("%d", ","), goBytes("%x", " "), goBytes("%X", " "),
		goBytes("0x%x", ", "), goBytes("0x%x", " "), goBytes("%o", " "), goBytes("%b", " "), goBytes("%c", " "), goBytes("%U", " "),
		goBytes("%q", " "), goBytes("%%!t(uint8=%d)", " "), goBytes("%%!s(uint8=%d)", " "),
		strings.Trim(fmt.Sprintf("%q", half), `"`),
	} {
		if strings.Contains(out, secret) {
			t.Errorf("%s prints the seed: %.80s…", where, out)
			return
		}
	}
}
