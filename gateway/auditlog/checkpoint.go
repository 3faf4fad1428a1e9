package auditlog

import (
	"fmt"

	"filippo.io/torchwood"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// maxSize bounds the size of a log: numbers in our texts stay below 2^53.
const maxSize = 1<<53 - 1

// SignCheckpoint writes a C2SP checkpoint of a head, signed by the log's key,
// whose name is the log's origin.
func SignCheckpoint(h signed.Head, key *signed.PrivateKey) ([]byte, error) {
	if h.Origin != key.Public.Name {
		return nil, fmt.Errorf("sign a checkpoint of %s with the key of %s", h.Origin, key.Public.Name)
	}
	n, err := signed.Sign(checkpointText(h), key)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint of %s: %w", h.Origin, err)
	}
	return n.Bytes(), nil
}

func checkpointText(h signed.Head) string {
	return h.Origin + "\n" + signed.FormatInt(h.Size) + "\n" + h.Root.String() + "\n"
}

// VerifyCheckpoint reads a checkpoint and returns its head. The log's own key
// must have signed it and name its origin; signatures by keys unknown to us are
// passed over, as C2SP asks, since witnesses add theirs. A fault is
// PROOF_INVALID.
func VerifyCheckpoint(b []byte, key *signed.PublicKey) (signed.Head, error) {
	if len(b) > maxCheckpoint {
		return signed.Head{}, invalid("a checkpoint passes the bound of %d bytes", maxCheckpoint)
	}
	policy := torchwood.ThresholdPolicy(2,
		torchwood.OriginPolicy(key.Name),
		torchwood.SingleVerifierPolicy(verifier{key}))
	c, n, err := torchwood.VerifyCheckpoint(b, policy)
	if err != nil {
		return signed.Head{}, invalid("a checkpoint is not one that %s signed", key.Name)
	}
	h := signed.Head{Origin: c.Origin, Size: c.N, Root: signed.Hash(c.Hash)}
	if h.Size > maxSize || checkpointText(h)+c.Extension != n.Text {
		return signed.Head{}, invalid("a checkpoint of %s is not in its canonical form", key.Name)
	}
	if h.Size == 0 && h.Root != EmptyRoot {
		return signed.Head{}, invalid("a checkpoint of the empty log %s has another root", key.Name)
	}
	return h, nil
}

// verifier lends a PublicKey the method that note.Verifier asks for.
type verifier struct{ *signed.PublicKey }

func (v verifier) Name() string { return v.PublicKey.Name }

func invalid(format string, args ...any) error {
	return problem.New(problem.ProofInvalid, format, args...)
}
