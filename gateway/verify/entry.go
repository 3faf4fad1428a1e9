package verify

import (
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// Entered checks that the register has a note at the place where the broker says it is.
func (a *Answer) Entered(note []byte, index int64) error {
	if at, ok := a.register.Find(note); !ok || at != index {
		err := problem.New(problem.ProofInvalid, "the register does not have the entry at place %d, where the broker says that it is", index)
		return breach(err, registerEntry(note), map[string][]byte{"entry": note, "checkpoint": a.registerCheckpoint})
	}
	return nil
}

// EntryRefusal checks the proof that a register entry, which me carried, was refused for
// good by a code. A record that refuses what the register admits is a breach: whether an
// entry enters is no broker's to say.
func (a *Answer) EntryRefusal(me signed.Address, note []byte, code problem.Code, proof []byte) error {
	r, err := a.Proven(proof, envelope.Rejected)
	switch {
	case err != nil:
	case r.Caller != me || r.TextHash != envelope.HashOfBytes(note) || r.Code != code:
		err = problem.New(problem.ProofInvalid, "the proven record is not of this entry's refusal")
	default:
		err = a.refusedRightly(r, note)
	}
	if err != nil {
		return breach(err, registerEntry(note), map[string][]byte{"entry": note, "refusal": proof, "checkpoint": a.auditCheckpoint})
	}
	return nil
}

// refusedRightly asks the register itself, where it is as long as the record says. Time
// alone, which the broker's clock tells, refuses an entry that restarts it.
func (a *Answer) refusedRightly(r *auditlog.Record, note []byte) error {
	if a.register.Size() != r.RegisterSize || a.register.Check(note) != nil {
		return nil
	}
	if e, err := register.ReadEntry(note); err == nil {
		if _, restarts := e.(*register.Clock); restarts {
			return nil
		}
	}
	return problem.New(r.Code, "the broker refused for good a register entry that the register admits")
}

func registerEntry(note []byte) string { return "register entry " + signed.HashOf(note).String() }
