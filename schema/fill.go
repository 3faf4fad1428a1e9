package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"samband/gateway/problem"
)

// A Filling is what a desk adds to a body whose writer left it out. Where it goes,
// the type file says.
type Filling struct {
	Attachments   []Attachment // the files beside the body
	Recipients    []string     // of an open sending; one alone is not listed
	YourReference string       // of the message that is answered
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
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return body
	}
	out := bytes.TrimRight(body, " \t\r\n")
	out = bytes.Clone(out[:len(out)-1]) // its closing brace goes to the end again
	add := func(path string, value any) {
		name := path[1:]
		if _, stands := members[name]; stands {
			return
		}
		if len(members) > 0 {
			out = append(out, ',')
		}
		b, _ := json.Marshal(value) // strings and numbers always encode
		out = append(fmt.Appendf(out, "%q:", name), b...)
		members[name] = b
	}
	if len(f.Attachments) > 0 {
		add(t.file.Read.Attachments, f.Attachments)
	}
	if len(f.Recipients) > 1 {
		add(t.file.Read.Recipients, f.Recipients)
	}
	if f.YourReference != "" {
		add(t.file.Read.YourReference, f.YourReference)
	}
	return append(out, '}')
}

// FitsAttachments refuses, as BODY_INVALID, a body that does not list exactly the
// files that lie beside it. What it says to describe them is its writer's affair.
func (b *Body) FitsAttachments(files []Attachment) error {
	var has []Attachment
	for _, f := range walk(b.doc, b.read.Attachments) {
		list, err := json.Marshal(f.value)
		if err != nil || json.Unmarshal(list, &has) != nil {
			return problem.New(problem.BodyMalformed, "at %s: not a list of files", f.pointer)
		}
	}
	for i := range has {
		has[i].Description = ""
	}
	if !slices.Equal(has, files) {
		return problem.New(problem.BodyInvalid, "at %s: must list the attached files, in their order", b.read.Attachments)
	}
	return nil
}

// FitsRecipients refuses, as BODY_INVALID, a body that names its recipients and not
// these, or that names them in a confidential message to several.
func (b *Body) FitsRecipients(to []string, confidential bool) error {
	has := texts(b.doc, b.read.Recipients+"/*")
	switch {
	case len(has) == 0:
		return nil
	case confidential && len(to) > 1:
		return problem.New(problem.BodyInvalid, "at %s: a confidential message has no roster", b.read.Recipients)
	case !slices.Equal(slices.Sorted(slices.Values(to)), slices.Sorted(slices.Values(has))):
		return problem.New(problem.BodyInvalid, "at %s: must be those that the message goes to", b.read.Recipients)
	}
	return nil
}
