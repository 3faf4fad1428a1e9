package journal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

var testKey = bytes.Repeat([]byte{7}, 32)

func sample() *Group {
	exchange := signed.HashOf("an exchange")
	now := signed.At(time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC))
	note := []byte("a note")
	return &Group{
		Number: 42,
		Before: Sizes{Size{4711, signed.HashOf("a")}, Size{12, signed.HashOf("b")}},
		After:  Sizes{Size{4713, signed.HashOf("c")}, Size{12, signed.HashOf("b")}},
		Entries: []auditlog.Entry{
			{Record: auditlog.Record{Exchange: exchange, Kind: auditlog.Opened, Time: now, Writer: signed.NewID()}},
			{Salt: auditlog.NewSalt(), Record: auditlog.Record{Exchange: exchange, Kind: envelope.Accepted, Index: 4711, Time: now,
				Message: signed.HashOf("m"), From: "se.spoc", To: "fi.spoc", Type: "INFO_REQUEST", Urgency: "urgent", Expires: now.Add(time.Hour)}},
			{Salt: auditlog.NewSalt(), Record: auditlog.Record{Exchange: exchange, Kind: envelope.Consigned, Index: 4712, Time: now,
				Message: signed.HashOf("n"), By: "fi.spoc", Statement: signed.HashOf(note)}},
		},
		Blobs: []Blob{{signed.HashOf("m"), []byte("an envelope")}, {signed.HashOf(note), note}},
	}
}

func TestGroupRoundTrip(t *testing.T) {
	g := sample()
	b := g.Encode(testKey)
	got, err := Decode(b, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(testKey), b) || got.Number != 42 || len(got.Entries) != 3 || len(got.Blobs) != 2 {
		t.Errorf("%+v", got)
	}
}

// The archive keeps the notes, and nothing that is sealed.
func TestPayloadHasNoEnvelope(t *testing.T) {
	b := sample().Payload(testKey)
	if strings.Contains(string(b), "an envelope") || !strings.Contains(string(b), "a note") {
		t.Error("the archive's payload has an envelope, or lacks a note")
	}
	if _, err := Decode(b, testKey); err != nil {
		t.Error(err)
	}
}

func TestGroupRefuses(t *testing.T) {
	good := sample().Encode(testKey)
	body := good[:len(good)-32]
	seal := func(b []byte) []byte { return append(bytes.Clone(b), sum(testKey, b)...) }
	flip := func(at int) []byte {
		b := bytes.Clone(body)
		b[at] ^= 0x80
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                   nil,
		"no authentication":       body,
		"another key":             append(bytes.Clone(body), sum([]byte("other"), body)...),
		"a flipped bit":           append(flip(100), good[len(good)-32:]...),
		"another form":            seal(flip(3)),
		"cut":                     seal(body[:len(body)-1]),
		"longer":                  seal(append(bytes.Clone(body), 0)),
		"a length past its bound": seal(flip(len(groupMagic) + 8 + 160)),
	} {
		if _, err := Decode(b, testKey); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzGroup(f *testing.F) {
	g := sample()
	b := g.Encode(testKey)
	f.Add(b[:len(b)-32])
	b = g.Payload(testKey)
	f.Add(b[:len(b)-32])
	f.Add([]byte(groupMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append(bytes.Clone(body), sum(testKey, body)...)
		g, err := Decode(b, testKey)
		if err != nil {
			return
		}
		if !bytes.Equal(g.Encode(testKey), b) {
			t.Error("a group has two spellings")
		}
	})
}
