package auditlog

import (
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// CheckConsistency checks that a log at new still has everything it had at
// old, in the same places. A caller that knows nothing yet passes an old head of
// size 0, which every log extends. A fault is LOG_CONTRADICTS.
func CheckConsistency(old, new signed.Head, proof []signed.Hash) error {
	switch {
	case old.Size == 0 && new.Size >= 0 && len(proof) == 0:
		return nil
	case old.Origin != new.Origin:
		return contradicts("heads of %s and %s are of different logs", old.Origin, new.Origin)
	case len(proof) > maxHashes || old.Size < 0 || new.Size > maxSize:
		return contradicts("a proof of consistency passes its bounds")
	case old.Size == 0 || new.Size < old.Size:
		return contradicts("%s had %d entries and now shows %d", new.Origin, old.Size, new.Size)
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
