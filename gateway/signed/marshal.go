package signed

import "encoding"

// Hashes, ids and times stand in JSON as they stand in texts, in their one spelling.
type inJSON interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

var _, _, _ inJSON = (*Hash)(nil), (*ID)(nil), (*Time)(nil)

// MarshalText writes the hash as String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the hash as ParseHash does.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}

// MarshalText writes the id as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the id as ParseID does.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// MarshalText writes the time as String does.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the time as ParseTime does.
func (t *Time) UnmarshalText(b []byte) (err error) {
	*t, err = ParseTime(string(b))
	return err
}

// IsZero reports whether no hash was given.
func (h Hash) IsZero() bool { return h == Hash{} }

// IsZero reports whether no id was given.
func (id ID) IsZero() bool { return id == ID{} }
