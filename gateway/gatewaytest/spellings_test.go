package gatewaytest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"io/fs"
	"mime/quotedprintable"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// A search looks for words that nobody but two desks may know, however a program
// may have written them down.
type search struct {
	patterns map[[4]byte][]pattern
	begins   [1 << 16]bool // by the first two bytes, since nearly nothing does
}

type pattern struct {
	what  string // the marker and its spelling
	bytes []byte
}

// newSearch looks for markers, each under a name that says what it is.
func newSearch(markers map[string][]byte) *search {
	s := &search{patterns: map[[4]byte][]pattern{}}
	for name, marker := range markers {
		for spelling, b := range spellings(marker) {
			first := [4]byte(b)
			s.patterns[first] = append(s.patterns[first], pattern{name + ", " + spelling, b})
			s.begins[binary.BigEndian.Uint16(b)] = true
		}
	}
	return s
}

// spellings are the ways in which bytes may be written. Those of text come with
// it if the bytes are text.
func spellings(marker []byte) map[string][]byte {
	all := map[string][]byte{}
	for name, b := range forms(marker) {
		all[name] = b
		for padding := range 3 { // base64 goes by three bytes
			for alphabet, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 of URLs": base64.RawURLEncoding} {
				all[fmt.Sprintf("%s, %s at %d", name, alphabet, padding)] = inner(e.EncodeToString(append(make([]byte, padding), b...)), padding, 3, 4, len(b))
			}
		}
		for padding := range 5 {
			all[fmt.Sprintf("%s, base32 at %d", name, padding)] = inner(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append(make([]byte, padding), b...)), padding, 5, 8, len(b))
		}
		all[name+", hex"] = []byte(hex.EncodeToString(b))
		all[name+", HEX"] = []byte(strings.ToUpper(hex.EncodeToString(b)))
		all[name+", hex with spaces"] = fmt.Appendf(nil, "% x", b)
		all[name+", numbers"] = bytes.Trim(fmt.Append(nil, b), "[]")
		all[name+", Go's quotes"] = []byte(strings.Trim(fmt.Sprintf("%+q", b), `"`))
		all[name+", C's quotes"] = []byte(escaped(b, "\\x%02x", isPlain))
	}
	return all
}

// inner are the digits of an encoding that don't depend on what stands beside:
// those of whole groups, from the first that begins in the marker.
func inner(digits string, padding, bytes, group, length int) []byte {
	from := (padding + bytes - 1) / bytes * group
	to := (padding + length) / bytes * group
	return []byte(digits[from:to])
}

// forms are a marker's bytes in the encodings of text, forward and backward.
func forms(marker []byte) map[string][]byte {
	all := map[string][]byte{"as it is": marker, "backward": reversedBytes(marker)}
	text := string(marker)
	if !isText(text) {
		return all
	}
	for name, s := range map[string]string{
		"UTF-8": text, "decomposed": norm.NFD.String(text), "in capitals": strings.ToUpper(text), "in small letters": strings.ToLower(text),
	} {
		all[name] = []byte(s)
		all[name+", UTF-16LE"] = wide(s, binary.LittleEndian)
		all[name+", UTF-16BE"] = wide(s, binary.BigEndian)
		all[name+", JSON"] = []byte(jsonEscaped(s, "\\u%04x"))
		all[name+", JSON in capitals"] = []byte(jsonEscaped(s, "\\u%04X"))
		all[name+", in a URL"] = []byte(url.PathEscape(s))
		all[name+", in a query"] = []byte(url.QueryEscape(s))
		all[name+", in a URL, small"] = []byte(escaped([]byte(s), "%%%02x", isPlain))
		all[name+", all in a URL"] = []byte(escaped([]byte(s), "%%%02X", func(byte) bool { return false }))
		all[name+", quoted-printable"] = quotedPrintable(s)
		all[name+", HTML"] = []byte(html.EscapeString(entities(s)))
		all[name+", XML"] = []byte(entities(s))
	}
	runes := []rune(text)
	slices.Reverse(runes)
	all["letters backward"] = []byte(string(runes))
	if latin, ok := latin1(text); ok {
		all["Latin-1"] = latin
	}
	for name, b := range all {
		if len(b) < 4 {
			delete(all, name)
		}
	}
	return all
}

