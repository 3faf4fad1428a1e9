package schema

import (
	"fmt"
	"io/fs"
	"slices"
)

// A code is one row of a closed list.
type code struct {
	Code   string `json:"code"`
	Label  string `json:"label"`
	Source string `json:"source"`
	Mark   string `json:"mark"` // V, K or U
}

type codeList struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Codes []code `json:"codes"`
}

func readCodes(fsys fs.FS, path string) (*codeList, error) {
	l := new(codeList)
	if err := decodeFile(fsys, path, l); err != nil {
		return nil, err
	}
	for i, c := range l.Codes {
		if c.Code == "" || c.Label == "" || c.Source == "" || !marked(c.Mark) {
			return nil, fmt.Errorf("code list %q, row %d: code, label, source or mark is missing", path, i)
		}
		if l.has(c.Code, i) {
			return nil, fmt.Errorf("code list %q: %s stands twice", path, c.Code)
		}
	}
	return l, nil
}

// has reports whether a word stands among the first n rows.
func (l *codeList) has(word string, n int) bool {
	return slices.ContainsFunc(l.Codes[:n], func(c code) bool { return c.Code == word })
}

// schema turns the list into what a $ref to its file means: one of these.
func (l *codeList) schema() map[string]any {
	var codes []any
	for _, c := range l.Codes {
		codes = append(codes, c.Code)
	}
	return map[string]any{"title": l.Title, "type": "string", "enum": codes}
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
