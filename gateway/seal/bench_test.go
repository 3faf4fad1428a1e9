package seal

import (
	"bytes"
	"fmt"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// bodies: one that fills the smallest frame, and one of 4 KiB, which with what
// stands around it needs the next.
var bodies = []int{4<<10 - frameOverhead, 4 << 10}

func each(b *testing.B, run func(b *testing.B, c *Content)) {
	for _, n := range bodies {
		b.Run(fmt.Sprintf("body=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			run(b, &Content{Body: bytes.Repeat([]byte("a"), n)})
		})
	}
}

func BenchmarkSealAndSign(b *testing.B) {
	each(b, func(b *testing.B, c *Content) {
		_, recipient := openingKey(b, "fi.spoc")
		keys := keysOf(b, "se.spoc", signed.UseMessage)
		prepared := header(b)
		var e *envelope.Envelope
		for b.Loop() {
			h := prepared
			sealed, _, err := Seal(&h, c, recipient)
			if err != nil {
				b.Fatal(err)
			}
			if e, err = envelope.Sign(h, sealed, keys); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(e.Bytes())), "envelope-bytes")
	})
}

func BenchmarkParseAndVerify(b *testing.B) {
	each(b, func(b *testing.B, c *Content) {
		e, _ := sealedMessage(b, c)
		bytes := e.Bytes()
		keys := signed.PublicKeys(keysOf(b, "se.spoc", signed.UseMessage))
		for b.Loop() {
			e, err := envelope.Parse(bytes)
			if err != nil {
				b.Fatal(err)
			}
			if err := signed.Verify(e.Note, keys); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	each(b, func(b *testing.B, c *Content) {
		identity, _ := openingKey(b, "fi.spoc")
		e, _ := sealedMessage(b, c)
		for b.Loop() {
			if _, _, err := Open(e, identity); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenWithFileKey(b *testing.B) {
	each(b, func(b *testing.B, c *Content) {
		e, key := sealedMessage(b, c)
		for b.Loop() {
			if _, err := OpenWith(e, key); err != nil {
				b.Fatal(err)
			}
		}
	})
}
