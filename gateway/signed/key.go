package signed

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"filippo.io/edwards25519"
	"filippo.io/mldsa"
)

// An Algorithm of signing keys.
type Algorithm string

const (
	Ed25519 Algorithm = "ed25519"
	MLDSA65 Algorithm = "ml-dsa-65"
)

// A Use is what a key may say. A key signs nothing outside its uses.
type Use string

const (
	UseEntry       Use = "entry"       // register entries, by the root and by parties
	UseMessage     Use = "message"     // message headers, by a desk's locked ring
	UseStatement   Use = "statement"   // handed-over, refused, withdrawn, by a desk's locked ring
	UseConsignment Use = "consignment" // consignments, by a desk's online ring
	UseCheckpoint  Use = "checkpoint"  // checkpoints, by a log
)

// Uses fixes the algorithms of each use in version 1, in register order.
var Uses = map[Use][]Algorithm{
	UseEntry:       {Ed25519, MLDSA65},
	UseMessage:     {Ed25519, MLDSA65},
	UseStatement:   {Ed25519},
	UseConsignment: {Ed25519},
	UseCheckpoint:  {Ed25519},
}

// Type bytes of C2SP signed-note, and the identifier that follows 0xff.
const (
	noteEd25519    = 0x01
	noteOther      = 0xff
	noteMLDSA65    = "samband/ml-dsa-65"
	contextMLDSA65 = "samband/v1"
)

// A PublicKey verifies what its owner signs under Name: a desk's address, a
// party's name, a log's origin.
type PublicKey struct {
	Name      string
	Algorithm Algorithm
	Bytes     []byte
	hash      uint32
	mldsa     *mldsa.PublicKey
}

// NewPublicKey checks a key's name and encoding: its length, and for Ed25519 that it is
// the one spelling of a point outside the small subgroup.
func NewPublicKey(name string, alg Algorithm, b []byte) (*PublicKey, error) {
	if _, err := ParseOrigin(name); err != nil {
		return nil, errors.New("a key's name is not one that a signature line can bear")
	}
	k := &PublicKey{Name: name, Algorithm: alg, Bytes: b}
	switch alg {
	case Ed25519:
		if err := checkPoint(b); err != nil {
			return nil, err
		}
	case MLDSA65:
		pk, err := mldsa.NewPublicKey(mldsa.MLDSA65(), b)
		if err != nil {
			return nil, errors.New("an ML-DSA-65 key is not well formed")
		}
		k.mldsa = pk
	default:
		return nil, errors.New("a key's algorithm is unknown")
	}
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(k.noteType())
	h.Write(b)
	k.hash = binary.BigEndian.Uint32(h.Sum(nil))
	return k, nil
}

func checkPoint(b []byte) error {
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil || string(p.Bytes()) != string(b) {
		return errors.New("an Ed25519 key is not the one spelling of a point")
	}
	if new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("an Ed25519 key is of small order")
	}
	return nil
}

func (k *PublicKey) noteType() []byte {
	if k.Algorithm == MLDSA65 {
		return append([]byte{noteOther}, noteMLDSA65...)
	}
	return []byte{noteEd25519}
}

// KeyHash is the key hash of C2SP signed-note: it finds the key, it proves nothing.
func (k *PublicKey) KeyHash() uint32 { return k.hash }

// VerifierKey is the key in the note form of C2SP: name+hash+base64(type‖key).
func (k *PublicKey) VerifierKey() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.hash,
		base64.StdEncoding.EncodeToString(append(k.noteType(), k.Bytes...)))
}

// Verify reports whether sig is k's signature over text.
func (k *PublicKey) Verify(text, sig []byte) bool {
	switch k.Algorithm {
	case Ed25519:
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(k.Bytes, text, sig)
	default:
		return mldsa.Verify(k.mldsa, text, sig, &mldsa.Options{Context: contextMLDSA65}) == nil
	}
}

// A PrivateKey signs. Its seed is 32 bytes for either algorithm.
type PrivateKey struct {
	Public *PublicKey
	secret func() secret
}

// A secret lies behind a function: fmt follows fields and pointers past String
// if a verb or an unexported field keeps it from calling that, but it calls
// no function.
type secret struct {
	seed   []byte
	signer crypto.Signer
}

// NewPrivateKey derives the key of a seed; the same seed gives the same key.
func NewPrivateKey(name string, alg Algorithm, seed []byte) (*PrivateKey, error) {
	if len(seed) != 32 {
		return nil, errors.New("a key's seed does not have 32 bytes")
	}
	s := secret{seed: append([]byte(nil), seed...)}
	var public []byte
	switch alg {
	case Ed25519:
		priv := ed25519.NewKeyFromSeed(seed)
		s.signer, public = priv, priv.Public().(ed25519.PublicKey)
	case MLDSA65:
		priv, err := mldsa.NewPrivateKey(mldsa.MLDSA65(), seed)
		if err != nil {
			return nil, fmt.Errorf("derive ML-DSA-65 key: %w", err)
		}
		s.signer, public = priv, priv.PublicKey().Bytes()
	default:
		return nil, errors.New("a key's algorithm is unknown")
	}
	k, err := NewPublicKey(name, alg, public)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{Public: k, secret: func() secret { return s }}, nil
}

// GenerateKeys makes fresh keys with the algorithms of a use.
func GenerateKeys(name string, use Use) ([]*PrivateKey, error) {
	var keys []*PrivateKey
	for _, alg := range Uses[use] {
		seed := make([]byte, 32)
		rand.Read(seed)
		k, err := NewPrivateKey(name, alg, seed)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Encode writes the private key as one line for a key file: name, algorithm, seed.
func (k *PrivateKey) Encode() string {
	return strings.Join([]string{k.Public.Name, string(k.Public.Algorithm), EncodeBytes(k.secret().seed)}, " ")
}

// DecodePrivateKey reads what Encode writes. Its errors never quote the line.
func DecodePrivateKey(line string) (*PrivateKey, error) {
	f := strings.Split(line, " ")
	if len(f) != 3 {
		return nil, errors.New("a private key line does not have three values")
	}
	seed, err := DecodeBytes(f[2], 32)
	if err != nil {
		return nil, errors.New("a private key's seed is not base64")
	}
	return NewPrivateKey(f[0], Algorithm(f[1]), seed)
}

// String keeps private keys out of logs and error texts.
func (k PrivateKey) String() string { return "private key of " + k.Public.Name }

// GoString keeps private keys out of %#v.
func (k PrivateKey) GoString() string { return k.String() }

// Sign signs a text.
func (k *PrivateKey) Sign(text []byte) ([]byte, error) {
	if k.Public.Algorithm == MLDSA65 {
		return k.secret().signer.Sign(rand.Reader, text, &mldsa.Options{Context: contextMLDSA65})
	}
	return k.secret().signer.Sign(nil, text, crypto.Hash(0))
}

// PublicKeys returns the public halves.
func PublicKeys(keys []*PrivateKey) []*PublicKey {
	var out []*PublicKey
	for _, k := range keys {
		out = append(out, k.Public)
	}
	return out
}
