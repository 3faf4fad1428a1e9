package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A typeFile is the form of types/NAME-VERSION.json.
type typeFile struct {
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Title       string            `json:"title"`
	Source      string            `json:"source"`
	Mark        string            `json:"mark"`
	OnlyReplies bool              `json:"only_replies"`
	Replies     []string          `json:"replies"`
	Outcomes    []outcome         `json:"outcomes"`
	Clock       *Clock            `json:"clock"`
	Read        reading           `json:"read"`
	Parts       map[string]string `json:"parts"` // shared file → SHA-256 in hex
	Body        json.RawMessage   `json:"body"`
}

// An outcome is a reply that is no type of its own: a type whose body has
// that code at that place.
type outcome struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	At    string `json:"at"`
	Is    string `json:"is"`
}

// A planned file records replies that the law or practice names and that are
// no type yet; of names the planned type whose outcome a name will be.
type planned struct {
	Types    []plan `json:"types"`
	Outcomes []plan `json:"outcomes"`
}

type plan struct {
	Name   string `json:"name"`
	Of     string `json:"of"`
	Title  string `json:"title"`
	Source string `json:"source"`
	Mark   string `json:"mark"`
}

// load reads a whole catalogue and checks it against its own rules.
func load(fsys fs.FS) ([]*Type, error) {
	paths, err := fs.Glob(fsys, "types/*.json")
	if err != nil {
		return nil, err
	}
	var types []*Type
	for _, p := range paths {
		t, err := loadType(fsys, p)
		if err != nil {
			return nil, fmt.Errorf("type file %q: %w", p, err)
		}
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b *Type) int {
		return strings.Compare(a.Name+" "+a.Version, b.Name+" "+b.Version)
	})
	return types, resolveReplies(fsys, types)
}

func loadType(fsys fs.FS, p string) (*Type, error) {
	data, err := fs.ReadFile(fsys, p)
	if err != nil {
		return nil, err
	}
	t := new(Type)
	if err := decodeFile(fsys, p, &t.file); err != nil {
		return nil, err
	}
	f := &t.file
	t.Ref = Ref{f.Name, f.Version, sha256.Sum256(data)}
	t.Title, t.Source, t.Mark, t.Clock = f.Title, f.Source, f.Mark, f.Clock
	if path.Base(p) != f.Name+"-"+f.Version+".json" {
		return nil, fmt.Errorf("holds %s %s", f.Name, f.Version)
	}
	if f.Title == "" || f.Source == "" || !marked(f.Mark) {
		return nil, fmt.Errorf("title, source or mark is missing")
	}
	if f.Clock != nil {
		if err := f.Clock.check(); err != nil {
			return nil, err
		}
	}
	parts, err := loadParts(fsys, f.Parts)
	if err != nil {
		return nil, err
	}
	if err := f.Read.check(parts); err != nil {
		return nil, err
	}
	t.body = bodySchema{url: base + p, body: f.Body, parts: parts}
	return t, nil
}

// A part is one shared file: a code list, or else definitions.
type part struct {
	codes *codeList
	defs  any
}

// loadParts reads the pinned files and no others.
func loadParts(fsys fs.FS, pins map[string]string) (map[string]part, error) {
	parts := make(map[string]part, len(pins))
	for p, pin := range pins {
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != pin {
			return nil, fmt.Errorf("part %q is not the one that was pinned", p)
		}
		if path.Dir(p) == "codes" {
			l, err := readCodes(fsys, p)
			if err != nil {
				return nil, err
			}
			parts[p] = part{codes: l}
			continue
		}
		defs, err := parse(data)
		if err != nil {
			return nil, fmt.Errorf("part %q: %w", p, err)
		}
		parts[p] = part{defs: defs}
	}
	return parts, nil
}

// resolveReplies refuses a reply, or a clock's event, that is neither a type,
// nor an outcome of a type, nor planned as either.
func resolveReplies(fsys fs.FS, types []*Type) error {
	var plans planned
	if err := decodeFile(fsys, "planned.json", &plans); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, p := range slices.Concat(plans.Types, plans.Outcomes) {
		if known[p.Name] || p.Title == "" || p.Source == "" || !marked(p.Mark) {
			return fmt.Errorf("planned.json: %s stands twice or lacks title, source or mark", p.Name)
		}
		known[p.Name] = true
	}
	for _, p := range plans.Outcomes {
		if !known[p.Of] {
			return fmt.Errorf("planned.json: %s is an outcome of the unknown %s", p.Name, p.Of)
		}
	}
	for _, t := range types {
		known[t.Name] = true
		for _, o := range t.file.Outcomes {
			known[o.Name] = true
		}
	}
	for _, t := range types {
		for _, name := range t.names() {
			if !known[name] {
				return fmt.Errorf("%s %s names %q, which is neither a type nor an outcome, nor planned", t.Name, t.Version, name)
			}
		}
	}
	return nil
}

// names lists every reply and event that t's file speaks of.
func (t *Type) names() []string {
	names := slices.Clone(t.file.Replies)
	if c := t.Clock; c != nil {
		names = append(names, c.Stops...)
		if c.Pause != nil {
			names = append(names, c.Pause.By, c.Pause.Until)
		}
	}
	return names
}
