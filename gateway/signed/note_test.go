package signed_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

const text = "samband/accede/v1\nexchange " + hash32 + "\nprevious " + hash32 + "\n"

// keyOf derives a key from a published seed: the hash of the words below.
func keyOf(t testing.TB, name string, alg signed.Algorithm) *signed.PrivateKey {
	t.Helper()
	seed := signed.HashOf("samband test key " + name + " " + string(alg))
	k, err := signed.NewPrivateKey(name, alg, seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func pairOf(t testing.TB, name string) []*signed.PrivateKey {
	return []*signed.PrivateKey{keyOf(t, name, signed.Ed25519), keyOf(t, name, signed.MLDSA65)}
}

func noteOf(t testing.TB, text string, keys ...*signed.PrivateKey) *signed.Note {
	t.Helper()
	n, err := signed.Sign(text, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNoteRoundTrip(t *testing.T) {
	pair := pairOf(t, "fi")
	n := noteOf(t, text, pair...)
	got, err := signed.ParseNote(n.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != text || !bytes.Equal(got.Bytes(), n.Bytes()) {
		t.Errorf("read as\n%s", got.Bytes())
	}
	if err := signed.Verify(got, signed.PublicKeys(pair)); err != nil {
		t.Error(err)
	}
}

func TestCutNoteLeavesTheRest(t *testing.T) {
	b := noteOf(t, text, keyOf(t, "fi", signed.Ed25519)).Bytes()
	for _, rest := range []string{"", "age-encryption.org/v1\n", "\n", "—", "\x00"} {
		n, got, err := signed.CutNote(append(bytes.Clone(b), rest...))
		if err != nil || string(got) != rest || !bytes.Equal(n.Bytes(), b) {
			t.Errorf("rest %q: got %q, %v", rest, got, err)
		}
		_, err = signed.ParseNote(append(bytes.Clone(b), rest...))
		if rest == "" {
			wantCode(t, err, "")
		} else {
			wantCode(t, err, problem.TextMalformed)
		}
	}
}

// Everything that can be done to a note without a key.
func TestNoteTampered(t *testing.T) {
	pair := pairOf(t, "fi")
	stranger := keyOf(t, "xx", signed.Ed25519)
	successor, err := signed.NewPrivateKey("fi", signed.Ed25519, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	full := noteOf(t, text, pair...)
	ed, pq := line(full, 0), line(full, 1)
	other := line(noteOf(t, text, stranger), 0)
	next := line(noteOf(t, text, successor), 0)
	unverified := line(noteOf(t, strings.Replace(text, "accede", "revoke", 1), pair...), 0)

	for name, c := range map[string]struct {
		lines []string
		code  problem.Code
	}{
		"as signed":                       {[]string{ed, pq}, ""},
		"unsigned":                        {nil, problem.SignatureMissing},
		"ML-DSA missing":                  {[]string{ed}, problem.SignatureMissing},
		"Ed25519 missing":                 {[]string{pq}, problem.SignatureMissing},
		"reordered":                       {[]string{pq, ed}, problem.SignatureExtra},
		"first repeated":                  {[]string{ed, ed, pq}, problem.SignatureExtra},
		"last repeated":                   {[]string{ed, pq, pq}, problem.SignatureExtra},
		"both repeated":                   {[]string{ed, pq, ed, pq}, problem.SignatureExtra},
		"a stranger's before":             {[]string{other, ed, pq}, problem.SignatureExtra},
		"a stranger's between":            {[]string{ed, other, pq}, problem.SignatureExtra},
		"a stranger's after":              {[]string{ed, pq, other}, problem.SignatureExtra},
		"a stranger's alone":              {[]string{other}, problem.SignatureMissing},
		"a stranger's in place of one":    {[]string{ed, other}, problem.SignatureMissing},
		"same name, unknown key, after":   {[]string{ed, pq, next}, problem.SignatureExtra},
		"same name, unknown key, instead": {[]string{next, pq}, problem.SignatureMissing},
		"of another text":                 {[]string{unverified, pq}, problem.SignatureInvalid},
		"one absent, the other late":      {[]string{other, ed}, problem.SignatureMissing},
		"98 more of a known key":          {append([]string{ed, pq}, slices.Repeat([]string{ed}, 98)...), problem.SignatureExtra},
		"14 more of a known key":          {append([]string{ed, pq}, slices.Repeat([]string{ed}, 14)...), problem.SignatureExtra},

		"bit flipped":         {[]string{flip(ed, 8), pq}, problem.SignatureInvalid},
		"last bit flipped":    {[]string{flip(ed, 67), pq}, problem.SignatureInvalid},
		"ML-DSA bit flipped":  {[]string{ed, flip(pq, 2000)}, problem.SignatureInvalid},
		"key hash flipped":    {[]string{flip(ed, 0), pq}, problem.SignatureMissing},
		"signature cut":       {[]string{recode(ed, func(b []byte) []byte { return b[:67] }), pq}, problem.SignatureInvalid},
		"signature longer":    {[]string{recode(ed, func(b []byte) []byte { return append(b, 0) }), pq}, problem.SignatureInvalid},
		"ML-DSA cut":          {[]string{ed, recode(pq, func(b []byte) []byte { return b[:len(b)-1] })}, problem.SignatureInvalid},
		"ML-DSA longer":       {[]string{ed, recode(pq, func(b []byte) []byte { return append(b, 0) })}, problem.SignatureInvalid},
		"key hash and a byte": {[]string{recode(ed, func(b []byte) []byte { return b[:5] }), pq}, problem.SignatureInvalid},
		"key hash alone":      {[]string{recode(ed, func(b []byte) []byte { return b[:4] }), pq}, problem.TextMalformed},
		"no bytes":            {[]string{"— fi \n", pq}, problem.TextMalformed},

		"without padding":    {[]string{strings.ReplaceAll(ed, "=", ""), pq}, problem.TextMalformed},
		"more padding":       {[]string{strings.Replace(ed, "\n", "=\n", 1), pq}, problem.TextMalformed},
		"unused bits set":    {[]string{trailingBits(ed), pq}, problem.TextMalformed},
		"URL alphabet":       {[]string{"— fi 8rXyZ_-_AAA=\n", pq}, problem.TextMalformed},
		"CR in base64":       {[]string{ed[:20] + "\r" + ed[20:], pq}, problem.TextMalformed},
		"CRLF":               {[]string{strings.Replace(ed, "\n", "\r\n", 1), pq}, problem.TextMalformed},
		"line feed inside":   {[]string{ed[:20] + "\n" + ed[20:], pq}, problem.TextMalformed},
		"space at the end":   {[]string{strings.Replace(ed, "\n", " \n", 1), pq}, problem.TextMalformed},
		"two spaces":         {[]string{strings.Replace(ed, " fi ", " fi  ", 1), pq}, problem.TextMalformed},
		"two after the dash": {[]string{strings.Replace(ed, "— ", "—  ", 1), pq}, problem.TextMalformed},
		"no name":            {[]string{strings.Replace(ed, "fi ", " ", 1), pq}, problem.TextMalformed},
		"name alone":         {[]string{"— fi\n", pq}, problem.TextMalformed},
		"name not ASCII":     {[]string{strings.Replace(ed, "fi", "fí", 1), pq}, problem.TextMalformed},
		"name not UTF-8":     {[]string{strings.Replace(ed, "fi", "f\xff", 1), pq}, problem.TextMalformed},
		"name with a plus":   {[]string{strings.Replace(ed, "fi", "f+i", 1), pq}, problem.TextMalformed},
		"name with a tab":    {[]string{strings.Replace(ed, "fi", "f\ti", 1), pq}, problem.TextMalformed},
		"name in capitals":   {[]string{strings.Replace(ed, "fi", "FI", 1), pq}, problem.TextMalformed},
		"hyphen for dash":    {[]string{strings.Replace(ed, "—", "-", 1), pq}, problem.SignatureMissing},
		"other prefix after": {[]string{ed, strings.Replace(pq, "—", "-", 1)}, problem.TextMalformed},
		"empty line between": {[]string{ed, "\n", pq}, problem.TextMalformed},
		"empty line first":   {[]string{"\n", ed, pq}, problem.SignatureMissing},
		"no newline at end":  {[]string{ed, strings.TrimSuffix(pq, "\n")}, problem.TextMalformed},
		"trailing byte":      {[]string{ed, pq, "\x00"}, problem.TextMalformed},
		"trailing newline":   {[]string{ed, pq, "\n"}, problem.TextMalformed},
		"trailing note":      {[]string{ed, pq, text, "\n", ed, pq}, problem.TextMalformed},
		"line too long":      {[]string{ed, pq, "— fi " + strings.Repeat("AAAA", signed.MaxSignatureLine/4) + "\n"}, problem.Oversize},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := signed.ParseNote([]byte(text + "\n" + strings.Join(c.lines, "")))
			if err == nil {
				err = signed.Verify(n, signed.PublicKeys(pair))
			}
			wantCode(t, err, c.code)
		})
	}
}

// The bound on signature lines is checked before any key is known.
func TestMostSignatures(t *testing.T) {
	ed := line(noteOf(t, text, keyOf(t, "fi", signed.Ed25519)), 0)
	_, err := signed.ParseNote([]byte(text + "\n" + strings.Repeat(ed, signed.MaxSignatures)))
	wantCode(t, err, "")
	_, err = signed.ParseNote([]byte(text + "\n" + strings.Repeat(ed, signed.MaxSignatures+1)))
	wantCode(t, err, problem.SignatureExtra)
}

func TestNoteTextTampered(t *testing.T) {
	pair := pairOf(t, "fi")
	b := string(noteOf(t, text, pair...).Bytes())
	for name, c := range map[string]struct {
		note string
		code problem.Code
	}{
		"letter changed":  {strings.Replace(b, "accede", "accedd", 1), problem.SignatureInvalid},
		"line added":      {strings.Replace(b, "\n\n", "\nmore yes\n\n", 1), problem.SignatureInvalid},
		"CRLF":            {strings.ReplaceAll(b, "\n", "\r\n"), problem.TextMalformed},
		"not ASCII":       {strings.Replace(b, "accede", "accedé", 1), problem.TextMalformed},
		"no empty line":   {strings.Replace(b, "\n\n", "\n", 1), problem.TextMalformed},
		"two empty lines": {strings.Replace(b, "\n\n", "\n\n\n", 1), problem.SignatureMissing},
		"empty":           {"", problem.TextMalformed},
		"no text":         {"\n\n" + b[len(text)+1:], problem.TextMalformed},
		"text too long":   {strings.Repeat("a\n", signed.MaxText/2+1) + "\n", problem.Oversize},
		"endless":         {strings.Repeat("a", 2*signed.MaxText), problem.Oversize},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := signed.ParseNote([]byte(c.note))
			if err == nil {
				err = signed.Verify(n, signed.PublicKeys(pair))
			}
			wantCode(t, err, c.code)
		})
	}
}

func TestLongestTextIsANote(t *testing.T) {
	full := strings.Repeat(strings.Repeat("a", 1023)+"\n", signed.MaxText/1024)
	n := noteOf(t, full, keyOf(t, "fi", signed.Ed25519))
	if _, err := signed.ParseNote(n.Bytes()); err != nil {
		t.Error(err)
	}
	if _, err := signed.Sign(full+"a\n", keyOf(t, "fi", signed.Ed25519)); err == nil {
		t.Error("signed a text that nobody reads")
	}
}

// A signer without keys in force is revoked or barred: its note says nothing.
func TestVerifyWithoutKeys(t *testing.T) {
	wantCode(t, signed.Verify(noteOf(t, text, keyOf(t, "fi", signed.Ed25519)), nil), problem.KeyRevoked)
}

// x/mod's own verifier reads our notes, and our key hashes are its key hashes.
func TestNoteOpensWithSumdbNote(t *testing.T) {
	pair := pairOf(t, "nordic.example/audit")
	verifier, err := note.NewVerifier(pair[0].Public.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if verifier.KeyHash() != pair[0].Public.KeyHash() || verifier.Name() != pair[0].Public.Name {
		t.Errorf("x/mod calls the key %s+%08x, we %s+%08x", verifier.Name(), verifier.KeyHash(), pair[0].Public.Name, pair[0].Public.KeyHash())
	}
	n, err := note.Open(noteOf(t, text, pair...).Bytes(), note.VerifierList(verifier, inNote{pair[1].Public}))
	if err != nil {
		t.Fatal(err)
	}
	if n.Text != text || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		t.Errorf("x/mod read %d signatures, %d unverified", len(n.Sigs), len(n.UnverifiedSigs))
	}
}

// What x/mod's signer writes with our keys, we verify.
func TestNoteSignedBySumdbNote(t *testing.T) {
	pair := pairOf(t, "fi")
	b, err := note.Sign(&note.Note{Text: text}, signer{pair[0]}, signer{pair[1]})
	if err != nil {
		t.Fatal(err)
	}
	n, err := signed.ParseNote(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.Verify(n, signed.PublicKeys(pair)); err != nil {
		t.Error(err)
	}
}

// signer is a PrivateKey as x/mod wants it, with the public half's name and hash.
type signer struct{ *signed.PrivateKey }

func (s signer) Name() string    { return s.Public.Name }
func (s signer) KeyHash() uint32 { return s.Public.KeyHash() }

// inNote is a PublicKey as x/mod wants it, with the name as a method.
type inNote struct{ *signed.PublicKey }

func (k inNote) Name() string { return k.PublicKey.Name }

// line returns the i-th signature line of a note.
func line(n *signed.Note, i int) string {
	one := signed.Note{Text: n.Text, Signatures: n.Signatures[i : i+1]}
	return strings.TrimPrefix(string(one.Bytes()), n.Text+"\n")
}

// recode changes the decoded bytes of a signature line.
func recode(line string, change func([]byte) []byte) string {
	var name, b64 string
	if _, err := fmt.Sscanf(line, "— %s %s\n", &name, &b64); err != nil {
		panic(err)
	}
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		panic(err)
	}
	return "— " + name + " " + base64.StdEncoding.EncodeToString(change(b)) + "\n"
}

func flip(line string, at int) string {
	return recode(line, func(b []byte) []byte { b[at] ^= 1; return b })
}

// trailingBits sets the unused bits of the last base64 digit.
func trailingBits(line string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.Index(line, "=") - 1
	return line[:i] + string(digits[strings.IndexByte(digits, line[i])+1]) + line[i+1:]
}
