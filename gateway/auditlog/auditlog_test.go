package auditlog

import (
	"crypto/sha256"
	"testing"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

var (
	exchange = signed.HashOf("the exchange of these tests")
	noon     = signed.At(time.Date(2026, 11, 23, 3, 14, 7, 0, time.UTC))
)

// testKey derives a log's key from a published seed.
func testKey(t testing.TB, origin string) *signed.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("samband test key of " + origin))
	k, err := signed.NewPrivateKey(origin, signed.Ed25519, seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// records has one record of each kind.
func records() []Record {
	r := func(k Kind, f func(*Record)) Record {
		rec := Record{
			Exchange: exchange, Kind: k, Time: noon,
			RegisterSize: 123, RegisterRoot: signed.HashOf("register"),
		}
		f(&rec)
		return rec
	}
	message, note := signed.HashOf("header text"), signed.HashOf("whole note")
	id := signed.ID{1, 2, 3}
	return []Record{
		r(envelope.Accepted, func(r *Record) {
			r.Index, r.Message, r.ID, r.From, r.To = 4711, message, id, "se.spoc", "no.liaison-ankara"
			r.Type, r.Urgency, r.Expires = "INFO_REQUEST", "urgent", noon.Add(time.Hour)
		}),
		r(envelope.Consigned, func(r *Record) { r.Message, r.By, r.Statement = message, "fi.spoc", note }),
		r(envelope.HandedOver, func(r *Record) { r.Message, r.By, r.Statement = message, "fi.spoc", note }),
		r(envelope.Refused, func(r *Record) {
			r.Message, r.By, r.Statement, r.Code = message, "fi.spoc", note, problem.BodyInvalid
		}),
		r(envelope.Withdrawn, func(r *Record) { r.ID, r.From, r.Statement, r.Message = id, "se.spoc", note, message }),
		r(envelope.Withdrawn, func(r *Record) { r.ID, r.From, r.Statement = id, "se.spoc", note }),
		r(envelope.Expired, func(r *Record) { r.Message = message }),
		r(envelope.Lapsed, func(r *Record) { r.Message = message }),
		r(envelope.Rejected, func(r *Record) {
			r.Caller, r.TextHash, r.Code, r.Until = "se.spoc", message, problem.NoAgreement, noon
		}),
		r(Refusals, func(r *Record) { r.Caller, r.Count = "se.spoc", 17 }),
		r(Quiet, func(*Record) {}),
		r(Entered, func(r *Record) { r.Index, r.Entry = 12, []byte("samband/accede/v1\n…") }),
		r(Opened, func(r *Record) { r.Writer = id }),
		r(envelope.Erased, func(r *Record) { r.By, r.Statement = "fi.spoc", note }),
	}
}

func wantCode(t *testing.T, err error, code problem.Code) {
	t.Helper()
	if got, ok := problem.Of(err); !ok || got.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
