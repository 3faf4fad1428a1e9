package signed

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"samband/gateway/problem"
)

const maxKey = 2048 // bytes of a public key, of any algorithm

type mode int

const (
	writing mode = iota
	reading
	listing
)

// Lines goes through the lines of a form, in its order: it writes them from
// values, reads them into values, or lists them for SPEC. A form's function names
// each line and then its values; what the function itself sets, it sets only
// if Writing is false, since texts of one value may be written at once.
//
// Each method may be called on a nil *Lines, which When and Optional return for
// a line that isn't there. The first fault stays, and nothing is read after it.
type Lines struct {
	mode mode
	text []byte // written so far

	rest   string // lines ahead
	name   string // of the line that is being read
	values string // of that line, not yet read
	count  int    // of that line's values read so far
	err    error

	rows  []Row
	times string // of the next row
}

// Writing reports whether the lines are written from the values.
func (l *Lines) Writing() bool { return l.mode == writing }

// Line begins the next line.
func (l *Lines) Line(name string) *Lines {
	if l == nil {
		return nil
	}
	switch l.mode {
	case writing:
		l.text = append(append(l.text, '\n'), name...)
	case listing:
		l.rows = append(l.rows, Row{Name: name, Times: l.times})
		l.times = ""
	case reading:
		l.endLine()
		if l.err != nil {
			return l
		}
		line, rest, _ := strings.Cut(l.rest, "\n")
		got, values, _ := strings.Cut(line, " ")
		switch got {
		case name:
			l.name, l.values, l.count, l.rest = name, values, 0, rest
		case "":
			l.err = malformed("the text ends where line %q belongs", name)
		default:
			l.err = malformed("a line stands where %q belongs", name)
		}
	}
	return l
}

// endLine checks that nothing is left of the line that was read.
func (l *Lines) endLine() {
	if l.values != "" {
		l.fail(fmt.Errorf("more than %d values", l.count))
	}
}

// next returns the next value of the line that is being read.
func (l *Lines) next() string {
	v, values, more := strings.Cut(l.values, " ")
	switch {
	case v == "":
		l.fail(fmt.Errorf("value %d is missing or empty", l.count+1))
	case more && values == "":
		l.fail(errors.New("it ends with a space"))
	}
	l.values, l.count = values, l.count+1
	return v
}

// ahead is the name of the next line, "" at the end.
func (l *Lines) ahead() string {
	line, _, _ := strings.Cut(l.rest, "\n")
	name, _, _ := strings.Cut(line, " ")
	return name
}

// When returns l if the condition is met, and nil otherwise. The condition
// rests on lines above; words say it in SPEC's table.
func (l *Lines) When(words string, met bool) *Lines {
	if l.mode == listing {
		l.times, met = words, true
	}
	if !met {
		return nil
	}
	return l
}

// Optional begins a line that is there when it is present in the value written,
// or next in the text read; it returns nil if it is not.
func (l *Lines) Optional(name string, present bool) *Lines {
	if l.mode == reading {
		l.endLine()
		present = l.err == nil && l.ahead() == name
	}
	return l.When("optional", present).Line(name)
}

// An Order is what a form asks of lines that stand together.
type Order string

const (
	AnyOrder  Order = ""
	Ascending Order = ", ascending"
	Distinct  Order = ", each once"
)

// Repeat goes through min to max elements of a list. Each has a line of this name,
// which element begins, or several of which that is the first.
func Repeat[E any](l *Lines, name string, min, max int, order Order, list *[]E, element func(*E)) {
	switch l.mode {
	case writing:
		for i := range *list {
			element(&(*list)[i])
		}
	case listing:
		first := len(l.rows)
		element(new(E))
		for i := range l.rows[first:] {
			l.rows[first+i].Times = fmt.Sprintf("%d to %d%s", min, max, order)
		}
	case reading:
		var before []string
		for len(*list) < min || l.ahead() == name {
			if len(*list) == max {
				l.fail(problem.New(problem.Oversize, "more than %d of %q", max, name))
				return
			}
			from := l.rest
			var e E
			element(&e)
			if l.endLine(); l.err != nil {
				return
			}
			*list = append(*list, e)
			before = append(before, from[:len(from)-len(l.rest)])
		}
		l.fail(order.check(name, before))
	}
}

func (o Order) check(name string, lines []string) error {
	for i, line := range lines {
		if o == Ascending && i > 0 && lines[i-1] >= line {
			return malformed("lines %q do not ascend", name)
		}
		if o == Distinct && slices.Contains(lines[:i], line) {
			return malformed("lines %q repeat", name)
		}
	}
	return nil
}

// fail records a fault in the line that is being read.
func (l *Lines) fail(err error) {
	if l.err != nil || err == nil {
		return
	}
	if _, ok := problem.Of(err); !ok {
		err = malformed("line %q: %v", l.name, err)
	}
	l.err = err
}

// Value is the line's next value, which SPEC calls by these words; the methods
// below are Value for those of SPEC §1.2.
func Value[V any](l *Lines, words string, v *V, format func(V) string, parse func(string) (V, error)) *Lines {
	if l == nil {
		return nil
	}
	switch l.mode {
	case writing:
		l.text = append(append(l.text, ' '), format(*v)...)
	case listing:
		l.list(words)
	case reading:
		s := l.next()
		if l.err != nil {
			break
		}
		got, err := parse(s)
		l.fail(err)
		*v = got
	}
	return l
}

func (l *Lines) lists() bool { return l != nil && l.mode == listing }

