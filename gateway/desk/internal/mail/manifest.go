package mail

import (
	"crypto/sha256"
	"encoding/hex"

	"samband/gateway/seal"
	"samband/schema"
)

// ListOf is the list of attachments that a body must have.
func ListOf(files []seal.Attachment) []schema.Attachment {
	var out []schema.Attachment
	for _, a := range files {
		sum := sha256.Sum256(a.Data)
		out = append(out, schema.Attachment{Name: a.Name, MediaType: a.MediaType, Bytes: int64(len(a.Data)), SHA256: hex.EncodeToString(sum[:])})
	}
	return out
}
