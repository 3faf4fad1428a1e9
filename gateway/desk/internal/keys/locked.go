package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/internal/work"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Locked is the ring that a passphrase opens.
type Locked struct {
	Message []*signed.PrivateKey // use message; its Ed25519 key has use statement
	opening []opening
	storage [32]byte
	aead    cipher.AEAD
}

func newLocked(address signed.Address) (*Locked, error) {
	message, err := signed.GenerateKeys(string(address), signed.UseMessage)
	if err != nil {
		return nil, err
	}
	l := &Locked{Message: message}
	rand.Read(l.storage[:])
	if err := l.addOpening(); err != nil {
		return nil, err
	}
	return l, l.arm()
}

func (l *Locked) arm() error {
	block, err := aes.NewCipher(l.storage[:])
	if err != nil {
		return err
	}
	l.aead, err = cipher.NewGCM(block)
	return err
}

// Recipient is the newest opening key's public string.
func (l *Locked) Recipient() string { return l.opening[len(l.opening)-1].Recipient }

func parseLocked(b []byte) (*Locked, error) {
	var f lockedFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, errors.New("not its form")
	}
	l := &Locked{opening: f.Opening}
	var err error
	if l.Message, err = decode(f.Message); err != nil {
		return nil, err
	}
	if len(l.opening) == 0 || copy(l.storage[:], f.Storage) != len(l.storage) {
		return nil, errors.New("it has no opening key or no storage key")
	}
	clear(f.Storage)
	return l, l.arm()
}

// write keeps the ring under a passphrase, and first the halves of new opening keys: put
// is durable.Create for a new ring, durable.Replace for one that changed.
func (l *Locked) write(dir string, passphrase []byte, factor work.Factor, put func(string, []byte, fs.FileMode) error) error {
	for _, o := range l.opening {
		if o.half != nil {
			if err := durable.Create(halfPath(dir, o.id()), o.half, 0o600); err != nil {
				return err
			}
		}
	}
	plain, err := json.Marshal(lockedFile{encode(l.Message), l.opening, l.storage[:]})
	if err != nil {
		return err
	}
	defer clear(plain)
	b, err := seal.Protect(plain, passphrase, factor)
	if err != nil {
		return fmt.Errorf("protect the locked ring: %w", err)
	}
	return put(filepath.Join(dir, LockedFile), b, 0o600)
}

// Rotate puts a new opening key beside the old ones, and leaves out those that are
// destroyed. Its public part may be registered once Rotate has returned: by then the
// secret one is durable.
func Rotate(dir string, passphrase []byte) error {
	l, err := Unlock(dir, passphrase)
	if err != nil {
		return err
	}
	defer l.Forget()
	if err := l.dropDestroyed(dir); err != nil {
		return err
	}
	if err := l.addOpening(); err != nil {
		return err
	}
	return l.write(dir, passphrase, work.Factor{}, durable.Replace)
}

// ChangePassphrase puts the locked ring under another passphrase. The file is written anew in
// one step, once it has opened what is written: the ring is nowhere else.
func ChangePassphrase(dir string, old, new []byte) error {
	return changePassphrase(dir, old, new, work.Factor{})
}

func changePassphrase(dir string, old, new []byte, factor work.Factor) error {
	l, err := Unlock(dir, old)
	if err != nil {
		return err
	}
	defer l.Forget()
	return l.write(dir, new, factor, func(path string, b []byte, mode fs.FileMode) error {
		plain, err := seal.Unprotect(b, new)
		defer clear(plain)
		if err != nil {
			return fmt.Errorf("the ring %q is left as it is: what was to be written does not open: %w", path, err)
		}
		return durable.Replace(path, b, mode)
	})
}

// Statement returns the keys that sign statements: the message pair's Ed25519.
func (l *Locked) Statement() []*signed.PrivateKey {
	for _, k := range l.Message {
		if k.Public.Algorithm == signed.Ed25519 {
			return []*signed.PrivateKey{k}
		}
	}
	return nil
}

// Identity returns the opening key that a header names; false when this ring
// lacks it.
func (l *Locked) Identity(id envelope.KeyID) (string, bool) {
	for _, o := range l.opening {
		if o.identity != "" && o.id() == id {
			return o.identity, true
		}
	}
	return "", false
}

// Wrap seals the file key of a text under the storage key, and beside it what the
// text says, if that may not lie in the open: nonce, then AES-256-GCM bound to
// the text's hash.
func (l *Locked) Wrap(key seal.FileKey, outcome string, textHash signed.Hash) []byte {
	return l.seal(append(key[:], outcome...), textHash[:])
}

// SealMatch seals what was found for a text, as Wrap seals its key. Neither can stand in
// the other's place.
func (l *Locked) SealMatch(match []byte, textHash signed.Hash) []byte {
	return l.seal(match, boundMatch(textHash))
}

// OpenMatch opens what SealMatch made for this text.
func (l *Locked) OpenMatch(sealed []byte, textHash signed.Hash) ([]byte, error) {
	return l.open(sealed, boundMatch(textHash))
}

func boundMatch(textHash signed.Hash) []byte {
	return append([]byte("samband/match/v1\n"), textHash[:]...)
}

func (l *Locked) seal(b, bound []byte) []byte {
	nonce := make([]byte, l.aead.NonceSize())
	rand.Read(nonce)
	return l.aead.Seal(nonce, nonce, b, bound)
}

func (l *Locked) open(sealed, bound []byte) ([]byte, error) {
	n := l.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("what was sealed under the storage key is too short")
	}
	b, err := l.aead.Open(nil, sealed[:n], sealed[n:], bound)
	if err != nil {
		return nil, errors.New("what was sealed does not open with this ring")
	}
	return b, nil
}

// Unwrap opens what Wrap made for this text.
func (l *Locked) Unwrap(wrapped []byte, textHash signed.Hash) (key seal.FileKey, outcome string, err error) {
	b, err := l.open(wrapped, textHash[:])
	if err != nil || len(b) < len(key) {
		return key, "", errors.New("a wrapped file key does not open with this ring")
	}
	return seal.FileKey(b[:len(key)]), string(b[len(key):]), nil
}

// Digest is of bytes that may not lie in the open, under the storage key: without
// it nobody can tell whether he guessed them.
func (l *Locked) Digest(b []byte) []byte {
	h := hmac.New(sha256.New, l.storage[:])
	h.Write([]byte("samband/digest/v1\n"))
	h.Write(b)
	return h.Sum(nil)
}

// Forget wipes the storage key and drops the rest.
func (l *Locked) Forget() {
	clear(l.storage[:])
	*l = Locked{}
}
