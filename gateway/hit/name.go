package hit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxParts limits the parts of a name.
const maxParts = 12

// readName brings a name to its parts: in capitals, without apostrophes and other signs,
// with one space between.
func readName(s string) (string, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("must have no control characters")
	}
	var parts, articles []string
	for _, word := range strings.FieldsFunc(norm.NFKC.String(s), between) {
		word = strings.Map(func(c rune) rune {
			if unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) && !vocalises(c) {
				return c
			}
			return -1
		}, strings.ToUpper(word))
		if servant, of, is := abd(word); is {
			parts, word = append(parts, servant), of
		}
		if rest := withoutArticle(word); rest != "" {
			parts = append(parts, rest)
		} else if word != "" {
			articles = append(articles, word)
		}
	}
	if len(parts) == 0 { // Al is a family name too
		parts = articles
	}
	if !strings.ContainsFunc(strings.Join(parts, ""), unicode.IsLetter) {
		return "", errors.New("must have a letter")
	}
	if len(parts) > maxParts {
		return "", fmt.Errorf("must have at most %d parts", maxParts)
	}
	return strings.Join(parts, " "), nil
}

// between reports whether a character stands between parts of a name. ICAO Doc 9303 Part 3
// section 4.6: hyphens and commas do, and "<" in a machine-readable zone.
func between(c rune) bool {
	return unicode.IsSpace(c) || unicode.Is(unicode.Pd, c) || strings.ContainsRune(",;./<()", c)
}

// vocalises reports whether a mark says how an Arabic word is spoken, or lengthens it:
// few writers set them.
func vocalises(c rune) bool {
	return c >= '\u064b' && c <= '\u065f' || c == '\u0670'
}

// withoutArticle takes the Arabic article off, and the lengthening stroke.
func withoutArticle(word string) string {
	word = strings.ReplaceAll(word, "\u0640", "")
	if word == "AL" || word == "EL" || word == "ال" {
		return ""
	}
	if rest := strings.TrimPrefix(word, "ال"); utf8.RuneCountInString(rest) >= 3 {
		return rest
	}
	return word
}

// abd parts names such as Abdulrahman, Abdel-Rahman or Abderrahmane, servant of the
// merciful, where the article joins both words or became the next letter.
func abd(word string) (servant, of string, is bool) {
	rest, is := strings.CutPrefix(word, "ABD")
	if !is || len(rest) < 2 || !strings.ContainsRune("AEOU", rune(rest[0])) {
		return "", "", false
	}
	switch rest = rest[1:]; {
	case rest[0] == 'L' && (len(rest) == 1 || len(rest) > 4 || rest == "LLAH"):
		return "ABD", rest[1:], true
	case len(rest) > 4 && rest[0] == rest[1]:
		return "ABD", rest[1:], true
	}
	return "", "", false
}

// A part is one part of a name, with all that it is compared by.
type part struct {
	spellings  []string // in Latin letters, as far as there are tables
	arabic     bool
	sounds     []string // none of Arabic letters, nor of scripts without a table
	consonants []string // none of scripts without a table
	keys       []string // what an index finds it by
}

func readPart(word string) part {
	p := part{spellings: spellings(word), arabic: isIn(unicode.Arabic, word)}
	if !latin(p.spellings[0]) {
		p.keys = p.spellings
		return p
	}
	for _, s := range p.spellings {
		p.sounds = append(p.sounds, soundsOf(s)...)
		if rest := s[min(2, len(s)):]; len(rest) >= 4 && (s[:2] == "AL" || s[:2] == "EL") {
			p.sounds = append(p.sounds, soundsOf(rest)...) // it may be the article
		}
	}
	p.sounds = set(p.sounds)
	for _, s := range p.sounds {
		p.keys = append(p.keys, consonantsOf(s))
	}
	p.consonants = set(p.keys)
	if p.arabic {
		p.sounds, p.consonants = nil, arabicConsonants(word)
	}
	p.keys = set(append(p.keys, p.consonants...))
	return p
}

