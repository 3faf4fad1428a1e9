package signed

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Hash is a SHA-256, written in standard base64 with padding.
type Hash [sha256.Size]byte

// HashOf hashes bytes or text.
func HashOf[T ~string | ~[]byte](b T) Hash { return sha256.Sum256([]byte(b)) }

func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// ParseHash reads a Hash in its one spelling.
func ParseHash(s string) (h Hash, err error) {
	err = decode(h[:], s, "hash")
	return h, err
}

// An ID is 128 random bits: of a message, or of a conversation. It carries no
// time, no sender and no case number.
type ID [16]byte

// NewID draws an ID.
func NewID() ID {
	var id ID
	rand.Read(id[:])
	return id
}

func (id ID) String() string { return base64.StdEncoding.EncodeToString(id[:]) }

// ParseID reads an ID in its one spelling.
func ParseID(s string) (id ID, err error) {
	err = decode(id[:], s, "id")
	return id, err
}

func decode(dst []byte, s, what string) error {
	if len(s) != base64.StdEncoding.EncodedLen(len(dst)) {
		return fmt.Errorf("a %s does not have %d bytes", what, len(dst))
	}
	b, err := decodeBase64(s)
	if err != nil || len(b) != len(dst) {
		return fmt.Errorf("a %s is not %d bytes in base64", what, len(dst))
	}
	copy(dst, b)
	return nil
}

// DecodeBytes reads a base64 value of at most max bytes in its one spelling.
func DecodeBytes(s string, max int) ([]byte, error) {
	if len(s) > base64.StdEncoding.EncodedLen(max) {
		return nil, fmt.Errorf("a value passes %d bytes", max)
	}
	b, err := decodeBase64(s)
	if err != nil {
		return nil, err
	}
	if len(b) > max {
		return nil, fmt.Errorf("a value passes %d bytes", max)
	}
	return b, nil
}

// decodeBase64 reads base64 in its one spelling: the package decodes strictly, but
// passes over line breaks, and a value that has one is longer than its bytes need.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return nil, errors.New("a value is not base64 in its one spelling")
	}
	return b, nil
}

// EncodeBytes writes what DecodeBytes reads.
func EncodeBytes(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// An Address names a desk: its party, a dot, and the desk's own name, such as
// "se.spoc" or "no.liaison-ankara". The party is an ISO 3166-1 alpha-2 code in
// lower case or an organisation's registered name.
type Address string

var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	originForm = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*$`)
	wordForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// ParseName reads the name of a party, or the part of an address after its dot:
// 2 to 32 lower-case letters, digits and single inner hyphens.
func ParseName(s string) (string, error) {
	if len(s) < 2 || len(s) > 32 || !nameForm.MatchString(s) {
		return "", errors.New("a name is not 2 to 32 lower-case letters, digits and inner hyphens")
	}
	return s, nil
}

// ParseAddress reads the address of a desk.
func ParseAddress(s string) (Address, error) {
	party, desk, ok := strings.Cut(s, ".")
	if ok {
		_, err := ParseName(party)
		_, err2 := ParseName(desk)
		ok = err == nil && err2 == nil
	}
	if !ok {
		return "", errors.New("an address is not <party>.<desk>")
	}
	return Address(s), nil
}

// Party returns the part before the dot.
func (a Address) Party() string {
	party, _, _ := strings.Cut(string(a), ".")
	return party
}

// ParseOrigin reads the name of an exchange or of a log, such as
// "nordic.example" or "nordic.example/audit".
func ParseOrigin(s string) (string, error) {
	if len(s) > 128 || !originForm.MatchString(s) {
		return "", errors.New("an origin is not a lower-case host name with an optional path")
	}
	return s, nil
}

// parseWord reads a code word: 1 to 64 letters, digits, dots, hyphens and
// underscores.
func parseWord(s string) (string, error) {
	if len(s) > 64 || !wordForm.MatchString(s) {
		return "", errors.New("a code word has other bytes than letters, digits, dot, hyphen and underscore")
	}
	return s, nil
}

// ParseInt reads a decimal number from 0 to 2^53-1 without sign or leading zero.
func ParseInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n >= 1<<53 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("a number is not a plain decimal from 0 to 2^53-1")
	}
	return n, nil
}

// FormatInt writes what ParseInt reads.
func FormatInt(n int64) string { return strconv.FormatInt(n, 10) }

// A Time is a moment in whole seconds, written in UTC as 2026-11-23T03:12:00Z.
type Time struct{ unix int64 }

// At cuts t to whole seconds.
func At(t time.Time) Time { return Time{t.Unix()} }

// AsTime returns t as a time.Time, in UTC.
func (t Time) AsTime() time.Time { return time.Unix(t.unix, 0).UTC() }

func (t Time) String() string     { return t.AsTime().Format("2006-01-02T15:04:05Z") }
func (t Time) Before(u Time) bool { return t.unix < u.unix }
func (t Time) IsZero() bool       { return t.unix == 0 }
func (t Time) Unix() int64        { return t.unix }

// Add moves t by d, cut to whole seconds.
func (t Time) Add(d time.Duration) Time { return Time{t.unix + int64(d/time.Second)} }

// Sub returns t-u, or the longest Duration there is: about 292 years.
func (t Time) Sub(u Time) time.Duration { return t.AsTime().Sub(u.AsTime()) }

// ParseTime reads a Time from 1970 to 9999 in its one spelling.
func ParseTime(s string) (Time, error) {
	g, err := time.Parse("2006-01-02T15:04:05Z", s)
	t := At(g)
	if err != nil || t.unix <= 0 || t.String() != s {
		return Time{}, errors.New("a time is not of the form 2026-11-23T03:12:00Z")
	}
	return t, nil
}

// quote writes a name in any script as a JSON string in printable ASCII.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c >= 0x20 && c < 0x7f:
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, "\\u%04x", c)
		default:
			c -= 0x10000
			fmt.Fprintf(&b, "\\u%04x\\u%04x", 0xd800+(c>>10), 0xdc00+(c&0x3ff))
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unquote reads what quote writes, and no other spelling of it; at most 512
// bytes of UTF-8 without control characters.
func unquote(s string) (string, error) {
	var out string
	if err := json.Unmarshal([]byte(s), &out); err != nil || quote(out) != s || !utf8.ValidString(out) {
		return "", errors.New("a quoted name is not in its one spelling")
	}
	if len(out) > 512 || strings.ContainsFunc(out, unicode.IsControl) {
		return "", errors.New("a quoted name is too long or has control characters")
	}
	return out, nil
}

// A Head is a log as somebody verified it: its origin, size and root.
type Head struct {
	Origin string
	Size   int64
	Root   Hash
}
