package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"

	"samband/gateway/problem"
)

// A Copied is what a copy says of the message that it copies.
type Copied struct {
	Body       *Body
	Messages   []string // hashes of its texts, one for each recipient
	Recipients []string // of an open sending; none of a confidential one
}

// A Withheld says why no copy is sent.
type Withheld struct {
	Reason      string // a code
	Explanation string
}

// Copy fills in the body of a copy, at its end: what the desk says of the original;
// of the original's own members those that both types define by the same definition,
// or that a reply repeats; and last what the copy's type has as x-copy for a member
// that is still missing. What the writer wrote stands, as in Fill.
func (t *Type) Copy(body []byte, c Copied) []byte {
	e, ok := extend(body)
	if !ok {
		return body
	}
	for _, m := range t.ofDesk(c) {
		if m.value != nil {
			e.add(m.Name, m.value)
		}
	}
	members, _ := c.Body.doc.(map[string]any)
	for _, f := range c.Body.typ.Shape.Fields {
		value, stands := members[f.Name]
		if mine := t.Shape.Field(f.Name); stands && mine != nil && mine.copies(f.Shape) {
			e.add(f.Name, value)
		}
	}
	for _, f := range t.Shape.Fields {
		if f.preset != nil {
			e.add(f.Name, f.preset)
		}
	}
	return e.end()
}

// ofDesk are the members of a copy that its desk says and no writer. One without a
// value must not stand.
func (t *Type) ofDesk(c Copied) (out []repeated) {
	add := func(r role, value any) {
		if name := t.Shape.top(r); name != "" {
			out = append(out, repeated{name, value})
		}
	}
	typ := c.Body.typ
	add(copiedMessage, c.Messages)
	add(copiedType, typ.Name)
	add(copiedTypeHash, base64.StdEncoding.EncodeToString(typ.Hash[:]))
	if len(c.Recipients) > 0 {
		add(copiedTo, c.Recipients)
	} else {
		add(copiedTo, nil)
	}
	return out
}

// copies reports whether a member of a copy has what stands there in the original.
func (s *Shape) copies(original *Shape) bool {
	switch s.Role {
	case yourReference, attachments, recipients: // of this message, not of that one
		return false
	}
	return s.repeat && original.repeat || slices.Equal(s.labels, original.labels)
}

// FitsCopied refuses, as BODY_INVALID, a body that says of what it copies anything but
// c, or whose type has no place to say it.
func (b *Body) FitsCopied(c Copied) error {
	if b.typ.Shape.top(copiedMessage) == "" {
		return problem.New(problem.BodyInvalid, "%s has no member for the hash of a message that it copies", b.typ.Name)
	}
	if b.Withheld != "" {
		return problem.New(problem.BodyInvalid, "a copy is not copied itself: it has no reason to withhold one")
	}
	members, _ := b.doc.(map[string]any)
	for _, m := range b.typ.ofDesk(c) {
		has, stands := members[m.Name]
		if stands != (m.value != nil) || !sameJSON(has, m.value) {
			return problem.New(problem.BodyInvalid, "at /%s: must be what the desk fills in", m.Name)
		}
	}
	return nil
}

func sameJSON(one, other any) bool {
	a, err := json.Marshal(one)
	b, failed := json.Marshal(other)
	return err == nil && failed == nil && bytes.Equal(a, b)
}

// Withhold adds to a body why no copy is sent, unless its writer did.
func (t *Type) Withhold(body []byte, w Withheld) []byte {
	e, ok := extend(body)
	if !ok {
		return body
	}
	for _, f := range t.Shape.Fields {
		said := map[string]string{}
		for _, in := range f.Fields {
			switch {
			case in.Role == copyWithheld:
				said[in.Name] = w.Reason
			case w.Explanation != "" && in.Kind == "string" && in.Role == "" && in.Codes == nil: // its words
				said[in.Name] = w.Explanation
			}
		}
		if f.Shape.has(copyWithheld) {
			e.add(f.Name, said)
		}
	}
	return e.end()
}

// FitsWithheld refuses, as BODY_INVALID, a body that gives another reason to withhold
// a copy than w.
func (b *Body) FitsWithheld(w Withheld) error {
	if b.Withheld != w.Reason {
		return problem.New(problem.BodyInvalid, "the body of %s does not give this reason to withhold the copy: it gives another, or has no member for one", b.typ.Name)
	}
	return nil
}
