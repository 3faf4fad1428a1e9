package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"samband/gateway/problem"
	"samband/gateway/seal"
)

// A Listed is an entry of a body's list of attachments.
type Listed struct {
	Name        string `json:"name"`
	MediaType   string `json:"media_type"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"`
	Description string `json:"description,omitempty"`
}

// ListOf is the list of attachments that a body must have.
func ListOf(files []seal.Attachment) []Listed {
	var out []Listed
	for _, a := range files {
		sum := sha256.Sum256(a.Data)
		out = append(out, Listed{Name: a.Name, MediaType: a.MediaType, Bytes: int64(len(a.Data)), SHA256: hex.EncodeToString(sum[:])})
	}
	return out
}

// CheckManifest checks that a body lists exactly the files that lie beside it. The
// body has passed its schema.
func CheckManifest(body []byte, files []seal.Attachment) error {
	var has struct {
		Attachments []Listed `json:"attachments"`
	}
	if err := json.Unmarshal(body, &has); err != nil {
		return problem.New(problem.BodyMalformed, "not one JSON object")
	}
	for i := range has.Attachments {
		has.Attachments[i].Description = ""
	}
	if !slices.Equal(has.Attachments, ListOf(files)) {
		return problem.New(problem.BodyInvalid, "at /attachments: must list the attached files, in their order")
	}
	return nil
}
