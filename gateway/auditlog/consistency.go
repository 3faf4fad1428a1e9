package auditlog

import (
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// CheckConsistency checks that a log at new still has everything it had at
// old, in the same places. A caller that knows nothing yet passes the zero head, which
// every log extends; one of size 0 that names a log has the hash of nothing for its root.
// A fault is LOG_CONTRADICTS.
func CheckConsistency(old, new signed.Head, proof []signed.Hash) error {
	switch {
	case old == signed.Head{} && new.Size >= 0 && len(proof) == 0:
		return nil
	case old.Origin != new.Origin:
		return contradicts("heads of %s and %s are of different logs", old.Origin, new.Origin)
	case len(proof) > maxHashes || old.Size < 0 || new.Size > maxSize:
		return contradicts("a proof of consistency passes its bounds")
	case new.Size < old.Size:
		return contradicts("%s had %d entries and now shows %d", new.Origin, old.Size, new.Size)
	case old.Size == 0 && len(proof) > 0:
		return contradicts("a proof from %s at no entries has %d hashes", old.Origin, len(proof))
	case old.Size == 0 && old.Root != EmptyRoot:
		return contradicts("the root of %s at no entries is another", old.Origin)
	case old.Size == 0:
		return nil
	}
	err := tlog.CheckTree(toTlog(proof), new.Size, tlog.Hash(new.Root), old.Size, tlog.Hash(old.Root))
	if err != nil {
		return contradicts("%s at %d entries does not extend what it was at %d", new.Origin, new.Size, old.Size)
	}
	return nil
}

func contradicts(format string, args ...any) error {
	return problem.New(problem.LogContradicts, format, args...)
}
