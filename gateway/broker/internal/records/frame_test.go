package records

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Whatever the bytes: the frames that are read from them are exactly the frames
// that would be written for the same groups, and the reader stops at the end or
// names the place.
func FuzzFrames(f *testing.F) {
	one := appendFrame(nil, 1, []byte("samband/record/v1\n"))
	two := appendFrame(one, 5, nil)
	f.Add([]byte{})
	f.Add(one)
	f.Add(two)
	f.Add(two[:len(two)-1])
	f.Add(append(bytes.Clone(two), two...))
	f.Add(append(bytes.Clone(one), make([]byte, headerSize)...))
	f.Add(appendFrame(nil, 1, bytes.Repeat([]byte("x"), 3000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &cursor{file: bytes.NewReader(data), segment: segment{first: 1, size: int64(len(data))}}
		written, err := readAll(c)
		if !bytes.Equal(written, data[:len(written)]) {
			t.Fatalf("read frames %x from %x", written, data)
		}
		if c.off != int64(len(written)) {
			t.Fatalf("stopped at %d after %d bytes", c.off, len(written))
		}
		if err == io.EOF {
			if len(written) != len(data) {
				t.Fatalf("an end at %d of %d bytes", len(written), len(data))
			}
			return
		}
		var damage *Damage
		if !errors.As(err, &damage) || damage.Offset != c.off {
			t.Fatalf("stopped at %d by %v", c.off, err)
		}
		isTorn(data[c.off:])
	})
}

// readAll writes again what it reads, and returns the error that ended it.
func readAll(c *cursor) (written []byte, err error) {
	for {
		h, err := c.next()
		if err != nil {
			return written, err
		}
		payload, err := c.payload(h)
		if err != nil {
			return written, err
		}
		written = appendFrame(written, h.group, payload)
		c.pass(h)
	}
}
