package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/seal"
)

// An opening key: its public string, and the secret age identity, sealed under its half.
type opening struct {
	Recipient string `json:"recipient"`
	Sealed    []byte `json:"sealed"`

	identity string // "" once the half is destroyed
	half     []byte // of one that no folder has yet
}

func (o *opening) id() envelope.KeyID { return envelope.KeyIDOf(o.Recipient) }

// halfSize is the bytes of a half, an AES-256 key that seals one secret.
const halfSize = 32

// Names of the files of halves; between stands the key's id in hex.
const (
	halfBegins = "opening-"
	halfEnds   = ".half"
)

func halfPath(dir string, id envelope.KeyID) string {
	return filepath.Join(dir, halfBegins+hex.EncodeToString(id[:])+halfEnds)
}

func (l *Locked) addOpening() error {
	identity, recipient, err := seal.NewOpeningKey()
	if err != nil {
		return fmt.Errorf("make an opening key: %w", err)
	}
	half := make([]byte, halfSize)
	rand.Read(half)
	aead, err := halfAEAD(half)
	if err != nil {
		return err
	}
	sealed := aead.Seal(nil, make([]byte, aead.NonceSize()), []byte(identity), []byte(recipient)) // a half seals once
	l.opening = append(l.opening, opening{Recipient: recipient, Sealed: sealed, identity: identity, half: half})
	return nil
}

func halfAEAD(half []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(half)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// join opens the opening keys with their halves. An older key whose half is gone, or is
// no half of it any more, is destroyed; without the newest the ring is not whole.
func (l *Locked) join(dir string) error {
	for i := range l.opening {
		o := &l.opening[i]
		half, err := durable.ReadFile(halfPath(dir, o.id()), durable.MaxSmall)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read the half of an opening key: %w", err)
		}
		if len(half) == halfSize {
			aead, err := halfAEAD(half)
			if err != nil {
				return err
			}
			if identity, err := aead.Open(nil, make([]byte, aead.NonceSize()), o.Sealed, []byte(o.Recipient)); err == nil {
				o.identity = string(identity)
			}
		}
		clear(half)
	}
	if newest := &l.opening[len(l.opening)-1]; newest.identity == "" {
		return fmt.Errorf("the half of the newest opening key is missing or damaged: put back %s with the ring", filepath.Base(halfPath(dir, newest.id())))
	}
	return nil
}

// dropDestroyed leaves out the keys that are destroyed, and removes halves of no key in
// the ring: a rotation made them that came to no end.
func (l *Locked) dropDestroyed(dir string) error {
	l.opening = slices.DeleteFunc(l.opening, func(o opening) bool { return o.identity == "" })
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		ofNone := strings.HasPrefix(f.Name(), halfBegins) && strings.HasSuffix(f.Name(), halfEnds) &&
			!slices.ContainsFunc(l.opening, func(o opening) bool { return filepath.Base(halfPath(dir, o.id())) == f.Name() })
		if ofNone {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Openings are the opening keys that the ring can open with, the newest last.
func (l *Locked) Openings() (ids []envelope.KeyID) {
	for _, o := range l.opening {
		if o.identity != "" {
			ids = append(ids, o.id())
		}
	}
	return ids
}

func (l *Locked) drop(id envelope.KeyID) {
	for i := range l.opening {
		if o := &l.opening[i]; o.id() == id {
			o.identity = ""
		}
	}
}

// DestroyOpening destroys the half of an opening key, durably: the ring opens nothing
// more with that key. It is done once, however often it was begun: what a crash leaves
// is the half, or none.
func DestroyOpening(dir string, id envelope.KeyID) error {
	path := halfPath(dir, id)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return durable.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("destroy an opening key: %w", err)
	}
	_, err = f.Write(make([]byte, halfSize)) // where the disk writes in place, nothing is left of it
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("destroy an opening key: %w", err)
	}
	return durable.SyncDir(dir)
}
