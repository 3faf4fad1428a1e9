package authority

import (
	"bytes"
	"fmt"
	"strings"

	"samband/gateway/durable"
	"samband/gateway/internal/work"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// A key file has one line for each private key. With a passphrase it is an
// age file around these lines; a CA's key file is PEM instead of lines.

var ageMagic = []byte("age-encryption.org/")

// writeSecret stores a key file, under a passphrase unless it is empty.
func writeSecret(path string, plain, passphrase []byte) error {
	if len(passphrase) > 0 {
		var err error
		if plain, err = seal.Protect(plain, passphrase, work.Factor{}); err != nil {
			return fmt.Errorf("protect %q: %w", path, err)
		}
	}
	return create(path, plain, private)
}

// readSecret reads what writeSecret stored.
func readSecret(path string, passphrase []byte) ([]byte, error) {
	b, err := durable.ReadFile(path, durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if !bytes.HasPrefix(b, ageMagic) {
		return b, nil
	}
	plain, err := seal.Unprotect(b, passphrase)
	if err != nil {
		return nil, fmt.Errorf("key file %q: %w", path, err)
	}
	return plain, nil
}

const (
	keyFile  = "key"
	cardFile = "card"
)

// keep stores a new pair with its card. The card comes first: killed between,
// a second attempt finds no key and makes both anew.
func (f folder) keep(role string, keys []*signed.PrivateKey, card register.Card, passphrase []byte) error {
	if err := absent(f.path(role, keyFile)); err != nil {
		return err
	}
	b, err := register.SignCard(card, keys...)
	if err != nil {
		return err
	}
	if err := write(f.path(role, cardFile), b, private); err != nil {
		return err
	}
	if err := writeKeys(f.path(role, keyFile), keys, passphrase); err != nil {
		return err
	}
	return f.private()
}

func writeKeys(path string, keys []*signed.PrivateKey, passphrase []byte) error {
	var b bytes.Buffer
	for _, k := range keys {
		b.WriteString(k.Encode() + "\n")
	}
	return writeSecret(path, b.Bytes(), passphrase)
}

// readKeys reads the pair of one owner.
func readKeys(path string, passphrase []byte) ([]*signed.PrivateKey, error) {
	plain, err := readSecret(path, passphrase)
	if err != nil {
		return nil, err
	}
	algorithms := signed.Uses[signed.UseEntry]
	lines := strings.Split(strings.TrimSuffix(string(plain), "\n"), "\n")
	if len(lines) != len(algorithms) {
		return nil, fmt.Errorf("key file %q does not have %d keys", path, len(algorithms))
	}
	var keys []*signed.PrivateKey
	for i, line := range lines {
		k, err := signed.DecodePrivateKey(line)
		if err != nil {
			return nil, fmt.Errorf("key file %q: %w", path, err)
		}
		keys = append(keys, k)
		if k.Public.Algorithm != algorithms[i] || k.Public.Name != keys[0].Public.Name {
			return nil, fmt.Errorf("key file %q does not have one owner's pair", path)
		}
	}
	return keys, nil
}
