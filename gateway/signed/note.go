package signed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"samband/gateway/problem"
)

// Bounds of signature lines (SPEC §2.2).
const (
	MaxSignatures    = 18
	maxSignatureLine = 8 << 10
)

const sigPrefix = "— "

// A Signature is one signature line, taken apart.
type Signature struct {
	Name string
	Hash uint32 // the key hash: which of Name's keys
	Sig  []byte
}

// append writes the line behind b.
func (s Signature) append(b []byte) []byte {
	b = append(append(append(b, sigPrefix...), s.Name...), ' ')
	b = base64.StdEncoding.AppendEncode(b, append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(s.Sig)), s.Hash), s.Sig...))
	return append(b, '\n')
}

// A Note is a text with its signatures.
type Note struct {
	Text       string
	Signatures []Signature
}

// Bytes writes the note: its text and its signatures.
func (n *Note) Bytes() []byte {
	size := len(n.Text) + 1
	for _, s := range n.Signatures {
		size += len(sigPrefix) + len(s.Name) + 2 + base64.StdEncoding.EncodedLen(4+len(s.Sig))
	}
	b := append(append(make([]byte, 0, size), n.Text...), '\n')
	for _, s := range n.Signatures {
		b = s.append(b)
	}
	return b
}

// Sign makes a note of a text, signed by each key in the order given.
func Sign(text string, keys ...*PrivateKey) (*Note, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	n := &Note{Text: text}
	for _, k := range keys {
		sig, err := k.Sign([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("sign as %s: %w", k.Public.Name, err)
		}
		n.Signatures = append(n.Signatures, Signature{k.Public.Name, k.Public.hash, sig})
	}
	return n, nil
}

// ParseNote reads a note that fills b to its end.
func ParseNote(b []byte) (*Note, error) {
	n, rest, err := CutNote(b)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, malformed("bytes follow the last signature")
	}
	return n, nil
}

// CutNote reads the note that b begins with, and returns what follows it. It
// checks form and bounds, and that each value is in its one spelling; it verifies no
// signature.
func CutNote(b []byte) (*Note, []byte, error) {
	window := b[:min(len(b), maxText+2)]
	end := bytes.Index(window, []byte("\n\n"))
	if end < 0 {
		if len(window) < len(b) {
			return nil, nil, problem.New(problem.Oversize, "a text passes the bound of %d bytes", maxText)
		}
		return nil, nil, malformed("no empty line ends the text")
	}
	n := &Note{Text: string(b[:end+1])}
	if err := checkText(n.Text); err != nil {
		return nil, nil, err
	}
	rest := b[end+2:]
	for bytes.HasPrefix(rest, []byte(sigPrefix)) {
		if len(n.Signatures) == MaxSignatures {
			return nil, nil, problem.New(problem.SignatureExtra, "more than %d signature lines", MaxSignatures)
		}
		window := rest[:min(len(rest), maxSignatureLine)]
		nl := bytes.IndexByte(window, '\n')
		if nl < 0 && len(window) < len(rest) {
			return nil, nil, problem.New(problem.Oversize, "a signature line passes %d bytes", maxSignatureLine)
		}
		if nl < 0 {
			return nil, nil, malformed("a signature line has no end")
		}
		s, err := parseSignature(string(rest[:nl+1]))
		if err != nil {
			return nil, nil, err
		}
		n.Signatures = append(n.Signatures, s)
		rest = rest[nl+1:]
	}
	if len(n.Signatures) == 0 {
		return nil, nil, problem.New(problem.SignatureMissing, "the text bears no signature")
	}
	return n, rest, nil
}

func parseSignature(line string) (Signature, error) {
	name, b64, ok := strings.Cut(strings.TrimSuffix(line[len(sigPrefix):], "\n"), " ")
	if _, err := ParseOrigin(name); err != nil || !ok {
		return Signature{}, malformed("a signature line does not begin with a signer's name")
	}
	b, err := decodeBase64(b64)
	if err != nil || len(b) < 5 {
		return Signature{}, malformed("a signature line of %s is not base64 in its one spelling", name)
	}
	return Signature{Name: name, Hash: binary.BigEndian.Uint32(b), Sig: b[4:]}, nil
}

// Verify checks the rule of SPEC §3: n bears exactly one signature by each of
// keys, in their order, and no other. A refusal says which way it fails.
func Verify(n *Note, keys []*PublicKey) error {
	if len(keys) == 0 {
		return problem.New(problem.KeyRevoked, "the signer has no keys in force for this use")
	}
	if err := match(n.Signatures, keys); err != nil {
		return err
	}
	for i, k := range keys {
		if !k.Verify([]byte(n.Text), n.Signatures[i].Sig) {
			return problem.New(problem.SignatureInvalid, "the %s signature of %s does not verify", k.Algorithm, k.Name)
		}
	}
	return nil
}

// match pairs signature lines with keys one by one. It asks of all lines whether one is
// absent before it asks whether one is too many: so every program gives the same code.
func match(sigs []Signature, keys []*PublicKey) error {
	by := func(k *PublicKey) func(Signature) bool {
		return func(s Signature) bool { return s.Name == k.Name && s.Hash == k.hash }
	}
	for _, k := range keys {
		if !slices.ContainsFunc(sigs, by(k)) {
			return problem.New(problem.SignatureMissing, "no signature by the %s key of %s that is in force", k.Algorithm, k.Name)
		}
	}
	for i, k := range keys {
		if i >= len(sigs) || !by(k)(sigs[i]) {
			return problem.New(problem.SignatureExtra, "a signature stands where that of %s (%s) belongs", k.Name, k.Algorithm)
		}
	}
	if len(sigs) > len(keys) {
		return problem.New(problem.SignatureExtra, "a signature line follows those that the signer's keys ask for")
	}
	return nil
}
