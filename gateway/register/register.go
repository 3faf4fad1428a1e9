// Package register is who and what an exchange consists of: its parties and
// desks, their keys, the agreements between them, and the law that follows.
//
// The register is a small log of signed entries. The first is the federation
// file, whose hash is the exchange; each later one is the word of the root or of
// one party, and names the hash of that signer's word before it, so that none
// can be replayed, left out or put in another order:
//
//	samband/desk/v1
//	exchange hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTbiBg=
//	previous KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s=
//	signer fi
//	desk fi.spoc
//	title "Keskusrikospoliisi, SPOC"
//	…
//
// Whoever replays the entries gets the same facts. Every desk of the exchange
// does, and so does the broker; neither has to believe the other:
//
//	r, err := register.New(federationFile)
//	index, err := r.Append(entry)       // a *problem.Problem says what is wrong
//	v := r.At(r.Size())                 // the facts at a size of the register
//	err = v.VerifyMessage(message)      // by the keys in force at that size
//	err = v.Decide(&message.Header, t)  // nil: it may pass; else the rule that says no
//
// A [View] answers for one size of the register for ever: what was accepted
// under it stays accepted, whatever is revoked later. [View.Decide] and
// [View.DecideSealed] are the two halves of the law, pure functions of header,
// register and time, and [View.Explain] asks them before anything is sent.
//
// People carry cards to each other before a register knows them: a founder, a
// party, a broker and a desk each show their public keys in a text signed by
// those very keys. SPEC §10 says every entry, card and check.
package register

import (
	"bytes"
	"slices"
	"sync"

	"samband/gateway/auditlog"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// MaxEntry bounds an entry with its signatures.
const MaxEntry = auditlog.MaxEntry

// A Register is the log of entries and the facts they make. Any number may read
// while one appends.
type Register struct {
	federation *Federation
	exchange   signed.Hash

	mu      sync.RWMutex // over all below
	notes   [][]byte
	roots   []signed.Hash // by size; roots[0] is that of nothing
	tree    auditlog.Range
	state   *state
	applied []applied // what made the state, behind the federation file
}

// applied is an entry that was admitted, and where it stands.
type applied struct {
	entry Entry
	at    place
}

// New begins a register with its federation file, verified by its founders' own
// keys. That it is the file of the right exchange, the caller knows by its hash.
func New(federation []byte) (*Register, error) {
	f, err := ParseFederation(federation)
	if err != nil {
		return nil, err
	}
	r := &Register{federation: f, exchange: f.Hash(), roots: []signed.Hash{auditlog.EmptyRoot}}
	r.state = newState(f, r.exchange)
	r.grow(federation)
	return r, nil
}

// Replay makes a register of all its entries, the federation file first.
func Replay(entries [][]byte) (*Register, error) {
	if len(entries) == 0 {
		return nil, invalid("a register begins with its federation file")
	}
	r, err := New(entries[0])
	if err != nil {
		return nil, err
	}
	for _, e := range entries[1:] {
		if _, err := r.Append(e); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Append verifies an entry and applies it; index is its place in the log. A
// refusal is a *problem.Problem and changes nothing. The checks, in order
// (SPEC §10.3):
//
//  1. OVERSIZE, TEXT_MALFORMED: bound and form.
//  2. WRONG_EXCHANGE: it is an entry of this exchange.
//  3. ENTRY_OUT_OF_ORDER: it isn't in the register already.
//  4. NOT_ENTITLED, KEY_REVOKED: its kind is its signer's to sign: the root by
//     its threshold, or one party in force.
//  5. ENTRY_OUT_OF_ORDER: it follows its signer's entry before.
//  6. SIGNATURE_MISSING, SIGNATURE_EXTRA, SIGNATURE_INVALID.
//  7. NOT_ENTITLED, ENTRY_INVALID, KEY_REUSED: what it says is its signer's to
//     say, about things that exist, with keys that are new.
func (r *Register) Append(note []byte) (index int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.state.admit(note)
	if err != nil {
		return 0, err
	}
	index = int64(len(r.notes))
	a := applied{e, place{index, signed.HashOf(e.Text())}}
	r.state.apply(a.entry, a.at)
	r.applied = append(r.applied, a)
	r.grow(note)
	return index, nil
}

// Fork returns a register of its own with the same entries, which are not
// verified again. What is appended to one is not in the other.
func (r *Register) Fork() *Register {
	r.mu.RLock()
	defer r.mu.RUnlock()
	f := &Register{
		federation: r.federation, exchange: r.exchange,
		notes: slices.Clone(r.notes), roots: slices.Clone(r.roots), tree: *r.tree.Clone(),
		state: newState(r.federation, r.exchange), applied: slices.Clone(r.applied),
	}
	for _, a := range f.applied {
		f.state.apply(a.entry, a.at)
	}
	return f
}

// Check is Append without applying.
func (r *Register) Check(note []byte) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, err := r.state.admit(note)
	return err
}

func (r *Register) grow(note []byte) {
	r.notes = append(r.notes, slices.Clone(note))
	r.tree.Append(note)
	r.roots = append(r.roots, r.tree.Root())
}

// Exchange is the hash of the federation file's text.
func (r *Register) Exchange() signed.Hash { return r.exchange }

// Federation is the first entry.
func (r *Register) Federation() *Federation { return r.federation }

// Size is the number of entries.
func (r *Register) Size() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return int64(len(r.notes))
}

// Head is the register's log as it stands.
func (r *Register) Head() signed.Head { return r.Now().Head() }

// Entries returns the notes from an index on; they are not to be changed.
func (r *Register) Entries(from int64) [][]byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if from < 0 || from >= int64(len(r.notes)) {
		return nil
	}
	return slices.Clone(r.notes[from:])
}

// CheckHead compares a head of the register's log that somebody claims to have
// verified with ours: WRONG_EXCHANGE when it is another log's, HEAD_AHEAD
// when it is longer than ours, HEAD_CONTRADICTS when its root is not ours at
// that size.
func (r *Register) CheckHead(h signed.Head) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch origin := r.federation.Register.Name; {
	case h.Origin != origin:
		return problem.New(problem.WrongExchange, "the register's head is not of %s", origin)
	case h.Size >= int64(len(r.roots)):
		return problem.New(problem.HeadAhead, "the register has %d entries, the head names %d", len(r.notes), h.Size)
	case h.Root != r.roots[h.Size]:
		return problem.New(problem.HeadContradicts, "the register's root at size %d is another", h.Size)
	}
	return nil
}

// Find returns the place of a note that was appended, byte for byte. The federation file,
// which is no entry of anybody's, is not found.
func (r *Register) Find(note []byte) (index int64, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, n := range r.notes[1:] {
		if bytes.Equal(n, note) {
			return int64(i) + 1, true
		}
	}
	return 0, false
}

// Previous is the hash that the next entry of a signer must name: of the root,
// when signer is the name of any founder ("se/root"), or of a party.
func (r *Register) Previous(signer string) (signed.Hash, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.state.previous(signer)
}
