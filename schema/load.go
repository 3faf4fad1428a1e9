package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A typeFile is the form of types/NAME-VERSION.json.
type typeFile struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Source       string            `json:"source"`
	Mark         string            `json:"mark"`
	OnlyReplies  bool              `json:"only_replies"`
	Replies      []string          `json:"replies"`
	FollowUps    []string          `json:"follow_ups"`
	SettledBy    []string          `json:"settled_by"`
	DroppedBy    []string          `json:"dropped_by"`
	Closes       bool              `json:"closes"`
	AfterClose   bool              `json:"after_close"`
	Outcomes     []outcome         `json:"outcomes"`
	MachineReply *machineReply     `json:"machine_reply"` // nil: people alone answer it
	Clock        *Clock            `json:"clock"`
	Parts        map[string]string `json:"parts"` // shared file → SHA-256 in hex
	Body         json.RawMessage   `json:"body"`
}

// An outcome is a reply that is no type of its own: a type whose body has
// that code at that place.
type outcome struct {
	Name string `json:"name"`
	At   string `json:"at"`
	Is   string `json:"is"`
}

// fileName is that of a type, a part or a code list: name and version.
var fileName = regexp.MustCompile(`^(types/[A-Z][A-Z0-9_]*-[0-9]+\.[0-9]+|(parts|codes)/[a-z][a-z0-9-]*-[0-9]+)\.json$`)

// Load reads a whole catalogue and checks it against its own rules.
func Load(fsys fs.FS) (*Catalogue, error) {
	paths, err := fs.Glob(fsys, "types/*.json")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{}
	if c.labels, err = loadLabels(fsys); err != nil {
		return nil, err
	}
	parts := partFiles{fsys, map[string]partFile{}}
	for _, p := range paths {
		t, err := loadType(fsys, p, parts)
		if err != nil {
			return nil, fmt.Errorf("type file %q: %w", p, err)
		}
		t.labels = c.labels
		c.types = append(c.types, t)
	}
	slices.SortFunc(c.types, byName)
	return c, errors.Join(c.checkConversation(), c.checkMachines())
}

func byName(a, b *Type) int { return strings.Compare(a.Name+" "+a.Version, b.Name+" "+b.Version) }

func loadType(fsys fs.FS, p string, files partFiles) (*Type, error) {
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
	t.Source, t.Mark, t.Clock = f.Source, f.Mark, f.Clock
	if path.Base(p) != f.Name+"-"+f.Version+".json" || !fileName.MatchString(p) {
		return nil, fmt.Errorf("is not the file of %s %s", f.Name, f.Version)
	}
	if f.Source == "" || !marked(f.Mark) {
		return nil, fmt.Errorf("source or mark is missing")
	}
	if f.Clock != nil {
		if err := f.Clock.check(f.Outcomes); err != nil {
			return nil, err
		}
	}
	parts, err := files.pinned(f.Parts)
	if err != nil {
		return nil, err
	}
	if t.Shape, err = shapeOf(f.Name, f.Body, parts); err != nil {
		return nil, err
	}
	t.counted = t.Shape.statistics()
	t.body = &bodySchema{url: base + p, body: f.Body, parts: parts}
	return t, t.Shape.check()
}

// check refuses a body that lacks a common field, or has one where a desk can't fill
// it in, or counts what is no code.
func (s *Shape) check() error {
	for _, r := range []role{ourReference, subject, language, purpose, handling} {
		if !s.has(r) {
			return fmt.Errorf("the body has no %s", r)
		}
	}
	for _, r := range []role{yourReference, attachments, recipients} {
		if s.top(r) == "" {
			return fmt.Errorf("the body has no %s at its top, where a desk could fill it in", r)
		}
	}
	var err error
	s.each(func(s *Shape) {
		if s.statistic != "" && s.Codes == nil {
			err = fmt.Errorf("statistic %q counts what is no code", s.statistic)
		}
	})
	return err
}

// A part is one shared file: a code list, or else definitions.
type part struct {
	codes *codeList
	defs  any
	root  *node // the definitions, in their order
}

// partFiles read each shared file of a catalogue once, however many types pin it.
type partFiles struct {
	fsys fs.FS
	read map[string]partFile
}

type partFile struct {
	part
	sum [sha256.Size]byte
}

// pinned are the pinned files and no others.
func (f partFiles) pinned(pins map[string]string) (map[string]part, error) {
	parts := make(map[string]part, len(pins))
	for p, pin := range pins {
		file, ok := f.read[p]
		if !ok {
			var err error
			if file, err = readPart(f.fsys, p); err != nil {
				return nil, err
			}
			f.read[p] = file
		}
		if hex.EncodeToString(file.sum[:]) != pin {
			return nil, fmt.Errorf("part %q is not the one that was pinned", p)
		}
		parts[p] = file.part
	}
	return parts, nil
}

func readPart(fsys fs.FS, p string) (f partFile, err error) {
	if !fileName.MatchString(p) {
		return f, fmt.Errorf("part %q has not the name of one", p)
	}
	data, err := fs.ReadFile(fsys, p)
	if err != nil {
		return f, err
	}
	f.sum = sha256.Sum256(data)
	if path.Dir(p) == "codes" {
		f.codes, err = readCodes(fsys, p)
		return f, err
	}
	if f.defs, err = parse(data); err == nil {
		f.root, err = ordered(data)
	}
	if err != nil {
		return f, fmt.Errorf("part %q: %w", p, err)
	}
	return f, nil
}
