package register

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"samband/gateway/signed"
)

// Text and notes (SPEC §1.1, §2).

type modelNote struct {
	text string
	sigs []modelSig
}

type modelSig struct{ name, id, sig string } // id is the key hash, 4 bytes

const dash = "\u2014 "

func modelText(text string) (code string) {
	if len(text) > 65536 {
		return "OVERSIZE"
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if len(line) > 16384 {
			return "OVERSIZE"
		}
		if line == "" || strings.ContainsFunc(line, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
			return "TEXT_MALFORMED"
		}
	}
	return ""
}

func modelReadNote(b string) (n modelNote, code string) {
	text, rest, ok := strings.Cut(b, "\n\n")
	if !ok {
		return n, "TEXT_MALFORMED"
	}
	n.text = text + "\n"
	if code := modelText(n.text); code != "" {
		return n, code
	}
	for strings.HasPrefix(rest, dash) {
		line, after, ended := strings.Cut(rest, "\n")
		switch {
		case len(n.sigs) == 18:
			return n, "SIGNATURE_EXTRA"
		case len(line)+1 > 8192:
			return n, "OVERSIZE"
		case !ended:
			return n, "TEXT_MALFORMED"
		}
		name, coded, _ := strings.Cut(strings.TrimPrefix(line, dash), " ")
		sig, ok := modelBase64(coded)
		if !modelOrigin(name) || !ok || len(sig) < 5 {
			return n, "TEXT_MALFORMED"
		}
		n.sigs = append(n.sigs, modelSig{name, sig[:4], sig[4:]})
		rest = after
	}
	switch {
	case len(n.sigs) == 0:
		return n, "SIGNATURE_MISSING"
	case rest != "":
		return n, "TEXT_MALFORMED"
	}
	return n, ""
}

// Values (SPEC §1.2).

func modelBase64(s string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return string(b), err == nil && base64.StdEncoding.EncodeToString(b) == s
}

func modelBytes(s string, n int) bool {
	b, ok := modelBase64(s)
	return ok && len(b) == n
}

func modelHash(s string) bool { return modelBytes(s, 32) }
func modelID(s string) bool   { return modelBytes(s, 16) }

var modelZero = base64.StdEncoding.EncodeToString(make([]byte, 32))

func modelHashOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(h[:])
}

