package api

import (
	"net/http"
	"time"

	"samband/gateway/problem"
)

// statuses is the one place where a problem code meets its HTTP status. Every
// code has one, also those that only a desk's own interface answers with.
var statuses = []struct {
	status int
	codes  []problem.Code
}{
	{http.StatusBadRequest, []problem.Code{
		problem.TextMalformed, problem.SealedMismatch, problem.WrongExchange, problem.DatesInvalid, problem.PartsUnsupported}},
	{http.StatusUnauthorized, []problem.Code{
		problem.CertificateRefused}},
	{http.StatusForbidden, []problem.Code{
		problem.CertificateWrong, problem.DeskBarred, problem.KeyRevoked, problem.NotEntitled,
		problem.SignatureMissing, problem.SignatureExtra, problem.SignatureInvalid}},
	{http.StatusNotFound, []problem.Code{
		problem.NotFound, problem.UnknownDesk, problem.UnknownMessage}},
	{http.StatusConflict, []problem.Code{
		problem.IDReused, problem.AlreadyConsigned, problem.AlreadyEnded,
		problem.RegisterMoved, problem.TypeOutdated, problem.HeadAhead, problem.HeadContradicts,
		problem.EntryOutOfOrder, problem.KeyReused}},
	{http.StatusGone, []problem.Code{
		problem.Expired}},
	{http.StatusRequestEntityTooLarge, []problem.Code{
		problem.Oversize}},
	{http.StatusUnprocessableEntity, []problem.Code{
		problem.NoAgreement, problem.TypeUnknown, problem.TypeNotPermitted, problem.ClassificationTooHigh,
		problem.OnBehalfUnaccredited, problem.PurposeNotPermitted, problem.ReplyNotAllowed,
		problem.SealInvalid, problem.SealUnreadable, problem.FrameInvalid, problem.FrameMismatch,
		problem.CommitmentMismatch, problem.BodyMalformed, problem.BodyInvalid, problem.EntryInvalid}},
	{http.StatusTooManyRequests, []problem.Code{
		problem.BudgetExhausted}},
	{http.StatusInternalServerError, []problem.Code{
		problem.Internal}},
	{http.StatusBadGateway, []problem.Code{
		problem.ProofMissing, problem.ProofInvalid, problem.LogContradicts, problem.RegisterTooOld,
		problem.StatementForged, problem.SecondText}},
	{http.StatusServiceUnavailable, []problem.Code{
		problem.StoreFull, problem.BrokerStopped, problem.BrokerBusy, problem.DeskLocked}},
}

var statusOf = func() map[problem.Code]int {
	m := map[problem.Code]int{}
	for _, row := range statuses {
		for _, c := range row.codes {
			m[c] = row.status
		}
	}
	return m
}()

// Status returns the HTTP status of a code.
func Status(code problem.Code) int {
	if s, ok := statusOf[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// Codes returns the codes that share a status, nil for a status that the
// contract does not answer with.
func Codes(status int) []problem.Code {
	for _, row := range statuses {
		if row.status == status {
			return row.codes
		}
	}
	return nil
}

// retryAfter tells when to try again after the codes that say so.
var retryAfter = map[problem.Code]time.Duration{
	problem.BudgetExhausted: time.Minute,
	problem.StoreFull:       30 * time.Second,
	problem.BrokerStopped:   time.Minute,
	problem.BrokerBusy:      time.Second,
	problem.DeskLocked:      30 * time.Second,
}

// RetryAfter returns the pause that goes with a code; zero: the caller's own.
func RetryAfter(code problem.Code) time.Duration { return retryAfter[code] }
