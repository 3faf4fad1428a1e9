package hit

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// shapes are letters that plates and documents of several countries have because they
// look like Latin ones: a reader can't tell which were meant.
var shapes = strings.NewReplacer(
	"А", "A", "В", "B", "Е", "E", "І", "I", "К", "K", "М", "M", "Н", "H", "О", "O", "Р", "P",
	"С", "C", "Т", "T", "У", "Y", "Х", "X", "Ѕ", "S", "Ј", "J", // Cyrillic
	"Α", "A", "Β", "B", "Ε", "E", "Ζ", "Z", "Η", "H", "Ι", "I", "Κ", "K", "Μ", "M", "Ν", "N",
	"Ο", "O", "Ρ", "P", "Τ", "T", "Υ", "Y", "Χ", "X", // Greek
)

// alike are the characters that are taken for each other, each for the first of its row.
var alike = strings.NewReplacer("O", "0", "Q", "0", "I", "1", "L", "1", "Z", "2", "S", "5", "G", "6", "B", "8")

func lookAlike(s string) string { return alike.Replace(s) }

// plain brings a number to capital Latin letters and digits. Letters that look like Latin
// ones become those, others are transliterated; digits of other scripts become 0 to 9;
// all else is left out.
func plain(s string) string {
	s = shapes.Replace(strings.ToUpper(norm.NFKC.String(s)))
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z':
			b.WriteRune(c)
		case unicode.IsDigit(c):
			b.WriteByte(byte('0' + digit(c)))
		case unicode.IsLetter(c):
			b.WriteString(strings.ToUpper(transliterate(string(c), schemes[0])))
		}
	}
	return b.String()
}

// digit is the value of a decimal digit: those of a script stand together, from 0.
func digit(c rune) (n int) {
	for ; n < 9 && unicode.IsDigit(c-1); n++ {
		c--
	}
	return n
}

const maxNumber = 40

func readNumber(s string) (string, error) {
	s = plain(s)
	for _, c := range s {
		if c > unicode.MaxASCII {
			return "", errors.New("must be of letters that have a transliteration here: Latin, Cyrillic, Greek or Arabic")
		}
	}
	if s == "" || len(s) > maxNumber {
		return "", errors.New("must have 1 to 40 letters and digits")
	}
	return s, nil
}

// readVIN reads a vehicle identification number, or the chassis number of an older
// vehicle. ISO 3779: 17 characters, without I, O and Q.
func readVIN(s string) (string, error) {
	s, err := readNumber(s)
	if err != nil {
		return "", err
	}
	if len(s) < 6 || len(s) > 17 {
		return "", errors.New("must have 6 to 17 letters and digits")
	}
	return strings.NewReplacer("I", "1", "O", "0", "Q", "0").Replace(s), nil
}

// readCountry reads a code of two or three letters. It becomes the one of three letters
// where there is one in ISO 3166; ICAO's others stay as they are.
func readCountry(s string) (string, error) {
	s = strings.ToUpper(s)
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			s = ""
		}
	}
	if s == "D" { // ICAO Doc 9303 Part 3 section 5: Germany in a machine-readable zone
		return "DEU", nil
	}
	if len(s) != 2 && len(s) != 3 {
		return "", errors.New("must be a country code of two or three letters, such as SE or SWE")
	}
	if region, err := language.ParseRegion(s); err == nil && region.IsCountry() {
		return region.ISO3(), nil
	}
	if len(s) == 2 {
		return "", errors.New("must be a country code of two or three letters, such as SE or SWE")
	}
	return s, nil
}

func readCode(s string) (string, error) {
	for _, c := range s {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') || len(s) > maxNumber {
			return "", errors.New("must be a code of the catalogue, in capitals, such as PASSPORT")
		}
	}
	return s, nil
}

func readSex(s string) (string, error) {
	switch s {
	case "F", "M":
		return s, nil
	case "X", "UNKNOWN":
		return "", nil
	}
	return "", errors.New("must be F, M, X or UNKNOWN")
}

// readWords reads a make: words of Latin letters and digits.
func readWords(s string) (string, error) {
	var words []string
	for _, w := range strings.FieldsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || c == '-' || c == ',' || c == '&' }) {
		if w = plain(w); w != "" {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "", errors.New("must have a letter or digit")
	}
	return strings.Join(words, " "), nil
}

// readCalibre reads the first number of a calibre, without point and leading zeros: 9 of
// "9×19 mm" and of "9mm Luger", 762 of "7,62x39", 45 of ".45 ACP".
func readCalibre(s string) (string, error) {
	s = norm.NFKC.String(s)
	start := strings.IndexFunc(s, unicode.IsDigit)
	if start < 0 {
		return "", errors.New("must have a number, such as 9 mm, 7.62x39 or .45 ACP")
	}
	var b strings.Builder
	for _, c := range s[start:] {
		if unicode.IsDigit(c) {
			b.WriteByte(byte('0' + digit(c)))
		} else if c != '.' && c != ',' {
			break
		}
	}
	number := strings.TrimLeft(b.String(), "0")
	if number == "" {
		return "", errors.New("must not be zero")
	}
	return number, nil
}
