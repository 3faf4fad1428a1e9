package desk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Fields that every body may have and that the desk itself fills in.
const (
	fieldRecipients    = "recipients"
	fieldAttachments   = "attachments"
	fieldYourReference = "your_reference"
)

// An entry of a body's list of attachments.
type listed struct {
	Name        string `json:"name"`
	MediaType   string `json:"media_type"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
	Description string `json:"description,omitempty"`
}

func listOf(files []seal.Attachment) []listed {
	var out []listed
	for _, a := range files {
		sum := sha256.Sum256(a.Data)
		out = append(out, listed{Name: a.Name, MediaType: a.MediaType, Bytes: int64(len(a.Data)), SHA256: hex.EncodeToString(sum[:])})
	}
	return out
}

// checkManifest holds that a body lists exactly the files that lie beside it. The
// body has passed its schema.
func checkManifest(body []byte, files []seal.Attachment) error {
	var has struct {
		Attachments []listed `json:"attachments"`
	}
	if err := json.Unmarshal(body, &has); err != nil {
		return problem.New(problem.BodyMalformed, "not one JSON object")
	}
	for i := range has.Attachments {
		has.Attachments[i].Description = ""
	}
	if !slices.Equal(has.Attachments, listOf(files)) {
		return problem.New(problem.BodyInvalid, "at /attachments: must list the attached files, in their order")
	}
	return nil
}

// complete fills in what an officer need not write: the list of attachments, the
// roster of an open send, and the reference of the message that is answered.
// What he wrote stands, byte for byte, faults and all. A body that is no JSON
// object is returned as it is; its schema will say so.
func complete(body []byte, files []seal.Attachment, roster []signed.Address, yourReference string) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return body
	}
	out := bytes.TrimRight(body, " \t\r\n")
	out = bytes.Clone(out[:len(out)-1]) // its closing brace goes to the end again
	add := func(name string, value any) {
		if _, stands := fields[name]; stands {
			return
		}
		if len(fields) > 0 {
			out = append(out, ',')
		}
		b, _ := json.Marshal(value) // strings and numbers always encode
		out = append(fmt.Appendf(out, "%q:", name), b...)
		fields[name] = b
	}
	if len(files) > 0 {
		add(fieldAttachments, listOf(files))
	}
	if len(roster) > 1 {
		add(fieldRecipients, roster)
	}
	if yourReference != "" {
		add(fieldYourReference, yourReference)
	}
	return append(out, '}')
}
