package hit

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:embed tables/latin.tsv
var latinTable string

//go:embed tables/cyrillic.tsv
var cyrillicTable string

//go:embed tables/greek.tsv
var greekTable string

//go:embed tables/arabic.tsv
var arabicTable string

// A scheme is one way through the tables: which of a Latin letter's forms it takes, and
// of which language's exceptions to Cyrillic letters.
type scheme struct {
	latin    int
	language string
}

// schemes are all ways; the first is the tables' first choice. Of Cyrillic words those of
// languages are tried too.
var (
	schemes         = []scheme{{0, ""}, {1, ""}, {2, ""}}
	cyrillicSchemes = []scheme{{0, ""}, {0, "be"}, {0, "bg"}, {0, "mk"}, {0, "sr"}, {0, "gaj"}, {0, "uk"}}
)

// A letter is what the tables say of one.
type letter struct {
	forms      []string          // of each scheme.latin
	exceptions map[string]string // by language
	consonants []string          // of Arabic letters: one of these, which may be none
}

var letters, pairs = readTables()

func readTables() (letters map[rune]letter, pairs map[string]string) {
	letters, pairs = map[rune]letter{}, map[string]string{}
	for name, table := range map[string]string{"latin": latinTable, "cyrillic": cyrillicTable, "greek": greekTable, "arabic": arabicTable} {
		for line := range strings.Lines(table) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			cells := strings.Split(strings.TrimSpace(line), "\t")
			if utf8.RuneCountInString(cells[0]) > 1 {
				pairs[cells[0]] = cells[1]
				continue
			}
			c, _ := utf8.DecodeRuneInString(cells[0])
			l := letter{exceptions: map[string]string{}}
			for _, form := range strings.Fields(cells[1]) {
				if language, exception, is := strings.Cut(form, "="); is {
					l.exceptions[language] = exception
				} else {
					l.forms = append(l.forms, strings.Trim(form, "-"))
				}
			}
			if name == "arabic" {
				for c := range strings.SplitSeq(cells[2], ",") {
					l.consonants = append(l.consonants, strings.Trim(c, "-"))
				}
			}
			letters[c] = l
		}
	}
	return letters, pairs
}

// in is a letter's form in a scheme; first says that a name begins with it.
func (l letter) in(s scheme, first bool) string {
	if first {
		if form, is := l.exceptions[s.language+"1"]; is {
			return form
		}
	}
	if form, is := l.exceptions[s.language]; is {
		return form
	}
	return l.forms[min(s.latin, len(l.forms)-1)]
}

// transliterate brings a word in capitals to Latin capitals, as far as the tables reach;
// other letters stay. Marks that belong to no letter of a table are left out.
func transliterate(word string, s scheme) string {
	var b strings.Builder
	rest, before := norm.NFC.String(word), ""
	for rest != "" {
		c, n := utf8.DecodeRuneInString(rest)
		if c >= 'A' && c <= 'Z' {
			b.WriteRune(c)
		} else if unicode.Is(unicode.Greek, c) {
			n = greek(&b, rest, before)
		} else if l, known := letters[c]; known {
			b.WriteString(l.in(s, before == ""))
		} else {
			for _, base := range norm.NFD.String(string(c)) {
				if l, known := letters[base]; known {
					b.WriteString(l.in(s, before == ""))
				} else if !unicode.IsMark(base) {
					b.WriteRune(base)
				}
			}
		}
		before, rest = before+rest[:n], rest[n:]
	}
	return b.String()
}

// greek writes the letter or pair that rest begins with, and says how many bytes that is.
func greek(b *strings.Builder, rest, before string) int {
	bare, sizes := bareGreek(rest, 3)
	if len(bare) == 0 {
		_, n := utf8.DecodeRuneInString(rest)
		return n
	}
	if len(bare) > 1 {
		pair := string(bare[:2])
		form, is := pairs[pair]
		switch {
		case is && pair == "ΜΠ" && (before == "" || len(bare) == 2):
			form = "B"
		case is && bare[1] == 'Υ' && bare[0] != 'Ο' && (len(bare) == 2 || strings.ContainsRune("ΘΚΞΠΣΤΦΧΨ", bare[2])):
			form = strings.TrimSuffix(form, "V") + "F"
		}
		if is {
			b.WriteString(form)
			return sizes[0] + sizes[1]
		}
	}
	if l, known := letters[bare[0]]; known {
		b.WriteString(l.forms[0])
	} else {
		b.WriteRune(bare[0])
	}
	return sizes[0]
}

// bareGreek are the first letters of a word without accents, and how many bytes each
// has. A letter with a diaeresis is no part of a pair: the letters end before it, unless
// it is the first.
func bareGreek(word string, n int) (bare []rune, sizes []int) {
	for i, c := range word {
		if len(bare) == n {
			break
		}
		parts := []rune(norm.NFD.String(string(c)))
		if i > 0 && slices.Contains(parts, '\u0308') {
			break
		}
		if unicode.IsMark(parts[0]) {
			break
		}
		bare, sizes = append(bare, parts[0]), append(sizes, utf8.RuneLen(c))
	}
	return bare, sizes
}

// Letters of Arabic that are written for each other, each for the plain one.
var plainArabic = strings.NewReplacer(
	"أ", "ا", "إ", "ا", "آ", "ا", "ٱ", "ا", "ؤ", "و", "ئ", "ي", "ى", "ي", "ة", "ه", "ی", "ي", "ک", "ك",
	"ہ", "ه", "ھ", "ه", "ء", "",
)

func isIn(script *unicode.RangeTable, word string) bool {
	return strings.ContainsFunc(word, func(c rune) bool { return unicode.Is(script, c) })
}

// spellings are a word's transliterations, each once, the tables' first choice first.
func spellings(word string) (all []string) {
	if latin(word) {
		return []string{word}
	}
	add := func(s string) {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	switch {
	case isIn(unicode.Cyrillic, word):
		for _, s := range cyrillicSchemes {
			add(transliterate(word, s))
		}
	case isIn(unicode.Arabic, word):
		add(transliterate(word, schemes[0]))
		add(transliterate(plainArabic.Replace(word), schemes[0]))
	case isIn(unicode.Greek, word):
		add(transliterate(word, schemes[0]))
	default:
		for _, s := range schemes {
			add(transliterate(word, s))
		}
	}
	if len(all) == 0 { // a letter that is none in Latin, such as a soft sign alone
		return []string{word}
	}
	return all
}
