package envelope_test

import (
	"testing"

	"samband/gateway/envelope"
)

func BenchmarkHeaderText(b *testing.B) {
	h := fullHeader(b)
	b.ReportAllocs()
	for b.Loop() {
		if h.Text() == "" {
			b.Fatal("no text")
		}
	}
}

func BenchmarkParseHeader(b *testing.B) {
	h := fullHeader(b)
	text := h.Text()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := envelope.ParseHeader(text); err != nil {
			b.Fatal(err)
		}
	}
}
