package auditlog

import (
	"bytes"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/signed"
)

const proofForm = "c2sp.org/tlog-proof@v1"

// A Proof says that an entry stands in a log under a checkpoint. It is a C2SP
// tlog-proof whose extra data is the entry, so it can be read alone.
type Proof struct {
	Entry      Entry
	Hashes     []signed.Hash // from the leaf's sibling up to the root
	Checkpoint []byte
}

// MakeProof writes the proof that e stands at e.Record.Index under a checkpoint.
func MakeProof(e Entry, hashes []signed.Hash, checkpoint []byte) []byte {
	return torchwood.FormatProofWithExtraData(e.Record.Index, e.Bytes(), tlog.RecordProof(toTlog(hashes)), checkpoint)
}

// ParseProof reads a proof's form within its bounds and believes nothing of it:
// that is Verify's part. A fault is PROOF_INVALID.
func ParseProof(b []byte) (*Proof, error) {
	if len(b) > MaxProof {
		return nil, invalid("a proof passes the bound of %d bytes", MaxProof)
	}
	head, checkpoint, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || len(lines)-3 > maxHashes || lines[0] != proofForm {
		return nil, invalid("it is not a %s of at most %d hashes", proofForm, maxHashes)
	}
	entry, err := parseExtra(lines[1])
	if err != nil {
		return nil, invalid("a proof carries no record: %v", err)
	}
	p := &Proof{Entry: *entry, Checkpoint: []byte(checkpoint)}
	for _, l := range lines[3:] {
		h, err := signed.ParseHash(l)
		if err != nil {
			return nil, invalid("a proof has a line that is no hash")
		}
		p.Hashes = append(p.Hashes, h)
	}
	if !bytes.Equal(MakeProof(p.Entry, p.Hashes, p.Checkpoint), b) { // the index line, among others, is compared here
		return nil, invalid("a proof is not in its canonical form, or its index is not its record's")
	}
	return p, nil
}

func parseExtra(line string) (*Entry, error) {
	b, err := signed.DecodeBytes(strings.TrimPrefix(line, "extra "), len(Salt{})+MaxRecord)
	if err != nil {
		return nil, err
	}
	return ParseEntry(b)
}

// Verify checks that the log of key has the entry under the proof's
// checkpoint, and returns its record and the checkpoint's head. A fault is
// PROOF_INVALID.
//
// It can't know whether the record is of the caller's exchange, speaks of the
// caller's message, or stands in a log with one history: the caller compares
// those, the last by CheckConsistency. Of a register entry the log binds the
// entry and its place, and not the time and register size beside it.
func (p *Proof) Verify(key *signed.PublicKey) (*Record, signed.Head, error) {
	head, err := VerifyCheckpoint(p.Checkpoint, key)
	if err != nil {
		return nil, signed.Head{}, err
	}
	r, err := p.VerifyUnder(head)
	return r, head, err
}

// VerifyUnder is Verify if the proof's checkpoint was verified already, and
// has this head.
func (p *Proof) VerifyUnder(head signed.Head) (*Record, error) {
	r := &p.Entry.Record
	leaf := p.Entry.Leaf()
	if leaf == nil {
		return nil, invalid("records of kind %s stand in no log", r.Kind)
	}
	if r.Index < 0 || r.Index >= head.Size {
		return nil, invalid("entry %d lies beyond the checkpoint's size of %d", r.Index, head.Size)
	}
	err := tlog.CheckRecord(toTlog(p.Hashes), head.Size, tlog.Hash(head.Root), r.Index, tlog.Hash(hashOfEntry(leaf)))
	if err != nil {
		return nil, invalid("%s does not hold this %s record as entry %d of %d", head.Origin, r.Kind, r.Index, head.Size)
	}
	return r, nil
}

func toTlog(hashes []signed.Hash) []tlog.Hash {
	out := make([]tlog.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = tlog.Hash(h)
	}
	return out
}
