package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxListed is how many codes a template lists; where there are more, it says how to
// see them.
const maxListed = 40

// Template returns a draft to fill in: the type's fields in their order, with labels and
// help as comments in one of Languages. Required fields stand there empty, which Check
// refuses until they are filled in; optional ones stand in comments. What f has, such as
// the reference of the message that is answered, is filled in. Draft turns the draft
// into a body.
func (t *Type) Template(lang string, f Filling) []byte {
	w := &templater{t: t, lang: lang, words: t.In(lang), seen: map[string]bool{}, filled: map[string]string{}}
	for _, r := range t.repeated(f) {
		if field := t.Shape.Field(r.Name); field != nil {
			w.filled[r.Name] = inline(field.Shape, r.value)
		}
	}
	out := []string{fmt.Sprintf("// type: %s %s", t.Name, t.Version)}
	l := w.words.Type()
	out = append(out, comments(strings.TrimSuffix(l.Label, ".")+". "+l.Help)...)
	out = append(out, comments(w.say("template.how"))...)
	out = append(out, "{")
	out = append(out, w.top()...)
	return []byte(strings.Join(append(out, "}", ""), "\n"))
}

// repeated are the members that f fills in, without files: those are known when the
// draft is sent.
func (t *Type) repeated(f Filling) (out []repeated) {
	if f.Answered != nil {
		out = append(out, repeated{t.Shape.top(yourReference), f.Answered.Summary.OurReference})
		for _, r := range f.Answered.repeats() {
			if mine := t.Shape.Field(r.Name); mine != nil && mine.repeat {
				out = append(out, r)
			}
		}
	}
	if len(f.Recipients) > 1 {
		var list []any
		for _, r := range f.Recipients {
			list = append(list, r)
		}
		out = append(out, repeated{t.Shape.top(recipients), list})
	}
	return out
}

type templater struct {
	t      *Type
	lang   string
	words  Words
	seen   map[string]bool   // code lists that were shown
	filled map[string]string // members at the top that are filled in
}

func (w *templater) say(key string) string { return Screen(w.lang, key) }

// top writes the members of the body: each with its label and help above it.
func (w *templater) top() (out []string) {
	for i := range w.t.Shape.Fields {
		f := &w.t.Shape.Fields[i]
		filled, isFilled := w.filled[f.Name]
		if !isFilled && (f.Role == attachments || f.Role == recipients) {
			continue // the desk fills them in
		}
		if len(out) > 0 {
			out = append(out, "")
		}
		l := w.words.Field(f.Name, f.Shape)
		label := l.Label
		if !f.Required {
			label += " (" + w.say("template.optional") + ")"
		}
		if l.Help != "" {
			label += ": " + l.Help
		}
		out = append(out, indented(comments(label))...)
		switch {
		case isFilled:
			out = append(out, fmt.Sprintf("  %q: %s,", f.Name, filled))
		case f.Required:
			out = append(out, w.member(f, "  ")...)
		default:
			inside := false
			for _, line := range w.member(f, "") {
				if inside = inside || !strings.HasPrefix(line, "//"); inside {
					line = "// " + line
				}
				out = append(out, "  "+line)
			}
		}
	}
	return out
}

// member writes one member: comments on it, its name, and an empty value.
func (w *templater) member(f *Field, indent string) (out []string) {
	leaf := f.Shape
	if leaf.Items != nil {
		leaf = leaf.Items
	}
	for _, c := range w.codes(leaf) {
		out = append(out, indent+c)
	}
	value := w.value(f.Shape, indent)
	value[0] = fmt.Sprintf("%s%q: %s", indent, f.Name, value[0])
	value[len(value)-1] += ","
	return append(out, value...)
}

// value writes an empty value; its first line has no indent.
func (w *templater) value(s *Shape, indent string) []string {
	switch {
	case s.Kind == "object":
		return append(append([]string{"{"}, w.members(s, indent+"  ")...), indent+"}")
	case s.Items != nil:
		item := w.value(s.Items, indent)
		item[0] = "[" + item[0]
		item[len(item)-1] += "]"
		return item
	case len(s.Codes) == 1:
		return []string{quote(s.Codes[0])}
	case s.Kind == "integer" || s.Kind == "number" || s.Kind == "boolean":
		return []string{"null"}
	}
	return []string{`""`}
}

// members writes the members of an object within the body: what fits beside a member
// stands there.
func (w *templater) members(s *Shape, indent string) (out []string) {
	for i := range s.Fields {
		f := &s.Fields[i]
		lines := w.member(f, indent)
		l := w.words.Field(f.Name, f.Shape)
		note := l.Label
		if !f.Required {
			note += " (" + w.say("template.optional") + ")"
		}
		switch how := w.how(f.Shape); {
		case l.Help != "":
			note += ": " + l.Help
		case how != "":
			note += ": " + how
		}
		note = oneLine(note)
		if f.Kind == "object" || f.Items != nil && f.Items.Kind == "object" || len(lines) > 1 {
			lines = append([]string{indent + "// " + note}, lines...)
		} else {
			lines[0] += " // " + note
		}
		out = append(out, lines...)
	}
	return out
}

// how gives an example of a form that nobody can guess.
func (w *templater) how(s *Shape) string {
	if s.Items != nil {
		return w.how(s.Items)
	}
	switch {
	case s.Kind == "boolean":
		return "true/false"
	case s.Kind == "integer" || s.Kind == "number":
		return w.say("template.number")
	}
	return formats[s.Format].example
}

// codes lists the codes of a place.
func (w *templater) codes(s *Shape) []string {
	if s.Codes == nil {
		return nil
	}
	name := s.ListName()
	switch {
	case len(s.Codes) > maxListed:
		return []string{"// " + fmt.Sprintf(w.say("template.long-list"), len(s.Codes), w.t.Name, name)}
	case len(s.Codes) == 1:
		return nil
	case w.seen[s.List]:
		return []string{"// " + fmt.Sprintf(w.say("template.as-above"), name)}
	}
	w.seen[s.List] = true
	width := 0
	for _, c := range s.Codes {
		width = max(width, len(c))
	}
	out := []string{"// " + fmt.Sprintf(w.say("template.codes"), name)}
	for _, c := range s.Codes {
		out = append(out, fmt.Sprintf("//   %-*s  %s", width, c, oneLine(w.words.Code(s, c).Label)))
	}
	return out
}

// comments writes words as lines of a comment, of a width that screens have.
func comments(words string) (out []string) {
	const width = 88
	line := "//"
	for _, word := range strings.Fields(words) {
		if len([]rune(line))+1+len([]rune(word)) > width && line != "//" {
			out = append(out, line)
			line = "//"
		}
		line += " " + word
	}
	return append(out, line)
}

func indented(lines []string) []string {
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// inline writes a value on one line, its members in the order of the shape.
func inline(s *Shape, value any) string {
	var parts []string
	switch v := value.(type) {
	case map[string]any:
		for _, f := range s.Fields {
			if member, ok := v[f.Name]; ok {
				parts = append(parts, quote(f.Name)+": "+inline(f.Shape, member))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, inline(s.Items, item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return quote(v)
	}
	b, _ := json.Marshal(value) // numbers and booleans always encode
	return string(b)
}

// quote writes a text as JSON without escaping what needs none.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
