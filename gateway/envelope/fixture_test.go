package envelope_test

import (
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// wantCode fails unless err is a problem of the code; "" stands for no error.
func wantCode(t *testing.T, err error, code problem.Code) {
	t.Helper()
	switch {
	case err == nil && code == "":
	case err == nil:
		t.Errorf("taken, want %s", code)
	case problem.CodeOf(err) != code:
		t.Errorf("%v, want %s", err, code)
	}
}

// keysOf derives the keys of a use from published seeds.
func keysOf(t testing.TB, name string, use signed.Use) []*signed.PrivateKey {
	t.Helper()
	var keys []*signed.PrivateKey
	for _, alg := range signed.Uses[use] {
		seed := signed.HashOf("samband test key " + name + " " + string(alg))
		k, err := signed.NewPrivateKey(name, alg, seed[:])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

func at(t testing.TB, s string) signed.Time {
	t.Helper()
	v, err := signed.ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sealed stands for an age file: the envelope never looks inside.
var sealed = []byte("age-encryption.org/v1\n-> mlkem768x25519 …\n")

// header is a whole header, without the three optional lines.
func header(t testing.TB) envelope.Header {
	t.Helper()
	return envelope.Header{
		Exchange:       signed.HashOf("exchange"),
		ID:             signed.ID{1, 2, 3},
		Type:           envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("type")},
		From:           "se.spoc",
		To:             "fi.spoc",
		ToKey:          envelope.KeyIDOf("age1pq1…"),
		Conversation:   signed.ID{4, 5, 6},
		Created:        at(t, "2026-11-23T03:12:00Z"),
		Expires:        at(t, "2026-11-30T03:12:00Z"),
		Agreement:      signed.HashOf("agreement"),
		Urgency:        envelope.Urgent,
		Classification: envelope.Unclassified,
		AsOfAudit:      signed.Head{Origin: "nordic.example/audit", Size: 123456, Root: signed.HashOf("audit")},
		AsOfRegister:   signed.Head{Origin: "nordic.example/register", Size: 123, Root: signed.HashOf("register")},
		Body:           signed.HashOf("body"),
		Statistics:     signed.HashOf("statistics"),
		Sealed:         envelope.SealedOf(sealed),
	}
}

// fullHeader has every optional line too.
func fullHeader(t testing.TB) envelope.Header {
	h := header(t)
	h.OnBehalfOf = "no.police"
	h.InReplyTo = signed.HashOf("question")
	h.Parts = &envelope.PartsRef{Count: 3, Bytes: 20971520, Hash: signed.HashOf("parts")}
	h.Urgency = envelope.NonUrgent
	h.Classification = envelope.BPL
	return h
}
