package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// scryptWork is the work factor of new files: 2^18, about a second on a desk's
// machine. Files that ask for more than maxScryptWork are refused.
const (
	scryptWork    = 18
	maxScryptWork = 22
)

// Protect encrypts a key file under a passphrase, as an ordinary age file.
func Protect(plaintext, passphrase []byte) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, errors.New("the passphrase is empty")
	}
	r.SetWorkFactor(scryptWork)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, r)
	if err == nil {
		_, err = w.Write(plaintext)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("protect key file: %w", err)
	}
	return out.Bytes(), nil
}

// ErrPassphrase reports a passphrase that does not open a key file.
var ErrPassphrase = errors.New("the passphrase does not open this key file")

// Unprotect opens what Protect wrote.
func Unprotect(b, passphrase []byte) ([]byte, error) {
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, ErrPassphrase
	}
	id.SetMaxWorkFactor(maxScryptWork)
	r, err := age.Decrypt(bytes.NewReader(b), id)
	if err != nil {
		return nil, ErrPassphrase
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, errors.New("the key file is damaged")
	}
	return plain, nil
}
