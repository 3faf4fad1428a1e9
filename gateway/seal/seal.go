// Package seal closes a message for one desk and opens it there. It is the only
// door to age, and the broker's program does not link it.
//
//	sealed, key, err := seal.Seal(&header, &content, openingKeyOfTheRecipient)
//	…
//	content, key, err := seal.Open(envelope, identities...)
//
// What is sealed is a frame: the hash of the header that it was sealed for, the
// body and the statistics record with their salts, small attachments, and
// padding that hides the length. The frame's hash ties it to its header, so the
// sealed part of one message can't be carried under another; the salted
// commitments in the header let a body be proven later without being shown now.
//
// age encrypts the frame to one hybrid key (ML-KEM-768 with X25519) and to no
// other: [Open] refuses a file with more stanzas, since each would be a reader
// whom the header does not name. Each message has a file key of its own, which
// a desk keeps wrapped and can destroy; [OpenWith] reads with it alone.
//
// SPEC §6.
package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A FileKey is the symmetric key of one message. Who has it can read that
// message and no other.
type FileKey [16]byte

// Format keeps file keys out of logs and error texts, whatever the verb.
func (FileKey) Format(s fmt.State, _ rune) { io.WriteString(s, "file key") }

// MarshalText keeps file keys out of JSON and structured logs: whoever stores
// one does so on purpose, by its bytes.
func (FileKey) MarshalText() ([]byte, error) {
	return nil, errors.New("a file key is not written as text")
}

// NewOpeningKey makes a desk's opening key: the secret identity, which stays in
// the locked ring, and the recipient string that the register publishes.
func NewOpeningKey() (identity, recipient string, err error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", "", fmt.Errorf("make opening key: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// CheckRecipient checks that a string which the register names as an opening key
// is one: ENTRY_INVALID if no message could be sealed to it. The register
// itself doesn't read it.
func CheckRecipient(recipient string) error {
	_, err := parseRecipient(recipient)
	return err
}

func parseRecipient(recipient string) (*age.HybridRecipient, error) {
	recipients.Lock()
	defer recipients.Unlock()
	if to, ok := recipients.by[recipient]; ok {
		return to, nil
	}
	to, err := age.ParseHybridRecipient(recipient)
	if err != nil { // without its words, which may quote the string
		return nil, problem.New(problem.EntryInvalid, "the desk's opening key is not a hybrid age key")
	}
	if recipients.by == nil || len(recipients.by) >= maxParsed {
		recipients.by = map[string]*age.HybridRecipient{}
	}
	recipients.by[recipient] = to
	return to, nil
}

// recipients are those that were parsed, by their strings: one of 2,000 characters
// takes a third as long to parse as a message takes to seal. There are so many, and
// then they begin anew.
var recipients struct {
	sync.Mutex
	by map[string]*age.HybridRecipient
}

const maxParsed = 1024

// Seal writes c for the holder of the recipient string. It draws the salts of
// c and fills in what the header says of the sealed part: both commitments, the
// name of the opening key, and the sealed line. Every other field of h must
// stand already.
func Seal(h *envelope.Header, c *Content, recipient string) ([]byte, FileKey, error) {
	to, err := parseRecipient(recipient)
	if err != nil {
		return nil, FileKey{}, err
	}
	rand.Read(c.bodySalt[:])
	rand.Read(c.statisticsSalt[:])
	h.Body, h.Statistics = c.commitments()
	h.ToKey = envelope.KeyIDOf(recipient)
	frame, err := c.frame(signed.HashOf(h.Bound()))
	if err != nil {
		return nil, FileKey{}, err
	}
	keeper := &keepingRecipient{to: to}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, keeper)
	if err == nil {
		_, err = w.Write(frame)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, FileKey{}, fmt.Errorf("seal message: %w", err)
	}
	h.Sealed = envelope.SealedOf(out.Bytes())
	return out.Bytes(), keeper.key, nil
}

// Open opens an envelope with the identity, among those given, whose key the
// header names. Where none of them is it, the error is no problem.Problem: the message
// is not bad, the desk lacks a key.
func Open(e *envelope.Envelope, identities ...string) (*Content, FileKey, error) {
	for _, s := range identities {
		id, err := age.ParseHybridIdentity(s)
		if err != nil {
			return nil, FileKey{}, errors.New("an opening key in the ring is not a hybrid age identity")
		}
		if envelope.KeyIDOf(id.Recipient().String()) == e.ToKey {
			return open(e, id)
		}
	}
	return nil, FileKey{}, errNoKey
}

// errNoKey reports that the desk has no identity for the key a header names.
var errNoKey = errors.New("no opening key for this message in the ring")

// OpenWith opens an envelope with its own file key.
func OpenWith(e *envelope.Envelope, key FileKey) (*Content, error) {
	c, _, err := open(e, age.NewInjectedFileKeyIdentity(key[:]))
	return c, err
}

func open(e *envelope.Envelope, id age.Identity) (*Content, FileKey, error) {
	// The hash is checked before a byte is decrypted: an Envelope may have been
	// built by other means than envelope.Parse.
	if e.Header.Sealed != envelope.SealedOf(e.Sealed) {
		return nil, FileKey{}, problem.New(problem.SealedMismatch, "the sealed part is not the one that the header names")
	}
	keeper := &keepingIdentity{id: id}
	r, err := age.Decrypt(bytes.NewReader(e.Sealed), keeper)
	if err != nil {
		return nil, FileKey{}, unsealed(err)
	}
	frame, err := io.ReadAll(r)
	if err != nil {
		return nil, FileKey{}, unsealed(err)
	}
	// Only now, after the header's MAC and the payload to its end, is the key
	// that the stanza gave known to be this file's.
	c, err := parseFrame(frame, signed.HashOf(e.Bound()))
	if err != nil {
		return nil, FileKey{}, err
	}
	if body, statistics := c.commitments(); body != e.Body || statistics != e.Statistics {
		return nil, FileKey{}, problem.New(problem.CommitmentMismatch, "the body or the statistics are not those that the header commits to")
	}
	return c, keeper.key, nil
}

// unsealed says why age gave no frame, without its words, which may quote bytes.
func unsealed(err error) error {
	if errors.Is(err, errStanzas) {
		return problem.New(problem.SealInvalid, "the sealed part is not for exactly one hybrid key")
	}
	return problem.New(problem.SealUnreadable, "the sealed part does not open with the key that the header names")
}
