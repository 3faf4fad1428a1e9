package envelope_test

import (
	"bytes"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

func FuzzParse(f *testing.F) {
	f.Add(signedEnvelope(f, header(f), sealed).Bytes())
	f.Add(signedEnvelope(f, fullHeader(f), sealed).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := envelope.Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Bytes(), b) {
			t.Fatalf("%q is written again as %q", b, e.Bytes())
		}
		if e.Text() != e.Note.Text {
			t.Fatalf("the header says\n%s, the note\n%s", e.Text(), e.Note.Text)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	plain, full := header(f), fullHeader(f)
	f.Add(plain.Text())
	f.Add(full.Text())
	for _, bad := range malformedHeaders(f) {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := envelope.ParseHeader(text)
		if err != nil {
			return
		}
		if h.Text() != text {
			t.Fatalf("%q is written again as %q", text, h.Text())
		}
		if !strings.HasPrefix(text, h.Bound()) {
			t.Fatalf("the bound part %q is not the text's beginning", h.Bound())
		}
	})
}

func FuzzParseStatement(f *testing.F) {
	f.Add(consignment(f).Text())
	for _, s := range statements(f) {
		f.Add(s.Text())
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := envelope.ParseStatement(text)
		if err != nil {
			return
		}
		if s.Text() != text {
			t.Fatalf("%q is written again as %q", text, s.Text())
		}
		// Neither ring says the other's words.
		if online := signed.FirstLine(text) == "samband/consignment/v1"; online != (s.Event == envelope.Consigned) {
			t.Fatalf("%s is said in the form of the other ring", s.Event)
		}
	})
}
