// Package auditlog reads and proves the two logs of an exchange: what the
// broker says about each event, and how anyone checks that it said so, once,
// in this order, and can't take it back.
//
// An event is a [Record], unsigned text:
//
//	samband/record/v1
//	exchange hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTbiBg=
//	kind handed-over
//	index 4711
//	time 2026-11-23T03:14:07Z
//	register 123 Ht/sIVnxjM9Pb1mP1bZ6VLGBw2Sq0lDpqyYcZK1x3bA=
//	message KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s=
//	by fi.spoc
//	statement t2MlRyh6sPzZSuIwZsqzEGtW8L9pFwyGdWbK0lKjv2c=
//
// The audit log has no record, only its leaf: a salted hash. Whoever is
// shown salt and record can check them against the leaf; whoever isn't learns
// nothing from it. The register's log has its signed entries as they are.
//
// Both logs are Merkle trees as in RFC 6962, published as C2SP tlog-tiles under
// C2SP checkpoints, so other people's tools verify them. A [Proof] is a C2SP
// tlog-proof that carries its record along:
//
//	p, err := auditlog.ParseProof(b)
//	record, head, err := p.Verify(logKey)  // it stands in the log, under head
//	err = auditlog.CheckConsistency(known, head, hashes) // and head extends what we knew
//
// A proof alone shows a log that the broker may have made for us only; the
// second check, against the last head that we or someone else verified, is what
// makes one history of it.
//
// SPEC §7 says every byte. Package tree, beneath, writes the tiles.
package auditlog

// Bounds of what is read (SPEC §7).
const (
	MaxEntry      = 1<<16 - 1 // bytes of a log's entry: tlog-tiles counts them in 16 bits
	MaxRecord     = 128 << 10 // bytes of a record's text: an entry in base64, and its lines
	maxCheckpoint = 64 << 10  // bytes of a checkpoint with all its signatures
	MaxProof      = 256 << 10 // bytes of a proof
	maxHashes     = 64        // hashes of one proof, of inclusion or consistency
)
