package desk

import (
	"bytes"
	"encoding/json"
	"fmt"

	"samband/gateway/desk/internal/mail"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Fields that every body may have and that the desk itself fills in.
const (
	fieldRecipients    = "recipients"
	fieldAttachments   = "attachments"
	fieldYourReference = "your_reference"
)

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
		add(fieldAttachments, mail.ListOf(files))
	}
	if len(roster) > 1 {
		add(fieldRecipients, roster)
	}
	if yourReference != "" {
		add(fieldYourReference, yourReference)
	}
	return append(out, '}')
}
