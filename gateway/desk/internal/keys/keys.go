// Package keys keeps a desk's private keys: two rings, each one file.
//
//	online, err := keys.OpenOnline(dir)          // at start, without a person
//	online.Receipts                              // signs consignments, nothing else
//	locked, err := keys.Unlock(dir, passphrase)  // when an officer unlocks the desk
//	locked.Message                               // signs messages and statements
//	wrapped := locked.Wrap(fileKey, outcome, textHash) // what the database keeps
//	fileKey, outcome, err := locked.Unwrap(wrapped, textHash)
//	err = keys.DestroyOpening(dir, old)          // opens nothing more, whoever has the passphrase
//
// The online ring lies readable beside the program, because a desk that was
// rebooted at three in the morning must still state that it keeps a message. Who
// steals it can connect and consign until it is revoked; he can read nothing
// and hand over nothing.
//
// The locked ring is sealed under a passphrase. It has the signing pair, the
// opening keys (the newest last; older ones stay while a message may still need
// them) and the storage key. The secret of each opening key is sealed once more, under
// a half that lies beside the ring in a file of its own: so one key can be destroyed
// without the passphrase, by destroying its half. A half alone is worth nothing. The storage key wraps the 16-byte file key of each
// message, so that deleting one wrapped key erases one message for good.
//
// A ring file is complete or absent: it is written beside its place, flushed, and
// renamed into it before anything says that the keys exist.
package keys

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"samband/certs"
	"samband/gateway/durable"
	"samband/gateway/internal/work"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Names of the two ring files in a desk's key folder.
const (
	OnlineFile = "online.json"
	LockedFile = "locked.age"
)

// ErrExists says that a ring is there already: keys are never overwritten.
var ErrExists = errors.New("the ring exists already")

// Online is the ring that a desk has at start.
type Online struct {
	Receipts []*signed.PrivateKey // use consignment
	TLS      *ecdsa.PrivateKey    // the connection's key
	Made     signed.Time          // zero in a file that does not say

	hash signed.Hash // of TLS
}

// onlineFile and lockedFile are the rings as they lie on disk; the locked one
// inside seal.Protect.
type onlineFile struct {
	Receipts []string `json:"receipts"` // private key lines
	TLS      string   `json:"tls"`      // PEM

	Made signed.Time `json:"made"`
}

type lockedFile struct {
	Message []string  `json:"message"` // private key lines
	Opening []opening `json:"opening"` // the newest last
	Storage []byte    `json:"storage"`
}

// Create makes both rings of a desk in dir and returns them, durable by then; the
// passphrase of the locked one costs the work of the factor, of which zero is the true. It
// refuses, with ErrExists, a folder that has a ring; a crash between the two
// files leaves one, to be removed by hand, since nothing was registered yet.
func Create(dir string, address signed.Address, passphrase []byte, factor work.Factor) (*Online, *Locked, error) {
	for _, name := range []string{OnlineFile, LockedFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("make rings in %q: %w", dir, ErrExists)
		}
	}
	locked, err := newLocked(address)
	if err != nil {
		return nil, nil, err
	}
	online, err := newOnline(address)
	if err != nil {
		return nil, nil, err
	}
	if err := locked.write(dir, passphrase, factor, durable.Create); err != nil {
		return nil, nil, err
	}
	if err := online.write(dir, OnlineFile); err != nil {
		return nil, nil, err
	}
	return online, locked, nil
}

func newOnline(address signed.Address) (*Online, error) {
	receipts, err := signed.GenerateKeys(string(address), signed.UseConsignment)
	if err != nil {
		return nil, err
	}
	key, err := certs.NewKey()
	if err != nil {
		return nil, err
	}
	o := &Online{Receipts: receipts, TLS: key, Made: signed.At(time.Now())}
	o.hash, err = certs.HashOf(&key.PublicKey)
	return o, err
}

func (o *Online) write(dir, name string) error {
	key, err := certs.EncodeKey(o.TLS)
	if err != nil {
		return err
	}
	b, err := json.Marshal(onlineFile{encode(o.Receipts), string(key), o.Made})
	if err != nil {
		return err
	}
	return durable.Create(filepath.Join(dir, name), b, 0o600)
}

// OpenOnline reads the online ring.
func OpenOnline(dir string) (*Online, error) { return openOnline(filepath.Join(dir, OnlineFile)) }

func openOnline(path string) (*Online, error) {
	b, err := durable.ReadFile(path, durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read the online ring: %w", err)
	}
	var f onlineFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read the online ring %q: not its form", path)
	}
	o := &Online{Made: f.Made}
	if o.Receipts, err = decode(f.Receipts); err == nil {
		o.TLS, err = certs.DecodeKey([]byte(f.TLS))
	}
	if err == nil {
		o.hash, err = certs.HashOf(&o.TLS.PublicKey)
	}
	if err != nil {
		return nil, fmt.Errorf("read the online ring %q: %w", path, err)
	}
	return o, nil
}

// Unlock opens the locked ring. seal.ErrPassphrase: the passphrase is wrong.
func Unlock(dir string, passphrase []byte) (*Locked, error) {
	path := filepath.Join(dir, LockedFile)
	b, err := durable.ReadFile(path, durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read the locked ring: %w", err)
	}
	plain, err := seal.Unprotect(b, passphrase)
	if err != nil {
		return nil, fmt.Errorf("open the locked ring %q: %w", path, err)
	}
	defer clear(plain)
	l, err := parseLocked(plain)
	if err == nil {
		err = l.join(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the locked ring %q: %w", path, err)
	}
	return l, nil
}

func encode(keys []*signed.PrivateKey) []string {
	var lines []string
	for _, k := range keys {
		lines = append(lines, k.Encode())
	}
	return lines
}

func decode(lines []string) ([]*signed.PrivateKey, error) {
	var keys []*signed.PrivateKey
	for _, line := range lines {
		k, err := signed.DecodePrivateKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no signing key")
	}
	return keys, nil
}
