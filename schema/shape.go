package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Shape is what a type's JSON Schema says of one value, with every $ref resolved:
// what it is, what is in it and in which order, what it means to Samband, and under
// which keys its labels stand.
//
// The order of an object's fields is that of the schema: the fields of the first
// allOf, then the object's own, then those of the others.
type Shape struct {
	Kind     string   // object, array, string, integer, number, boolean
	Fields   []Field  // of an object
	Items    *Shape   // of an array
	Codes    []string // of a code list
	List     string   // the code list's file, such as codes/purpose-1.json
	Format   string
	Role     role   // what Samband itself reads here; "" nothing
	Subject  string // the kind of person or thing that this object describes
	Key      string // how the value tells one such person or thing from another
	MinItems int

	statistic string
	repeat    bool
	preset    any // of a copy, where nobody says it; nil: none
	order     []string
	labels    []labelKey // where its label may stand, the nearest first
}

// A Field is a member of an object.
type Field struct {
	Name     string
	Required bool
	*Shape
}

// Field returns the member of that name; nil when there is none.
func (s *Shape) Field(name string) *Field {
	if i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name }); i >= 0 {
		return &s.Fields[i]
	}
	return nil
}

// A role is what Samband itself reads at a place of a body, whatever the field's name
// is there.
type role string

const (
	ourReference   role = "our-reference"
	yourReference  role = "your-reference"
	subject        role = "subject"
	language       role = "language"
	purpose        role = "purpose"
	offenceArea    role = "offence-area"
	handling       role = "handling"
	category       role = "category"
	attachments    role = "attachments"
	recipients     role = "recipients"
	urgency        role = "urgency"       // stands exactly in urgent messages
	partID         role = "id"            // names a part of the body, once
	partReference  role = "reference"     // must be such a name
	past           role = "past"          // a date that can't lie after the message's own day
	machineZone    role = "mrz"           // lines of a machine-readable zone
	access         role = "access"        // how the sender reaches what is asked for
	clockFrom      role = "clock-from"    // when a clock began, if before the message
	clockUntil     role = "clock-until"   // until when a clock is extended
	copyWithheld   role = "copy-withheld" // why nobody was copied
	copiedMessage  role = "copied"        // hashes of the message that this one copies
	copiedType     role = "copied-type"   // the name of its type
	copiedTypeHash role = "copied-type-hash"
	copiedTo       role = "copied-to"       // whom it went to, unless that is confidential
	queriedDataset role = "dataset"         // of a query that a machine answers
	queryKey       role = "query-key"       // one of its search keys; x-key says which
	queryReason    role = "query-reason"    // the asking officer's reason
	matchReference role = "match-reference" // what a machine found, for who asks more about it
)

var roles = []role{
	ourReference, yourReference, subject, language, purpose, offenceArea, handling, category, attachments, recipients,
	urgency, partID, partReference, past, machineZone, access, clockFrom, clockUntil, copyWithheld, copiedMessage,
	copiedType, copiedTypeHash, copiedTo, queriedDataset, queryKey, queryReason, matchReference,
}

// A labelKey names a label: a file under labels, and a name in it.
type labelKey struct{ file, name string }

// maxShapes bounds the places of a body. Definitions that refer to others many times
// each would else be few lines, and more places than any machine has room for.
const maxShapes = 1 << 14

// A shaper resolves a schema.
type shaper struct {
	parts map[string]part
	depth int
	made  int
}

// shapeOf resolves the body of a type file.
func shapeOf(typeName string, body []byte, parts map[string]part) (*Shape, error) {
	root, err := ordered(body)
	if err != nil {
		return nil, err
	}
	s := &shaper{parts: parts}
	return s.shape(place{file: "types/" + typeName, root: root, owner: labelKey{"types/" + typeName, ""}}, root)
}

// A place is where in which file a schema stands.
type place struct {
	file  string // for relative references
	root  *node
	owner labelKey
}

func (p place) in(name string) place {
	p.owner.name = strings.TrimPrefix(p.owner.name+"."+name, ".")
	return p
}

func (s *shaper) shape(at place, n *node) (*Shape, error) {
	if s.depth++; s.depth > maxDepth {
		return nil, fmt.Errorf("the schema is nested too deep, or refers to itself")
	}
	defer func() { s.depth-- }()
	if s.made++; s.made > maxShapes {
		return nil, fmt.Errorf("the schema has more than %d places", maxShapes)
	}
	out := &Shape{}
	if ref := n.text("$ref"); ref != "" {
		target, err := s.resolve(at, ref)
		if err != nil {
			return nil, err
		}
		*out = *target
		out.Fields, out.labels = slices.Clone(target.Fields), slices.Clone(target.labels)
	}
	if at.owner.name != "" {
		out.labels = append([]labelKey{at.owner}, out.labels...)
	}
	if err := s.annotate(out, n); err != nil {
		return nil, fmt.Errorf("%s: %w", at.owner.name, err)
	}
	return out, s.members(at, n, out)
}

// annotate reads what Samband's own keywords and the plain ones say.
func (s *shaper) annotate(out *Shape, n *node) error {
	for keyword, into := range map[string]*string{
		"type": &out.Kind, "format": &out.Format, "x-subject": &out.Subject, "x-key": &out.Key, "x-statistic": &out.statistic,
	} {
		if v := n.text(keyword); v != "" {
			*into = v
		}
	}
	if r := role(n.text("x-role")); r != "" {
		if !slices.Contains(roles, r) {
			return fmt.Errorf("x-role %q is no role", r)
		}
		out.Role = r
	}
	if v := n.member("x-repeat"); v != nil {
		out.repeat = v.plain == true
	}
	if v := n.member("x-copy"); v != nil {
		out.preset = v.value()
	}
	if v := n.member("x-order"); v != nil {
		out.order = v.texts()
	}
	if v, ok := n.member("minItems").number(); ok {
		out.MinItems = v
	}
	if f := out.Format; f != "" && formats[f].is == nil {
		return fmt.Errorf("format %q is none of ours", f)
	}
	return nil
}

