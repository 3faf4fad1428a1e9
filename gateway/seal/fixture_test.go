package seal

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// The published seed of a key is the hash of "samband test vector v1: " and the
// key's words, such as "se.spoc message ed25519" or "fi.spoc opening".
func seedOf(words string) signed.Hash { return signed.HashOf("samband test vector v1: " + words) }

func keysOf(t testing.TB, name string, use signed.Use) []*signed.PrivateKey {
	t.Helper()
	var keys []*signed.PrivateKey
	for _, alg := range signed.Uses[use] {
		seed := seedOf(name + " " + string(use) + " " + string(alg))
		k, err := signed.NewPrivateKey(name, alg, seed[:])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

func openingKey(t testing.TB, name string) (identity, recipient string) {
	t.Helper()
	seed := seedOf(name + " opening")
	identity = strings.ToUpper(bech32("age-secret-key-pq-", seed[:]))
	id, err := age.ParseHybridIdentity(identity)
	if err != nil {
		t.Fatal(err)
	}
	return identity, id.Recipient().String()
}

func at(t testing.TB, s string) signed.Time {
	t.Helper()
	v, err := signed.ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// header has all that Seal does not fill in.
func header(t testing.TB) envelope.Header {
	t.Helper()
	return envelope.Header{
		Exchange:       signed.HashOf("samband test vector v1: exchange"),
		ID:             signed.ID(bytes.Repeat([]byte{0x11}, 16)),
		Type:           envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("samband test vector v1: type")},
		From:           "se.spoc",
		To:             "fi.spoc",
		Conversation:   signed.ID(bytes.Repeat([]byte{0x22}, 16)),
		Created:        at(t, "2026-11-23T03:12:00Z"),
		Expires:        at(t, "2026-11-30T03:12:00Z"),
		Agreement:      signed.HashOf("samband test vector v1: agreement"),
		Urgency:        envelope.Urgent,
		Classification: envelope.Unclassified,
		AsOfAudit:      signed.Head{Origin: "nordic.example/audit", Size: 123456, Root: signed.HashOf("samband test vector v1: audit")},
		AsOfRegister:   signed.Head{Origin: "nordic.example/register", Size: 123, Root: signed.HashOf("samband test vector v1: register")},
	}
}

func content() *Content {
	return &Content{
		Body:       []byte(`{"offence":"vehicle theft","plate":"ΑΒΓ-1234","holder":"Åsa Öberg","note":"ajoneuvo nähty Oulussa"}`),
		Statistics: []byte(`{"offence_area":"vehicles"}`),
		Attachments: []Attachment{
			{"bil, höger sida.jpg", "image/jpeg", []byte("\xff\xd8\xff\xe0 no real photograph")},
			{"تصویر\u200cخودرو.png", "image/png", nil},
		},
	}
}

// encrypt makes an age file, of whatever it is given, for whomever.
func encrypt(t testing.TB, plain []byte, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func hybrid(t testing.TB, recipient string) *age.HybridRecipient {
	t.Helper()
	r, err := age.ParseHybridRecipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// carry signs h over sealed bytes, as a sender of bad will can.
func carry(t testing.TB, h envelope.Header, sealed []byte) *envelope.Envelope {
	t.Helper()
	h.Sealed = envelope.SealedOf(sealed)
	e, err := envelope.Sign(h, sealed, keysOf(t, string(h.From), signed.UseMessage))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// prepared is a header that commits to c and names fi.spoc's key: what Seal has
// just before it encrypts. The salts are fixed.
func prepared(t testing.TB, c *Content) (h envelope.Header, recipient string) {
	t.Helper()
	_, recipient = openingKey(t, "fi.spoc")
	h = header(t)
	c.bodySalt, c.statisticsSalt = signed.HashOf("a salt"), signed.HashOf("another salt")
	h.ToKey = envelope.KeyIDOf(recipient)
	h.Body, h.Statistics = c.commitments()
	return h, recipient
}

// frameOf writes c for h, as it stands.
func frameOf(t testing.TB, h envelope.Header, c *Content) []byte {
	t.Helper()
	b, err := c.frame(signed.HashOf(h.Bound()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealedMessage is a message as a desk makes it.
func sealedMessage(t testing.TB, c *Content) (*envelope.Envelope, FileKey) {
	t.Helper()
	_, recipient := openingKey(t, "fi.spoc")
	h := header(t)
	sealed, key, err := Seal(&h, c, recipient)
	if err != nil {
		t.Fatal(err)
	}
	return carry(t, h, sealed), key
}

// wantCode fails unless err is a problem of the code; "" stands for no error.
func wantCode(t testing.TB, err error, code problem.Code) {
	t.Helper()
	switch {
	case err == nil && code == "":
	case err == nil:
		t.Errorf("taken, want %s", code)
	case problem.CodeOf(err) != code:
		t.Errorf("%v, want %s", err, code)
	}
}