var (
	modelNameForm   = regexp.MustCompile(`^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$`)
	modelWordForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	modelNumberForm = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,15})$`)
	modelTagForm    = regexp.MustCompile(`^[a-z]{2,3}$`)
	modelZoneForm   = regexp.MustCompile(`^[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*$`)
	modelOriginForm = regexp.MustCompile(`^[a-z0-9]+(?:[.-][a-z0-9]+)*(?:/[a-z0-9]+(?:-[a-z0-9]+)*)*$`)
)

func modelName(s string) bool   { return len(s) >= 2 && len(s) <= 32 && modelNameForm.MatchString(s) }
func modelWord(s string) bool   { return modelWordForm.MatchString(s) }
func modelZone(s string) bool   { return len(s) <= 64 && modelZoneForm.MatchString(s) }
func modelTag(s string) bool    { return modelTagForm.MatchString(s) }
func modelOrigin(s string) bool { return len(s) <= 128 && modelOriginForm.MatchString(s) }

func modelAddress(s string) bool {
	party, desk, ok := strings.Cut(s, ".")
	return ok && modelName(party) && modelName(desk)
}

func modelSigner(s string) bool { return modelName(strings.TrimSuffix(s, "/root")) }

func modelNumber(s string) (n int64, ok bool) {
	if !modelNumberForm.MatchString(s) {
		return 0, false
	}
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	return n, n <= 1<<53-1
}

func modelTime(s string) bool {
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && t.Format("2006-01-02T15:04:05Z") == s && t.Unix() > 0
}

// modelQuoted goes through the one spelling, unit by unit.
func modelQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	var high rune // half of a pair
	size := 0
	for s = s[1 : len(s)-1]; s != ""; {
		var c rune
		switch {
		case s[0] == '"' || s[0] == '\\' && len(s) < 2:
			return false
		case s[0] != '\\':
			c, s = rune(s[0]), s[1:]
		case s[1] == '"' || s[1] == '\\':
			c, s = rune(s[1]), s[2:]
		default:
			if len(s) < 6 || s[1] != 'u' || strings.Trim(s[2:6], "0123456789abcdef") != "" {
				return false
			}
			fmt.Sscanf(s[2:6], "%x", &c)
			if s = s[6:]; c >= 0x20 && c <= 0x7e || unicode.IsControl(c) {
				return false
			}
		}
		switch {
		case high != 0:
			if c < 0xdc00 || c > 0xdfff {
				return false
			}
			high, size = 0, size+4
		case c >= 0xd800 && c <= 0xdbff:
			high = c
		case c >= 0xdc00 && c <= 0xdfff:
			return false
		default:
			size += len(string(c))
		}
	}
	return high == 0 && size <= 512
}

// Keys (SPEC §2.3, §3).

type modelKey struct {
	name, algorithm, key string
	public               *signed.PublicKey
}

// id is the key hash, 4 bytes.
func (k modelKey) id() string {
	b, _ := modelBase64(k.key)
	kind := "\x01"
	if k.algorithm == "ml-dsa-65" {
		kind = "\xffsamband/ml-dsa-65"
	}
	h := sha256.Sum256([]byte(k.name + "\n" + kind + b))
	return string(h[:4])
}

func (k modelKey) same(l modelKey) bool { return k.algorithm == l.algorithm && k.key == l.key }

// marks are what is taken once the key stood in the register.
func (k modelKey) marks() []string {
	return []string{k.algorithm + " " + k.key, "name " + k.name + " " + k.id()}
}

// modelMemory is what was computed before of keys and signatures, which are dear.
type modelMemory struct{ keys, signatures sync.Map }

var modelKnown modelMemory

func modelReadKey(name, algorithm, key string) (modelKey, bool) {
	k := modelKey{name: name, algorithm: algorithm, key: key}
	known := strings.Join([]string{name, algorithm, key}, " ")
	if public, ok := modelKnown.keys.Load(known); ok {
		k.public = public.(*signed.PublicKey)
		return k, k.public != nil
	}
	if b, ok := modelBase64(key); ok {
		k.public, _ = signed.NewPublicKey(name, signed.Algorithm(algorithm), []byte(b))
	}
	modelKnown.keys.Store(known, k.public)
	return k, k.public != nil
}

func (k modelKey) verifies(text, sig string) bool {
	known := modelSignature(k, text, sig)
	if good, ok := modelKnown.signatures.Load(known); ok {
		return good.(bool)
	}
	good := k.public.Verify([]byte(text), []byte(sig))
	modelKnown.signatures.Store(known, good)
	return good
}

// modelSignature is what the memory calls a signature.
func modelSignature(k modelKey, text, sig string) string {
	return modelHashOf(k.algorithm + k.key + modelHashOf(text) + sig)
}

// modelVerify is the rule of SPEC §3: its three questions in order, each of all lines.
func modelVerify(n modelNote, keys []modelKey) string {
	for _, k := range keys {
		if !slices.ContainsFunc(n.sigs, func(s modelSig) bool { return s.name == k.name && s.id == k.id() }) {
			return "SIGNATURE_MISSING"
		}
	}
	if len(n.sigs) != len(keys) {
		return "SIGNATURE_EXTRA"
	}
	for i, k := range keys {
		if n.sigs[i].name != k.name || n.sigs[i].id != k.id() {
			return "SIGNATURE_EXTRA"
		}
	}
	for i, k := range keys {
		if !k.verifies(n.text, n.sigs[i].sig) {
			return "SIGNATURE_INVALID"
		}
	}
	return ""
}

// Lines of a form (SPEC §1.1). The first fault stays.

type modelLines struct {
	rest []string
	code string
}

func (l *modelLines) fail(code string) {
	if l.code == "" {
		l.code = code
	}
}

func (l *modelLines) ahead(name string) bool {
	if len(l.rest) == 0 {
		return false
	}
	first, _, _ := strings.Cut(l.rest[0], " ")
	return first == name
}

// line is what stands behind a name and its space.
func (l *modelLines) line(name string) string {
	if l.code != "" || !l.ahead(name) {
		l.fail("TEXT_MALFORMED")
		return ""
	}
	_, values, _ := strings.Cut(l.rest[0], " ")
	l.rest = l.rest[1:]
	return values
}

// values are so many, none of them empty.
func (l *modelLines) values(name string, n int) []string {
	all := strings.Split(l.line(name), " ")
	if len(all) != n || slices.Contains(all, "") {
		l.fail("TEXT_MALFORMED")
		return make([]string, n)
	}
	return all
}

func (l *modelLines) one(name string, is func(string) bool) string {
	v := l.values(name, 1)[0]
	l.want(is(v))
	return v
}

func (l *modelLines) want(good bool) {
	if !good {
		l.fail("TEXT_MALFORMED")
	}
}

func (l *modelLines) quoted(name string) string {
	v := l.line(name)
	l.want(modelQuoted(v))
	return v
}

// many are the lines of a name that stand together.
func (l *modelLines) many(name string, min, max int) (all []string) {
	for l.code == "" && (len(all) < min || l.ahead(name)) {
		if len(all) == max {
			l.fail("OVERSIZE")
			return all
		}
		all = append(all, l.line(name))
	}
	return all
}

func (l *modelLines) each(all []string, is func(string) bool) []string {
	for _, v := range all {
		l.want(is(v))
	}
	return all
}

func (l *modelLines) ascending(all []string) []string {
	for i := range all[min(1, len(all)):] {
		l.want(all[i] < all[i+1])
	}
	return all
}

func (l *modelLines) once(all []string) []string {
	for i, v := range all {
		l.want(!slices.Contains(all[:i], v))
	}
	return all
}

func (l *modelLines) key(name, owner string, words ...string) modelKey {
	v := l.values(name, len(words)+1)
	l.want(slices.Equal(v[:len(words)], words))
	if l.code != "" {
		return modelKey{}
	}
	k, ok := modelReadKey(owner, words[len(words)-1], v[len(words)])
	l.want(ok)
	return k
}
