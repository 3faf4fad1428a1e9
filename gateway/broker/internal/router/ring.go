package router

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Ring checks a note by which the caller shows its locked ring on one connection. Nothing
// is ordered for it: it is of that connection alone, and ends with it.
func (r *Router) Ring(_ context.Context, caller signed.Address, exporter signed.Hash, raw []byte) error {
	note, shown, err := api.ReadShown(raw)
	if err != nil {
		return err
	}
	if shown.Signer != caller {
		return problem.New(problem.CertificateWrong, "the certificate is that of %s, and %s signed", caller, shown.Signer)
	}
	if err := r.seq.Register().Now().VerifyLocked(note, shown.Exchange, shown.Signer); err != nil {
		return err
	}
	if shown.Exporter != exporter {
		return problem.New(problem.SignatureInvalid, "the note was signed for another connection")
	}
	return nil
}
