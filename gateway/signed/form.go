package signed

import (
	"slices"
	"strings"
)

// A Form describes one kind of text, once: its writer, its parser and its table
// in SPEC follow from it.
type Form[T any] struct {
	Title    string           // the first line, such as "samband/message/v1"
	MaxBytes int              // of the text; 0: maxText
	LongLine string           // the line, the last, that maxText and maxLine do not bound; "": none
	Lines    func(*T, *Lines) // the lines after the first, in order
	Check    func(*T) error   // what no line shows alone, by a *problem.Problem; nil: nothing
}

// Text writes v.
func (f *Form[T]) Text(v *T) string { return string(f.write(v, 1<<10)) }

func (f *Form[T]) write(v *T, size int) []byte {
	l := Lines{mode: writing, text: append(make([]byte, 0, size), f.Title...)}
	f.Lines(v, &l)
	return append(l.text, '\n')
}

// Parse reads a text. It takes the one spelling that Text gives the values, and
// no other.
func (f *Form[T]) Parse(text string) (*T, error) {
	if f.MaxBytes != 0 && len(text) > f.MaxBytes {
		return nil, oversize(text, f.MaxBytes)
	}
	if err := checkText(f.bounded(text)); err != nil {
		return nil, err
	}
	first := FirstLine(text)
	if first != f.Title {
		return nil, malformed("the first line is not %q", f.Title)
	}
	l := Lines{mode: reading, rest: text[len(first)+1:]}
	v := new(T)
	f.Lines(v, &l)
	l.endLine()
	if l.err == nil && l.rest != "" {
		l.err = malformed("a line follows where the text should end")
	}
	if l.err == nil && string(f.write(v, len(text))) != text {
		l.err = malformed("the text is not in its canonical form")
	}
	if l.err == nil && f.Check != nil {
		l.err = f.Check(v)
	}
	if l.err != nil {
		return nil, l.err
	}
	return v, nil
}

// bounded is the part of a text that the bounds of every text are about: all but
// a LongLine at its end.
func (f *Form[T]) bounded(text string) string {
	last := strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n') + 1
	if f.LongLine != "" && strings.HasPrefix(text[last:], f.LongLine+" ") {
		return text[:last]
	}
	return text
}

// A Table is a form as SPEC has it: the lines after the exchange.
type Table struct {
	Form     string
	MaxBytes int // of the whole text, if it has its own bound
	Rows     []Row
}

// A Row is a line in SPEC's words.
type Row struct {
	Name   string
	Values []string
	Times  string // how often it stands, or when; "": once
}

// Table lists the form's lines, the optional ones too. Where v chooses between
// lines, they are those of v.
func (f *Form[T]) Table(v T) Table {
	l := Lines{mode: listing}
	f.Lines(&v, &l)
	return Table{f.Title, f.MaxBytes, slices.DeleteFunc(l.rows, func(r Row) bool { return r.Name == "exchange" })}
}
