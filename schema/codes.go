package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A code is one row of a closed list.
type code struct {
	Code   string   `json:"code"`
	Also   []string `json:"also"` // what people write for it, to guess what was meant
	Source string   `json:"source"`
	Mark   string   `json:"mark"` // V, K or U
}

// A codeList is a closed list. A source and mark of the list count for each row that
// has none of its own.
type codeList struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Mark   string `json:"mark"`
	Codes  []code `json:"codes"`
}

func readCodes(fsys fs.FS, path string) (*codeList, error) {
	l := new(codeList)
	if err := decodeFile(fsys, path, l); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range l.Codes {
		c := &l.Codes[i]
		if c.Source == "" {
			c.Source = l.Source
		}
		if c.Mark == "" {
			c.Mark = l.Mark
		}
		if c.Code == "" || c.Source == "" || !marked(c.Mark) {
			return nil, fmt.Errorf("code list %q, row %d: code, source or mark is missing", path, i)
		}
		if seen[c.Code] {
			return nil, fmt.Errorf("code list %q: %s stands twice", path, c.Code)
		}
		seen[c.Code] = true
	}
	return l, nil
}

func (l *codeList) words() []string {
	var words []string
	for _, c := range l.Codes {
		words = append(words, c.Code)
	}
	return words
}

// schema turns the list into what a $ref to its file means: one of these.
func (l *codeList) schema() map[string]any {
	var codes []any
	for _, c := range l.Codes {
		codes = append(codes, c.Code)
	}
	return map[string]any{"type": "string", "enum": codes}
}

func (l *codeList) shape(file string) *Shape {
	return &Shape{Kind: "string", Codes: l.words(), List: file, labels: []labelKey{{labelFile(file), ""}}}
}

// near guesses which code was meant: "" where nothing is near.
func (l *codeList) near(word string) string {
	asCode := strings.Map(func(c rune) rune {
		if c == ' ' || c == '-' {
			return '_'
		}
		return c
	}, strings.ToUpper(strings.TrimSpace(word)))
	best, least := "", 3
	for _, c := range l.Codes {
		if slices.ContainsFunc(c.Also, func(a string) bool { return strings.EqualFold(a, strings.TrimSpace(word)) }) {
			return c.Code
		}
		if d := distance(asCode, c.Code); d < least && d < len(c.Code)-1 {
			best, least = c.Code, d
		}
	}
	return best
}

// distance is the edit distance of two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

func marked(mark string) bool { return mark == "V" || mark == "K" || mark == "U" }

// decodeFile reads a catalogue file as strictly as a body.
func decodeFile(fsys fs.FS, path string, into any) error {
	data, err := fs.ReadFile(fsys, path)
	if err != nil {
		return fmt.Errorf("read %q: %w", path, err)
	}
	if _, err := parse(data); err != nil {
		return fmt.Errorf("parse %q: %w", path, err)
	}
	if err := unmarshalKnown(data, into); err != nil {
		return fmt.Errorf("parse %q: %w", path, err)
	}
	return nil
}
