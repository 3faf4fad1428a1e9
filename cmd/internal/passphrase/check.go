package passphrase

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"samband/cmd/internal/cli"
	"samband/gateway/seal"
)

// least is how many characters of a new passphrase must count: whoever has a copy of a key
// file may try as long as he likes (NIST SP 800-63B-4 asks for 15 where nothing else
// protects). Letter cases, digits and marks are not asked for: they make people write
// Password1! and forget the rest.
const least = 15

// longest is how much of a passphrase is looked at.
const longest = 1000

// A weakError is a passphrase that is easy to guess. It does not say the passphrase.
type weakError struct{ what string }

func (e *weakError) Error() string { return e.what }
func (e *weakError) Next() string {
	return "take six words that have nothing to do with each other or with you, or let the program make them: --words"
}

// Check refuses a new passphrase that is empty, that is easy to guess, or that can't be
// typed everywhere. A character counts unless it goes on in a row (abc, 321, qwerty) or
// repeats three or more that stood before; and a word that everybody tries first counts as
// one character: such as "password", or one of known, which are the owner's own names.
func Check(secret []byte, known ...string) error {
	normal, err := seal.NormalForm(secret)
	if errors.Is(err, seal.ErrForm) {
		return cli.Usagef("%w", &weakError{err.Error()})
	}
	if err != nil {
		return err
	}
	defer clear(normal)
	text := []rune(strings.ToLower(string(normal)))
	defer clear(text)
	if len(text) == 0 {
		return cli.Usagef("%w", &weakError{"the passphrase is empty: whoever got the file would have the keys"})
	}
	if n := count(text[:min(len(text), longest)], known); n < least {
		return cli.Usagef("%w", &weakError{fmt.Sprintf("the passphrase is easy to guess: %d of its characters count, and %d must. "+
			"Not counted are rows (abc, 321, qwerty), repeats, and words that everybody tries first (password, your own name)", n, least)})
	}
	return nil
}

// common are words that are tried first, in languages of those who use this.
var common = []string{
	"password", "passphrase", "passwort", "passord", "lösenord", "salasana", "adgangskode", "lykilorð", "wachtwoord", "motdepasse",
	"mot de passe", "contraseña", "senha", "parola", "hasło", "heslo", "jelszo", "jelszó", "parool", "slaptažodis", "parole",
	"letmein", "welcome", "admin", "secret", "changeme", "change me", "default", "iloveyou", "monkey", "dragon", "test",
	"police", "polisen", "polis", "polizei", "politiet", "politi", "poliisi", "policja", "politie", "policia", "polizia",
	"samband", "correct horse battery staple",
}

// rows are keys that lie beside each other.
var rows = []string{"1234567890", "qwertyuiopå", "qwertzuiopü", "azertyuiop", "asdfghjklöä", "qsdfghjklm", "zxcvbnm", "yxcvbnm"}

// count counts the characters of a text in small letters.
func count(text []rune, known []string) (n int) {
	for i := 0; i < len(text); n++ {
		i += max(1, commonAt(text[i:], known), repeatAt(text, i), rowAt(text[i:]))
	}
	return n
}

// commonAt is the length of the longest common word with which a text begins.
func commonAt(text []rune, known []string) (longest int) {
	for _, words := range [][]string{common, known} {
		for _, w := range words {
			if word := []rune(strings.ToLower(w)); len(word) > max(2, longest) && len(word) <= len(text) && string(text[:len(word)]) == string(word) {
				longest = len(word)
			}
		}
	}
	return longest
}

// repeatAt is how many characters from the i-th on stand somewhere before it too, if they
// are three or more.
func repeatAt(text []rune, i int) (longest int) {
	for from := range i {
		n := 0
		for i+n < len(text) && text[from+n] == text[i+n] {
			n++
		}
		longest = max(longest, n)
	}
	if longest < 3 {
		return 0
	}
	return longest
}

// rowAt is the length of the row with which a text begins, if it has three or more.
func rowAt(text []rune) (longest int) {
	for _, step := range []func(a, b rune) bool{
		func(a, b rune) bool { return a == b },
		func(a, b rune) bool { return b == a+1 && alike(a, b) },
		func(a, b rune) bool { return b == a-1 && alike(a, b) },
		func(a, b rune) bool { return besides(a, b) },
		func(a, b rune) bool { return besides(b, a) },
	} {
		n := 1
		for n < len(text) && step(text[n-1], text[n]) {
			n++
		}
		longest = max(longest, n)
	}
	if longest < 3 {
		return 0
	}
	return longest
}

func alike(a, b rune) bool {
	return unicode.IsLetter(a) && unicode.IsLetter(b) || unicode.IsDigit(a) && unicode.IsDigit(b)
}

// besides reports whether b is the next key after a.
func besides(a, b rune) bool {
	pair := string([]rune{a, b})
	for _, r := range rows {
		if strings.Contains(r, pair) {
			return true
		}
	}
	return false
}
