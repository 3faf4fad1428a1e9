package api

import (
	"errors"

	"samband/gateway/signed"
)

// A Cursor is a place in a feed: how many leaves of the audit log lie before
// it. It crosses the wire as a string of decimal digits, which callers store
// and hand back. All they read into it is that it leads on, and not past the log.
// The zero Cursor is the beginning.
type Cursor int64

// Past returns the cursor right behind a leaf.
func Past(leaf int64) Cursor { return Cursor(leaf + 1) }

// Leaf returns the first leaf that is not before the cursor.
func (c Cursor) Leaf() int64 { return int64(c) }

func (c Cursor) String() string { return signed.FormatInt(int64(c)) }

// ParseCursor reads a cursor; "" is the beginning.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return 0, nil
	}
	n, err := signed.ParseInt(s)
	if err != nil {
		return 0, errors.New("a cursor is not one that this broker gave out")
	}
	return Cursor(n), nil
}

// MarshalText writes the cursor as String does.
func (c Cursor) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the cursor as ParseCursor does.
func (c *Cursor) UnmarshalText(b []byte) (err error) {
	*c, err = ParseCursor(string(b))
	return err
}
