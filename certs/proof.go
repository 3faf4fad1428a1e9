package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// ProofBytes is the size of a proof: r, then s, 32 bytes each, big-endian.
const ProofBytes = 64

// Prove signs a text with a TLS key, as a desk's request does (SPEC §10.7): ECDSA on P-256
// over the text's SHA-256. One key and text give one proof (RFC 6979).
func Prove(key *ecdsa.PrivateKey, text string) ([]byte, error) {
	hash := sha256.Sum256([]byte(text))
	der, err := key.Sign(nil, hash[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign with the TLS key: %w", err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, fmt.Errorf("sign with the TLS key: %w", err)
	}
	proof := make([]byte, ProofBytes)
	sig.R.FillBytes(proof[:ProofBytes/2])
	sig.S.FillBytes(proof[ProofBytes/2:])
	return proof, nil
}

// CheckProof reports whether the key, in PKIX DER, signed the text.
func CheckProof(der []byte, text string, proof []byte) bool {
	key, err := ParsePublicKey(der)
	if err != nil || len(proof) != ProofBytes {
		return false
	}
	hash := sha256.Sum256([]byte(text))
	r, s := new(big.Int).SetBytes(proof[:ProofBytes/2]), new(big.Int).SetBytes(proof[ProofBytes/2:])
	return ecdsa.Verify(key, hash[:], r, s)
}
