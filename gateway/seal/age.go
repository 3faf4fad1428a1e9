package seal

import (
	"errors"

	"filippo.io/age"
)

// keepingRecipient wraps a hybrid recipient and keeps the file key that age
// draws. It must have WrapWithLabels, or age would lose the label that forbids
// mixing post-quantum recipients with others.
type keepingRecipient struct {
	to  *age.HybridRecipient
	key FileKey
}

func (r *keepingRecipient) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	s, _, err := r.WrapWithLabels(fileKey)
	return s, err
}

func (r *keepingRecipient) WrapWithLabels(fileKey []byte) ([]*age.Stanza, []string, error) {
	copy(r.key[:], fileKey)
	return r.to.WrapWithLabels(fileKey)
}

var errStanzas = errors.New("not exactly one hybrid stanza")

// keepingIdentity insists on exactly one hybrid stanza and keeps the file key
// that it gave. The key is worth nothing before the payload was read to its
// end: age checks the header's MAC only after Unwrap.
type keepingIdentity struct {
	id  age.Identity
	key FileKey
}

func (i *keepingIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "mlkem768x25519" {
		return nil, errStanzas
	}
	key, err := i.id.Unwrap(stanzas)
	if err == nil {
		copy(i.key[:], key)
	}
	return key, err
}