func set(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// latin reports whether a word has Latin capitals and digits alone.
func latin(word string) bool {
	return !strings.ContainsFunc(word, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') })
}

// initial reports whether the part is one letter, in an alphabet where that is short for
// a name.
func (p part) initial() bool {
	return !p.arabic && utf8.RuneCountInString(p.spellings[0]) == 1 && latin(p.spellings[0])
}

func (p part) same(q part) bool { return meet(p.spellings, q.spellings) }

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// alike reports whether both sound alike, or may be the same name in two scripts.
func (p part) alike(q part) bool {
	if p.initial() || q.initial() {
		return false
	}
	if p.arabic != q.arabic {
		return !slices.Contains(p.consonants, "") && !slices.Contains(q.consonants, "") && meet(p.consonants, q.consonants)
	}
	if meet(p.sounds, q.sounds) {
		return true
	}
	for _, s := range p.sounds {
		for _, t := range q.sounds {
			if len(consonantsOf(s)) >= 4 && consonantsOf(s) == consonantsOf(t) && s[0] == t[0] && s[len(s)-1] == t[len(t)-1] {
				return true
			}
		}
	}
	return false
}

// misspelt reports whether one letter makes the difference between two long parts.
func (p part) misspelt(q part) bool {
	if p.arabic != q.arabic {
		return false
	}
	for _, s := range p.spellings {
		for _, t := range q.spellings {
			if oneEdit(s, t) {
				return true
			}
		}
	}
	return false
}

// oneEdit reports whether two words of at least four letters, one of at least five, differ
// by one letter: too many, missing, another, or changed places with its neighbour.
func oneEdit(s, t string) bool {
	if len(s) > len(t) {
		s, t = t, s
	}
	if len(s) < 4 || len(t) < 5 || len(t)-len(s) > 1 {
		return false
	}
	i := 0
	for i < len(s) && s[i] == t[i] {
		i++
	}
	if len(s) < len(t) {
		return s[i:] == t[i+1:]
	}
	if i == len(s) {
		return true
	}
	return s[i+1:] == t[i+1:] ||
		i+1 < len(s) && s[i] == t[i+1] && s[i+1] == t[i] && s[i+2:] == t[i+2:]
}

// A likeness is what two names have to do with each other.
type likeness struct {
	contradicts bool
	spelling    bool // a part is near, not the same
	sound       bool // near parts sound alike
	initials    bool
	parts       bool // one name has parts that the other lacks
	shared      int  // parts that both have, or nearly
}

// compareNames compares all parts of two names, in whatever order.
func compareNames(a, b []part) (l likeness) {
	pair := func(like func(p, q part) bool) (pairs int) {
		var left []part
		for _, p := range a {
			at := slices.IndexFunc(b, func(q part) bool { return like(p, q) })
			if at < 0 {
				left = append(left, p)
				continue
			}
			pairs, b = pairs+1, slices.Concat(b[:at], b[at+1:])
		}
		a = left
		return pairs
	}
	l.shared = pair(func(p, q part) bool { return !p.initial() && p.same(q) })
	letters := pair(func(p, q part) bool { return p.initial() && p.same(q) })
	if l.shared > 0 && len(a) > 0 && len(b) > 0 && len(a) != len(b) && written(a) == written(b) {
		return likeness{spelling: true, shared: l.shared + 1}
	}
	alike := pair(part.alike)
	misspelt := pair(part.misspelt)
	short := pair(func(p, q part) bool { return p.initial() != q.initial() && p.begins() == q.begins() })
	l.shared += alike + misspelt
	l.spelling, l.sound = alike+misspelt > 0, alike > 0 && misspelt == 0
	l.initials = short > 0
	l.parts = len(a)+len(b) > 0
	l.contradicts = misspelt > 1 || len(a) > 0 && len(b) > 0 || l.shared == 0 && (letters == 0 || short > 0 || l.parts)
	return l
}

// begins is the letter that a part begins with, in Latin letters.
func (p part) begins() byte { return p.spellings[0][0] }

// written are the parts in one word.
func written(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.spellings[0])
	}
	return b.String()
}