// members adds what is in an object or an array.
func (s *shaper) members(at place, n *node, out *Shape) error {
	mixins := n.member("allOf").items()
	for i, m := range mixins {
		if i == 1 {
			if err := s.own(at, n, out); err != nil {
				return err
			}
		}
		mixed, err := s.shape(place{at.file, at.root, labelKey{at.owner.file, ""}}, m)
		if err != nil {
			return err
		}
		out.Fields = append(out.Fields, mixed.Fields...)
	}
	if len(mixins) < 2 {
		if err := s.own(at, n, out); err != nil {
			return err
		}
	}
	required := n.member("required").texts()
	for i := range out.Fields {
		f := &out.Fields[i]
		f.Required = f.Required || slices.Contains(required, f.Name)
	}
	if items := n.member("items"); items != nil {
		item, err := s.shape(at, items)
		if err != nil {
			return err
		}
		out.Items = item
	}
	return nil
}

func (s *shaper) own(at place, n *node, out *Shape) error {
	for _, m := range n.member("properties").members() {
		f, err := s.shape(at.in(m.name), m.value)
		if err != nil {
			return err
		}
		out.Fields = append(out.Fields, Field{Name: m.name, Shape: f})
	}
	return nil
}

// resolve follows a $ref to a definition of a pinned part, to a code list, or within
// its own file.
func (s *shaper) resolve(at place, ref string) (*Shape, error) {
	file, pointer, _ := strings.Cut(ref, "#")
	root := at.root
	if file != "" {
		file = path.Join(path.Dir(at.file), file)
		p, ok := s.parts[file]
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is not pinned", file)
		case p.codes != nil:
			return p.codes.shape(file), nil
		}
		root = p.root
	} else {
		file = at.file
	}
	name, ok := strings.CutPrefix(pointer, "/$defs/")
	if !fileName.MatchString(file) {
		return nil, fmt.Errorf("%q is no definition of a part", ref)
	}
	n := root.member("$defs").member(name)
	if !ok || n == nil {
		return nil, fmt.Errorf("%q names no definition", ref)
	}
	return s.shape(place{file, root, labelKey{labelFile(file), name}}, n)
}

// labelFile is where the labels of a part or a code list stand: every version of it
// has the same.
func labelFile(file string) string { return file[:strings.LastIndexByte(file, '-')] }

// visit walks a value beside its shape, in the shape's order. What the shape doesn't
// know is left out.
func (s *Shape) visit(pointer string, value any, see func(pointer string, s *Shape, value any)) {
	see(pointer, s, value)
	switch v := value.(type) {
	case map[string]any:
		for _, f := range s.Fields {
			if member, ok := v[f.Name]; ok {
				f.Shape.visit(pointer+"/"+f.Name, member, see)
			}
		}
	case []any:
		if s.Items == nil {
			return
		}
		for i, item := range v {
			s.Items.visit(pointer+"/"+strconv.Itoa(i), item, see)
		}
	}
}

// each walks a shape's fields and items, itself first.
func (s *Shape) each(see func(*Shape)) {
	see(s)
	for _, f := range s.Fields {
		f.Shape.each(see)
	}
	if s.Items != nil {
		s.Items.each(see)
	}
}

// top is the member at the top of a body that has a role; "" when there is none.
func (s *Shape) top(r role) string {
	for _, f := range s.Fields {
		if f.Role == r {
			return f.Name
		}
	}
	return ""
}

// has reports whether a role stands anywhere in the shape.
func (s *Shape) has(r role) (found bool) {
	s.each(func(s *Shape) { found = found || s.Role == r })
	return found
}

// statistics are the names of the statistics that a body gives, sorted.
func (s *Shape) statistics() []string {
	names := map[string]bool{}
	s.each(func(s *Shape) {
		if s.statistic != "" {
			names[s.statistic] = true
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// A node is a JSON value that keeps the order of members. A nil node has nothing.
type node struct {
	plain any // of a string, number or boolean
	list  []*node
	named []member
}

type member struct {
	name  string
	value *node
}

// ordered reads JSON that is known to be strict.
func ordered(data []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return orderedValue(d)
}

func orderedValue(d *json.Decoder) (*node, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	n := &node{}
	switch tok {
	default:
		n.plain = tok
		return n, nil
	case json.Delim('['):
		for d.More() {
			item, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, item)
		}
	case json.Delim('{'):
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			n.named = append(n.named, member{name.(string), value})
		}
	}
	_, err = d.Token()
	return n, err
}

// value is a node that is known to be, as encoding/json reads it.
func (n *node) value() any {
	switch {
	case n.list != nil:
		out := make([]any, len(n.list))
		for i, item := range n.list {
			out[i] = item.value()
		}
		return out
	case n.named != nil:
		out := map[string]any{}
		for _, m := range n.named {
			out[m.name] = m.value.value()
		}
		return out
	}
	return n.plain
}

func (n *node) members() []member {
	if n == nil {
		return nil
	}
	return n.named
}

func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	return n.list
}

func (n *node) member(name string) *node {
	for _, m := range n.members() {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (n *node) text(name string) string {
	if m := n.member(name); m != nil {
		s, _ := m.plain.(string)
		return s
	}
	return ""
}

func (n *node) texts() (out []string) {
	for _, i := range n.items() {
		if s, ok := i.plain.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (n *node) number() (int, bool) {
	if n == nil {
		return 0, false
	}
	num, ok := n.plain.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := num.Int64()
	return int(i), err == nil
}