// list adds a value to the row, in SPEC's words.
func (l *Lines) list(words string) *Lines {
	row := &l.rows[len(l.rows)-1]
	row.Values = append(row.Values, words)
	return l
}

// Rest is Value for a value that runs to the end of its line.
func Rest[V any](l *Lines, words string, v *V, format func(V) string, parse func(string) (V, error)) *Lines {
	return Value(l, words, v, format, func(first string) (V, error) {
		if l.values != "" {
			first += " " + l.values
			l.values = ""
		}
		return parse(first)
	})
}

// Same is the format of a value that is a string.
func Same[S ~string](s S) string { return string(s) }

func (l *Lines) Hash(v *Hash) *Lines       { return Value(l, "hash", v, Hash.String, ParseHash) }
func (l *Lines) ID(v *ID) *Lines           { return Value(l, "id", v, ID.String, ParseID) }
func (l *Lines) Int(v *int64) *Lines       { return Value(l, "number", v, FormatInt, ParseInt) }
func (l *Lines) Time(v *Time) *Lines       { return Value(l, "time", v, Time.String, ParseTime) }
func (l *Lines) Name(v *string) *Lines     { return Value(l, "name", v, Same, ParseName) }
func (l *Lines) Address(v *Address) *Lines { return Value(l, "address", v, Same, ParseAddress) }
func (l *Lines) Origin(v *string) *Lines   { return Value(l, "origin", v, Same, ParseOrigin) }
func (l *Lines) Word(v *string) *Lines     { return Value(l, "word", v, Same, parseWord) }
func (l *Lines) Quoted(v *string) *Lines   { return Rest(l, "quoted", v, quote, unquote) }

// Words are 1 to max words up to the end of the line, in ascending order.
func (l *Lines) Words(v *[]string, max int) *Lines {
	return Rest(l, fmt.Sprintf("1 to %d words, ascending", max), v, func(words []string) string {
		return strings.Join(words, " ")
	}, func(s string) ([]string, error) {
		var words []string
		for s := range strings.SplitSeq(s, " ") {
			w, err := parseWord(s)
			if err != nil {
				return nil, err
			}
			if len(words) > 0 && w <= words[len(words)-1] {
				return nil, errors.New("words do not ascend")
			}
			words = append(words, w)
		}
		if len(words) > max {
			return nil, fmt.Errorf("more than %d words", max)
		}
		return words, nil
	})
}

// Head is a log as the signer had verified it: three values.
func (l *Lines) Head(v *Head) *Lines {
	if l.lists() {
		return l.list("head")
	}
	return l.Origin(&v.Origin).Int(&v.Size).Hash(&v.Root)
}

// Exchange is the line of the exchange, which every text that is not from before
// the exchange has second. A zero one is written as none, so none is read.
func (l *Lines) Exchange(v *Hash) { Value(l.Line("exchange"), "hash", v, hashOrNone, ParseHash) }

// HashOrNone is a hash, or "-" for the zero hash.
func (l *Lines) HashOrNone(v *Hash) *Lines {
	return Value(l, "hash or `-`", v, hashOrNone, func(s string) (h Hash, err error) {
		if s != "-" {
			h, err = ParseHash(s)
		}
		return h, err
	})
}

func hashOrNone(h Hash) string {
	if h.IsZero() {
		return "-"
	}
	return h.String()
}

// Bytes is base64 of at most max bytes.
func (l *Lines) Bytes(v *[]byte, max int) *Lines {
	if l.lists() {
		return l.list(fmt.Sprintf("base64 of at most %d bytes", max))
	}
	return Value(l, "", v, EncodeBytes, func(s string) ([]byte, error) { return DecodeBytes(s, max) })
}

// OneOf is a word of a closed list.
func OneOf[S ~string](l *Lines, v *S, words ...S) *Lines {
	if l.lists() {
		return l.list(either(words, "`"))
	}
	return Value(l, "", v, Same, func(s string) (S, error) {
		if !slices.Contains(words, S(s)) {
			return "", fmt.Errorf("a word is not %s", either(words, `"`))
		}
		return S(s), nil
	})
}

func either[S ~string](words []S, quote string) string {
	var b strings.Builder
	for i, w := range words {
		switch i {
		case 0:
		case len(words) - 1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(quote + string(w) + quote)
	}
	return b.String()
}

// Is is a value that the form fixes.
func (l *Lines) Is(word string) *Lines { return OneOf(l, &word, word) }

// Key is a key's algorithm, which the form fixes, and the key in base64; owner is
// the name that it signs under.
func (l *Lines) Key(v **PublicKey, owner string, alg Algorithm) *Lines {
	return Value(l.Is(string(alg)), "key", v, func(k *PublicKey) string {
		return EncodeBytes(k.Bytes)
	}, func(s string) (*PublicKey, error) {
		b, err := DecodeBytes(s, maxKey)
		if err != nil {
			return nil, err
		}
		return NewPublicKey(owner, alg, b)
	})
}

// Keys are one line for each key that a use has in version 1. begin begins the
// line of the key with this index, up to its algorithm, and returns the key's owner.
func (l *Lines) Keys(v *[]*PublicKey, use Use, begin func(i int) (owner string)) {
	if l.mode == writing {
		for i, k := range *v {
			begin(i)
			l.Key(&k, k.Name, k.Algorithm)
		}
		return
	}
	for i, alg := range Uses[use] {
		var k *PublicKey
		l.Key(&k, begin(i), alg)
		*v = append(*v, k)
	}
}
