package seal

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"samband/gateway/internal/work"
)

// The same letters open a key file, whichever keyboard, system or editor wrote them, and
// whichever made it.
func TestPassphraseIsLetters(t *testing.T) {
	const composed = "Åkerö på vägen, 1987"
	spellings := map[string]string{
		"composed": composed, "decomposed": norm.NFD.String(composed), "Ångström sign": "\u212bker\u00f6 på vägen, 1987",
		"no-break space": "Åkerö\u00a0på\u202fvägen,\u30001987", "with a byte order mark": "\ufeff" + composed,
	}
	for made, one := range spellings {
		b, err := Protect([]byte("a key file"), []byte(one), work.Light)
		if err != nil {
			t.Fatal(err)
		}
		for typed, other := range spellings {
			if got, err := Unprotect(b, []byte(other)); err != nil || string(got) != "a key file" {
				t.Errorf("made %s, typed %s: %q, %v", made, typed, got, err)
			}
		}
		for what, other := range map[string]string{
			"other letters": "Akerö på vägen, 1987", "capitals": "ÅKERÖ PÅ VÄGEN, 1987", "a space more": composed + " ", "wide digits": "Åkerö på vägen, １９８７",
		} {
			if _, err := Unprotect(b, []byte(other)); !errors.Is(err, ErrPassphrase) {
				t.Errorf("made %s, typed %s: %v", made, what, err)
			}
		}
	}
}

// A key file from before there was a normal form has the bytes that its owner gave.
func TestOldKeyFileOpens(t *testing.T) {
	decomposed := norm.NFD.String("Åkerö på vägen, 1987")
	for what, raw := range map[string]string{
		"decomposed": decomposed, "a byte order mark": "\ufeffnine geese", "a tab": "nine\tgeese", "no text": "nine\xffgeese",
		"a character that Unicode lacks": "nine\U0005fffdgeese", "a no-break space": "nine\u00a0geese",
	} {
		old := weak(t, "an old key file", raw)
		if got, err := Unprotect(old, []byte(raw)); err != nil || string(got) != "an old key file" {
			t.Errorf("%s: %q, %v", what, got, err)
			continue
		}
		// Written anew with the same passphrase, it opens with it still.
		b, err := Protect([]byte("a new one"), []byte(raw), work.Light)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Unprotect(b, []byte(raw)); err != nil || string(got) != "a new one" {
			t.Errorf("%s, anew: %q, %v", what, got, err)
		}
	}
	// It is the bytes that open it, so its owner's other keyboard does not; nor may a file
	// of the normal form open by something else.
	if _, err := Unprotect(weak(t, "x", decomposed), []byte(norm.NFC.String(decomposed))); !errors.Is(err, ErrPassphrase) {
		t.Errorf("other bytes open an old key file: %v", err)
	}
}

func TestNormalFormRefuses(t *testing.T) {
	for _, raw := range []string{"a\tb", "a\x00b", "a\x1bb", "a\xff", "a\u200bb", "a\ufeffb", "a\U0005fffdb", "a\ue000b"} {
		if got, err := NormalForm([]byte(raw)); !errors.Is(err, ErrForm) {
			t.Errorf("%q has the form %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "\ufeff"} {
		if got, err := NormalForm([]byte(raw)); len(got) > 0 || err != nil {
			t.Errorf("%q has the form %q, %v", raw, got, err)
		}
		if _, err := Protect([]byte("x"), []byte(raw), work.Light); err == nil {
			t.Errorf("%q protects", raw)
		}
	}
}

// A normal form is its own normal form, and leaves what it was made of as it was.
func FuzzNormalForm(f *testing.F) {
	for _, s := range []string{"nine geese", "A\u030akero\u0308", "\ufeff\ufeffx", "한글", "क्\u200dष", "ﬁ ½", "\u212b\u3000", "a\tb", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		once, err := NormalForm(raw)
		if !bytes.Equal(raw, before) {
			t.Fatalf("%q became %q", before, raw)
		}
		if err != nil {
			return
		}
		if !utf8.Valid(once) || !norm.NFC.IsNormal(once) {
			t.Fatalf("%q has the form %q", raw, once)
		}
		if twice, err := NormalForm(once); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q has the form %q, and that %q, %v", raw, once, twice, err)
		}
	})
}
