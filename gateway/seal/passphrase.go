package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"samband/gateway/internal/work"
)

// maxScryptWork is the greatest work factor of a file that is opened; new ones have less.
const maxScryptWork = 22

// Protect encrypts a key file under a passphrase, as an ordinary age file. The zero
// factor is the true one; see package work.
func Protect(plaintext, passphrase []byte, factor work.Factor) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, errors.New("the passphrase is empty")
	}
	r.SetWorkFactor(factor.Log())
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
