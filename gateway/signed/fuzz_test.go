package signed_test

import (
	"bytes"
	"strings"
	"testing"

	"samband/gateway/signed"
)

// What parses is written back byte for byte, and what follows it is left alone.
func FuzzParseNote(f *testing.F) {
	pair := pairOf(f, "fi")
	b := noteOf(f, text, pair...).Bytes()
	f.Add(b)
	f.Add(noteOf(f, text, pair[0]).Bytes())
	f.Add(append(bytes.Clone(b), "age-encryption.org/v1\n"...))
	f.Add([]byte("a\n\n— b AAAAAAA=\n"))
	f.Add([]byte("a\n\n— b AAAAAAB=\n"))
	f.Add([]byte("a\r\n\r\n— b AAAAAAA=\r\n"))
	f.Add([]byte("\n\n"))
	f.Add([]byte(text))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, rest, err := signed.CutNote(b)
		if err != nil {
			if _, err := signed.ParseNote(b); err == nil {
				t.Fatal("ParseNote takes what CutNote refuses")
			}
			return
		}
		if again := append(n.Bytes(), rest...); !bytes.Equal(again, b) {
			t.Fatalf("%q is written again as %q", b, again)
		}
		if err := signed.CheckText(n.Text); err != nil {
			t.Fatalf("a note's text is no text: %v", err)
		}
		if _, err := signed.ParseNote(b); (err == nil) != (len(rest) == 0) {
			t.Fatalf("ParseNote with %d bytes left: %v", len(rest), err)
		}
		if len(n.Signatures) == 0 || len(n.Signatures) > signed.MaxSignatures {
			t.Fatalf("%d signatures", len(n.Signatures))
		}
		// Nothing but the two real signatures verifies.
		if signed.Verify(n, signed.PublicKeys(pair)) == nil && n.Text != text {
			t.Fatalf("a text nobody signed verifies: %q", n.Text)
		}
	})
}

// Every token parser takes one spelling, and a text that a form reads is the
// text that its values write.
func FuzzReader(f *testing.F) {
	f.Add(accede{signed.HashOf("x"), signed.HashOf("y"), "Ελλάδα"}.text())
	f.Add("samband/accede/v1\nexchange -\nprevious " + hash32 + "\ntitle \"\"\n")
	f.Add("samband/accede/v1\nexchange " + hash32 + "\nprevious " + hash32 + "\ntitle \"\\ud83d\\ude94\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := parseAccede(text); err == nil && a.text() != text {
			t.Fatalf("%q is written again as %q", text, a.text())
		}
	})
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{hash32, id16, "0", "2026-11-23T03:12:00Z", "se.spoc", "nordic.example/audit", `"\u00c5bo"`, "INFO_REQUEST"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for what, again := range map[string]spelling{
			"hash":    spelled(signed.ParseHash, signed.Hash.String),
			"id":      spelled(signed.ParseID, signed.ID.String),
			"bytes":   spelled(func(s string) ([]byte, error) { return signed.DecodeBytes(s, 64) }, signed.EncodeBytes),
			"number":  spelled(signed.ParseInt, signed.FormatInt),
			"time":    spelled(signed.ParseTime, signed.Time.String),
			"address": spelled(signed.ParseAddress, func(a signed.Address) string { return string(a) }),
			"origin":  spelled(signed.ParseOrigin, same),
			"word":    spelled(signed.ParseWord, same),
			"quoted":  spelled(signed.Unquote, signed.Quote),
		} {
			got, err := again(s)
			if err != nil {
				continue
			}
			if got != s {
				t.Errorf("%s %q is written again as %q", what, s, got)
			}
			if err := signed.CheckText(s + "\n"); s != "" && err != nil && len(s) <= signed.MaxLine {
				t.Errorf("%s %q does not fit a line: %v", what, s, err)
			}
			if what != "quoted" && strings.Contains(s, " ") {
				t.Errorf("%s %q has a space", what, s)
			}
		}
	})
}
