package signed_test

import (
	"strings"
	"testing"
	"time"

	"samband/gateway/signed"
)

const (
	hash32 = "hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTbiBg="
	id16   = "632ZaV3RxCbhkqBgXHmLAg=="
)

// spelling is a token parser as the tables below use it: what it read, written
// again.
type spelling func(string) (string, error)

// spelled lifts a parser and its writer into a spelling.
func spelled[T any](parse func(string) (T, error), write func(T) string) spelling {
	return func(s string) (string, error) {
		v, err := parse(s)
		return write(v), err
	}
}

func same(s string) string { return s }

// Each value has one spelling: a good one comes back byte for byte, every other
// one is refused.
func TestTokens(t *testing.T) {
	tokens := map[string]struct {
		spelling spelling
		good     []string
		bad      []string
	}{
		"hash": {
			spelled(signed.ParseHash, signed.Hash.String),
			[]string{hash32, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
			[]string{
				"", id16, hash32 + "=", hash32 + "\n", " " + hash32,
				strings.TrimRight(hash32, "="),
				strings.ReplaceAll(hash32, "/", "_"),
				"hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTbiBh=", // unused bits set
				"hEF/0kRg2SaquEQRRn64\rUv9JZgH5EDd39ZF3tTbiBg=",
				"hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTb\r\n\r\n",
			},
		},
		"id": {
			spelled(signed.ParseID, signed.ID.String),
			[]string{id16, "AAAAAAAAAAAAAAAAAAAAAA=="},
			[]string{
				"", hash32, "632ZaV3RxCbhkqBgXHmLAg", "632ZaV3RxCbhkqBgXHmLAg=", "632ZaV3RxCbhkqBgXHmLAh==",
				"632ZaV3RxCbhkqBgXHmL\r\n\r\n", "632ZaV3RxCbhkqBgXHmLAgA=",
			},
		},
		"bytes": {
			spelled(func(s string) ([]byte, error) { return signed.DecodeBytes(s, 4) }, signed.EncodeBytes),
			[]string{"", "AA==", "AAAA", "3q2+7w=="},
			[]string{"A", "AB==", "AAA", "AAAAAAAA", "AA==\n", "A\nA==", "3q2-7w==", "=", "===="},
		},
		"number": {
			spelled(signed.ParseInt, signed.FormatInt),
			[]string{"0", "1", "42", "9007199254740991"},
			[]string{
				"", "-0", "-1", "+1", "00", "01", "1 ", " 1", "1.0", "1e3", "0x10", "1_000", "٣",
				"9007199254740992", "9223372036854775808", strings.Repeat("9", 400),
			},
		},
		"time": {
			spelled(signed.ParseTime, signed.Time.String),
			[]string{"2026-11-23T03:12:00Z", "1970-01-01T00:00:01Z", "9999-12-31T23:59:59Z", "2024-02-29T00:00:00Z"},
			[]string{
				"", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
				"2026-11-23T03:12:00z", "2026-11-23t03:12:00Z", "2026-11-23 03:12:00Z", "2026-11-23T03:12:00",
				"2026-11-23T03:12:00+00:00", "2026-11-23T03:12:00.5Z", "2026-11-23T03:12:00.000Z", "2026-11-23T03:12:00,0Z",
				"2026-11-23T3:12:00Z", "2026-11-23T24:00:00Z", "2026-11-23T03:12:60Z", "2026-02-29T00:00:00Z",
				"2026-11-23T03:12:00Z ", "2026-11-23T03:12Z",
			},
		},
		"name": {
			spelled(signed.ParseName, same),
			[]string{"se", "spoc", "liaison-ankara", "enu2", "a1-2-3", strings.Repeat("a", 32)},
			[]string{
				"", "s", "Se", "1se", "-se", "se-", "s--e", "s.e", "s_e", "s e", "sé", "se\n", "ｓｅ",
				strings.Repeat("a", 33),
			},
		},
		"address": {
			spelled(signed.ParseAddress, func(a signed.Address) string { return string(a) }),
			[]string{"se.spoc", "no.liaison-ankara", "interpol.ipsg"},
			[]string{"", "se", "se.", ".spoc", "se.spoc.x", "se..spoc", "se. spoc", "SE.spoc", "se.spoc\n", "se/spoc"},
		},
		"origin": {
			spelled(signed.ParseOrigin, same),
			[]string{"nordic.example", "nordic.example/audit", "se/root", "a-b.c/d-e/f", strings.Repeat("a", 128)},
			[]string{
				"", "/", "nordic.example/", "/audit", "nordic..example", ".example", "example.", "nordic.example//audit",
				"Nordic.example", "a--b.example", "xn--nrdic-wxa.example", "a-.example", "nordic.example/a.b", "nordic.example/a_b", "nordic.example:443", "nordic example", "a+b", "a\n",
				strings.Repeat("a", 129),
			},
		},
		"word": {
			spelled(signed.ParseWord, same),
			[]string{"INFO_REQUEST", "1.0", "a", "7", "x-y_z.1", strings.Repeat("A", 64)},
			[]string{"", "_A", ".A", "-A", "A B", "A/B", "A\n", "Å", strings.Repeat("A", 65)},
		},
		"quoted": {
			spelled(signed.Unquote, signed.Quote),
			[]string{
				`""`, `"Finland"`, `"\u00c5land"`, `"\u0395\u03bb\u03bb\u03ac\u03b4\u03b1"`, `"\u0645\u06cc\u200c\u062e"`,
				`"a \"b\" \\ c/d"`, `"\ud83d\ude94"`, `"\ufffd"`, `"` + strings.Repeat("a", 512) + `"`,
			},
			[]string{
				``, `"`, `Finland`, `null`, `"a" `, ` "a"`, `"a"b"`, `'a'`, `"Åland"`, `"\u00C5land"`, `"\u0041"`, `"\/"`,
				`"\n"`, `"\u000a"`, `"\t"`, `"\u007f"`, `"\u009b31m"`, `"\ud83d"`, `"\ude94\ud83d"`, `"\u00"`, "\"\xff\"",
				`"` + strings.Repeat("a", 513) + `"`, `"` + strings.Repeat(`\u00e5`, 257) + `"`,
			},
		},
	}
	for what, token := range tokens {
		for _, s := range token.good {
			if again, err := token.spelling(s); err != nil || again != s {
				t.Errorf("%s %q: read as %q, %v", what, s, again, err)
			}
		}
		for _, s := range token.bad {
			if v, err := token.spelling(s); err == nil {
				t.Errorf("%s %q was taken, as %q", what, s, v)
			}
		}
	}
}

// Errors of tokens end up in refusals, so they do not repeat what a stranger wrote.
func TestTokenErrorsQuoteNothing(t *testing.T) {
	const marker = "Mustermann Erika"
	_, hash := signed.ParseHash(marker)
	_, address := signed.ParseAddress(marker)
	_, word := signed.ParseWord(marker)
	_, clock := signed.ParseTime(marker)
	_, number := signed.ParseInt(marker)
	_, quoted := signed.Unquote(marker)
	_, bytes := signed.DecodeBytes(marker, 64)
	for _, err := range []error{hash, address, word, clock, number, quoted, bytes} {
		if err == nil || strings.Contains(err.Error(), "Erika") {
			t.Errorf("error %v", err)
		}
	}
}

func TestAddressParty(t *testing.T) {
	if got := signed.Address("no.liaison-ankara").Party(); got != "no" {
		t.Errorf("Party = %q", got)
	}
}

func TestTimeArithmetic(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 999_999_999, time.FixedZone("EET", 2*60*60))
	at := signed.At(noon)
	if at.String() != "2026-11-23T10:00:00Z" {
		t.Errorf("At = %s", at)
	}
	later := at.Add(90*time.Second + time.Millisecond)
	if later.Sub(at) != 90*time.Second || !at.Before(later) || later.Before(at) || at.Before(at) {
		t.Errorf("%s, %s later", at, later)
	}
	if life := signed.At(time.Unix(18446744074, 0)).Sub(signed.At(time.Unix(0, 0))); life < 1<<62 {
		t.Errorf("584 years are %s", life) // a Duration of as many nanoseconds wraps round
	}
	if at.IsZero() || !(signed.Time{}).IsZero() || at.AsTime().Unix() != at.Unix() {
		t.Error("zero is not what it seems")
	}
}

func TestNewIDsDiffer(t *testing.T) {
	one, other := signed.NewID(), signed.NewID()
	if one == other {
		t.Error("two ids are one")
	}
}
