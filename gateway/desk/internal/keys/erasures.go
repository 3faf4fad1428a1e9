package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// An ErasedName stands for one message in a list of what a desk erased (SPEC §8.4).
// Without the storage key nobody can tell which.
type ErasedName [16]byte

// MaxErased is how many names a list has room for.
const MaxErased = 64

const erasuresV1 = "samband/erasures/v1"

// ErasedName is the name of a message, by direction, sender and id.
func (l *Locked) ErasedName(received bool, sender signed.Address, id signed.ID) ErasedName {
	h := hmac.New(sha256.New, l.derive(erasuresV1+" name"))
	direction := byte(0)
	if received {
		direction = 1
	}
	h.Write([]byte{direction})
	h.Write([]byte(string(sender) + "\n"))
	h.Write(id[:])
	return ErasedName(h.Sum(nil))
}

// SealErased seals a list of names, which ascend, each once: at most MaxErased. All
// lists have one size.
func (l *Locked) SealErased(names []ErasedName) []byte {
	plain := make([]byte, 0, MaxErased*len(ErasedName{}))
	for _, n := range names {
		plain = append(plain, n[:]...)
	}
	plain = plain[:cap(plain)] // the places that are left are zero
	aead := l.listAEAD()
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, []byte(erasuresV1+"\n"))
}

// OpenErased opens what SealErased made.
func (l *Locked) OpenErased(list []byte) ([]ErasedName, error) {
	aead := l.listAEAD()
	if len(list) != envelope.ErasureList {
		return nil, errors.New("a list of erasures has another size")
	}
	plain, err := aead.Open(nil, list[:aead.NonceSize()], list[aead.NonceSize():], []byte(erasuresV1+"\n"))
	if err != nil {
		return nil, errors.New("a list of erasures does not open with this ring's storage key")
	}
	return parseErased(plain)
}

// parseErased reads what a list says: names that ascend, then zeros.
func parseErased(plain []byte) (names []ErasedName, err error) {
	if len(plain) != MaxErased*len(ErasedName{}) {
		return nil, errors.New("a list of erasures has another size")
	}
	for rest := plain; len(rest) > 0; rest = rest[len(ErasedName{}):] {
		n := ErasedName(rest[:len(ErasedName{})])
		if n == (ErasedName{}) {
			if len(bytes.Trim(rest, "\x00")) > 0 {
				return nil, errors.New("in a list of erasures a name follows an empty place")
			}
			break
		}
		if len(names) > 0 && bytes.Compare(names[len(names)-1][:], n[:]) >= 0 {
			return nil, errors.New("the names of a list of erasures do not ascend")
		}
		names = append(names, n)
	}
	return names, nil
}

func (l *Locked) listAEAD() cipher.AEAD {
	block, err := aes.NewCipher(l.derive(erasuresV1 + " list"))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // of AES
	}
	return aead
}

// LogMAC returns what makes the MAC of the head of the desk's own log: without the storage
// key nobody can.
func (l *Locked) LogMAC() func(lines int64, chain []byte) []byte {
	key := l.derive("samband/log/v1")
	return func(lines int64, chain []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(lines)))
		h.Write(chain)
		return h.Sum(nil)
	}
}

// derive draws a key for one purpose from the storage key.
func (l *Locked) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, l.storage[:], nil, purpose, 32)
	if err != nil {
		panic(err) // a fault of its arguments, which are constants
	}
	return key
}
