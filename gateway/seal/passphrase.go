package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"filippo.io/age"
	"golang.org/x/text/secure/precis"

	"samband/gateway/internal/work"
)

// maxScryptWork is the greatest work factor of a file that is opened; new ones have less.
const maxScryptWork = 22

// ErrForm reports a passphrase that has no normal form.
var ErrForm = errors.New("the passphrase has a character that not every system writes alike: a tab or another control character, one that Unicode does not know, or bytes that are no text")

// NormalForm is the one spelling of a passphrase (RFC 8265, OpaqueString), so that a
// passphrase is letters and not bytes: é is the same whether a keyboard writes it as one
// code point or as two, and each kind of space is a space. A byte order mark in front,
// which some editors put into each file, is no part of it. The caller clears it.
//
// The error is ErrForm: no key file should get such a passphrase, since its owner could be
// unable to type it elsewhere.
func NormalForm(passphrase []byte) ([]byte, error) {
	text := bytes.TrimPrefix(passphrase, []byte("\ufeff"))
	if len(text) == 0 {
		return nil, nil
	}
	if !utf8.Valid(text) { // precis would put one character in the place of all such bytes
		return nil, ErrForm
	}
	normal, err := precis.OpaqueString.Bytes(text)
	if err != nil {
		return nil, ErrForm
	}
	return normal, nil
}

// Protect encrypts a key file under the normal form of a passphrase, as an ordinary age
// file. One that has no normal form is taken byte by byte: a key file from before there was
// one is written anew with it. The zero factor is the true one; see package work.
func Protect(plaintext, passphrase []byte, factor work.Factor) ([]byte, error) {
	if normal, err := NormalForm(passphrase); err == nil {
		defer clear(normal)
		passphrase = normal
	}
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

// Unprotect opens what Protect wrote. Where the normal form of the passphrase does not open
// it, its bytes are tried as they are, which costs the work a second time: so a key file
// opens that was made before passphrases had a normal form.
func Unprotect(b, passphrase []byte) ([]byte, error) {
	normal, err := NormalForm(passphrase)
	if err != nil {
		return unprotect(b, passphrase)
	}
	defer clear(normal)
	plain, err := unprotect(b, normal)
	if errors.Is(err, ErrPassphrase) && !bytes.Equal(normal, passphrase) {
		return unprotect(b, passphrase)
	}
	return plain, err
}

func unprotect(b, passphrase []byte) ([]byte, error) {
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
