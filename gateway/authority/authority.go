// Package authority is how people make an exchange: on files, each with keys of
// their own, mostly offline.
//
// Two sets of keys are kept apart, each in a folder of its own, so that they can
// lie on different machines or in different safes:
//
//	parties/se/root/        a [Founder]'s share of the root: admits parties
//	parties/se/authority/   a [Party]'s authority: its desks, agreements, revocations
//	parties/se/entries/     what they signed, in order
//	parties/se/federation   the exchange that they are of
//
// A federation is founded by files that go from hand to hand. Founders and the
// broker show cards; one founder drafts, each signs the same text, and the
// finished file is the exchange:
//
//	text, err := authority.DraftFederation("nordic.example", 2, founders, broker)
//	draft, err := no.Sign(text)                  // a note with Norway's signatures
//	draft, err = se.Cosign(draft.Note)           // and with Sweden's: draft.Stored is the file
//
// Later entries of the root go the same way. Entries of a party need its
// authority alone:
//
//	stored, err := fi.Desk(request, directory, until) // an entry, for samband-broker enter
//
// Each entry names the hash of its signer's entry before it. The folder of
// entries is that chain: a file is written durably before anyone sees the entry,
// and the newest file is what the next entry follows.
package authority

import (
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A StoredEntry is an entry, or a federation file, that was signed and stored.
type StoredEntry struct {
	Note []byte      // the text with its signatures, as the broker gets it
	Hash signed.Hash // of its text; agreements are called by it
	File string      // its path
}

// textOf returns the text of a note whose form was checked before.
func textOf(note []byte) (string, error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return "", err
	}
	return n.Text, nil
}

// parseEntry reads an entry's note; it verifies nothing.
func parseEntry(note []byte) (register.Entry, error) {
	text, err := textOf(note)
	if err != nil {
		return nil, err
	}
	return register.ParseEntry(text)
}
