package signed

import "encoding"

// Times stand in JSON as they stand in texts.
var (
	_ encoding.TextMarshaler   = Time{}
	_ encoding.TextUnmarshaler = (*Time)(nil)
)

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
