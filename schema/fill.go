package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"samband/gateway/problem"
)

// A Filling is what a desk adds to a body whose writer left it out. Where it goes,
// the type file says.
type Filling struct {
	Attachments []Attachment // the files beside the body
	Recipients  []string     // of an open sending; one alone is not listed
	Answered    *Body        // the message that is answered, whose reference and legal basis are repeated
	Followed    *Body        // or the one of its own sender that is followed, likewise
}

// A repeated field is one that a reply has from the message that it answers.
type repeated struct {
	Name  string
	value any
}

// repeats are what a reply to this message repeats of it.
func (b *Body) repeats() (out []repeated) {
	members, _ := b.doc.(map[string]any)
	for _, f := range b.typ.Shape.Fields {
		if value, ok := members[f.Name]; ok && f.repeat {
			out = append(out, repeated{f.Name, value})
		}
	}
	return out
}

// An Attachment is an entry of a body's list of the files beside it.
type Attachment struct {
	Name        string `json:"name"`
	MediaType   string `json:"media_type"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
	Description string `json:"description,omitempty"`
}

// Fill adds f to a body, at its end. What the writer wrote stands, byte for byte,
// faults and all. A body that is no JSON object is returned as it is; Read says so.
func (t *Type) Fill(body []byte, f Filling) []byte {
	e, ok := extend(body)
	if !ok {
		return body
	}
	add := e.add
	if len(f.Attachments) > 0 {
		add(t.Shape.top(attachments), f.Attachments)
	}
	if len(f.Recipients) > 1 {
		add(t.Shape.top(recipients), f.Recipients)
	}
	earlier, reference := f.Answered, ""
	switch {
	case f.Answered != nil:
		reference = f.Answered.Summary.OurReference
	case f.Followed != nil: // the recipient's reference, as far as it is known, else one that both know
		earlier, reference = f.Followed, cmp.Or(f.Followed.Summary.YourReference, f.Followed.Summary.OurReference)
	}
	if earlier != nil {
		add(t.Shape.top(yourReference), reference)
		for _, repeated := range earlier.repeats() {
			if mine := t.Shape.Field(repeated.Name); mine != nil && mine.repeat {
				add(repeated.Name, repeated.value)
			}
		}
	}
	return e.end()
}

// An extension is a body that gets members at its end.
type extension struct {
	text    []byte // without its closing brace
	members map[string]json.RawMessage
}

// extend opens a body that is a JSON object.
func extend(body []byte) (*extension, bool) {
	e := &extension{}
	if json.Unmarshal(body, &e.members) != nil || e.members == nil {
		return nil, false
	}
	text := bytes.TrimRight(body, " \t\r\n")
	e.text = bytes.Clone(text[:len(text)-1])
	return e, true
}

// add adds a member, unless it stands already.
func (e *extension) add(name string, value any) {
	if _, stands := e.members[name]; stands {
		return
	}
	if len(e.members) > 0 {
		e.text = append(e.text, ',')
	}
	b, _ := json.Marshal(value) // strings and numbers always encode
	e.text = append(fmt.Appendf(e.text, "%q:", name), b...)
	e.members[name] = b
}

func (e *extension) end() []byte { return append(e.text, '}') }

// FitsAttachments refuses, as BODY_INVALID, a body that does not list exactly the
// files that lie beside it. What it says to describe them is its writer's affair.
func (b *Body) FitsAttachments(files []Attachment) error {
	var has []Attachment
	members, _ := b.doc.(map[string]any)
	name := b.typ.Shape.top(attachments)
	if value, ok := members[name]; ok {
		list, err := json.Marshal(value)
		if err != nil || json.Unmarshal(list, &has) != nil {
			return problem.New(problem.BodyMalformed, "at /%s: not a list of files", name)
		}
	}
	for i := range has {
		has[i].Description = ""
	}
	if !slices.Equal(has, files) {
		return problem.New(problem.BodyInvalid, "at /%s: must list the attached files, in their order", name)
	}
	return nil
}

// FitsRecipients refuses, as BODY_INVALID, a body that names its recipients and not
// these, or that names them in a confidential message to several.
func (b *Body) FitsRecipients(to []string, confidential bool) error {
	members, _ := b.doc.(map[string]any)
	name := b.typ.Shape.top(recipients)
	list, _ := members[name].([]any)
	var has []string
	for _, r := range list {
		has = append(has, r.(string)) // the schema says so
	}
	switch {
	case len(has) == 0:
		return nil
	case confidential && len(to) > 1:
		return problem.New(problem.BodyInvalid, "at /%s: a confidential message has no roster", name)
	case !slices.Equal(slices.Sorted(slices.Values(to)), slices.Sorted(slices.Values(has))):
		return problem.New(problem.BodyInvalid, "at /%s: must be those that the message goes to", name)
	}
	return nil
}