func isText(s string) bool {
	return strings.ToValidUTF8(s, "") == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}

func reversedBytes(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}

func wide(s string, order binary.AppendByteOrder) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return b
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~ ", c) >= 0
}

func escaped(b []byte, format string, plain func(byte) bool) string {
	var out strings.Builder
	for _, c := range b {
		if plain(c) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, format, c)
		}
	}
	return out.String()
}

func jsonEscaped(s, format string) string {
	var out strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		if u < 0x80 {
			out.WriteByte(byte(u))
		} else {
			fmt.Fprintf(&out, format, u)
		}
	}
	return out.String()
}

func entities(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x80 {
			out.WriteRune(r)
		} else {
			out.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return out.String()
}

func quotedPrintable(s string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

func latin1(s string) (b []byte, ok bool) {
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}

// in lists what of the markers stands in bytes, also if they contain something
// compressed.
func (s *search) in(b []byte) (found []string) {
	for i := 0; i+4 <= len(b); i++ {
		if b[i] == 0x1f || b[i] == 0x78 {
			found = append(found, s.inflated(b[i:])...)
		}
		if !s.begins[binary.BigEndian.Uint16(b[i:])] {
			continue
		}
		for _, p := range s.patterns[[4]byte(b[i:])] {
			if bytes.HasPrefix(b[i:], p.bytes) {
				found = append(found, p.what)
			}
		}
	}
	return found
}

// inflated looks into what gzip or zlib made, as far as it can be read.
func (s *search) inflated(b []byte) (found []string) {
	var r io.Reader
	var err error
	if b[0] == 0x1f {
		r, err = gzip.NewReader(bytes.NewReader(b))
	} else {
		r, err = zlib.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(r, 1<<20)) // its end may be something else
	for _, f := range s.in(plain) {
		found = append(found, "compressed: "+f)
	}
	return found
}

// inFolder lists what of the markers stands in files below a folder, or in their
// names.
func (s *search) inFolder(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hits := s.in([]byte(filepath.Base(path)))
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			hits = append(hits, s.in(b)...)
		}
		for _, h := range hits {
			found = append(found, path+": "+h)
		}
		return nil
	})
	return found, err
}

// The search finds each spelling of each marker, wherever it stands.
func TestSearchFinds(t *testing.T) {
	t.Parallel()
	markers := map[string][]byte{}
	for name, m := range caseMarkers {
		markers[name] = []byte(m)
	}
	markers["a picture"] = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	s := newSearch(markers)
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	if found := s.in(noise); len(found) != 0 {
		t.Fatalf("found in noise: %q", found)
	}
	planted := func(b []byte) []byte { return slices.Concat(noise[:97], b, noise[:101]) }
	for name, m := range markers {
		for spelling, b := range spellings(m) {
			if len(b) < 6 {
				t.Errorf("%s, %s: %d bytes are found by chance", name, spelling, len(b))
			}
			if !hasSuffix(s.in(planted(b)), name+", "+spelling) {
				t.Errorf("%s is not found, %s", name, spelling)
			}
		}
		var zipped, deflated bytes.Buffer
		for w, to := range map[io.WriteCloser]*bytes.Buffer{gzip.NewWriter(&zipped): &zipped, zlib.NewWriter(&deflated): &deflated} {
			w.Write(planted(m))
			w.Close()
			if !hasSuffix(s.in(planted(to.Bytes())), name+", as it is") {
				t.Errorf("%s is not found, compressed", name)
			}
		}
	}
	for file, what := range map[string][]byte{"nats/1.blk": markers["the suspect"], caseMarkers["the suspect"]: nil} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), planted(what), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := s.inFolder(dir)
		if err != nil || !hasSuffix(found, "the suspect, as it is") {
			t.Errorf("in %s: %q, %v", file, found, err)
		}
	}
}

func hasSuffix(all []string, end string) bool {
	return slices.ContainsFunc(all, func(s string) bool { return strings.HasSuffix(s, end) })
}
