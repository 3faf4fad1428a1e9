package records

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"samband/gateway/durable"
)

const suffix = ".records"

// A segment is one file: its first group, which is its name, and how many of its
// bytes are synced.
type segment struct {
	first uint64
	size  int64
}

func (s segment) name() string { return fmt.Sprintf("%020d%s", s.first, suffix) }

// listSegments finds the segments of a folder in order.
func listSegments(dir string) (segments []segment, err error) {
	entries, err := os.ReadDir(dir) // sorted by name, and so by first group
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		digits, is := strings.CutSuffix(e.Name(), suffix)
		if !is {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		s := segment{first: first}
		if err != nil || first == 0 || s.name() != e.Name() {
			return nil, fmt.Errorf("%q is no name of a segment", e.Name())
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		s.size = info.Size()
		segments = append(segments, s)
	}
	return segments, nil
}

// walk calls do for each frame of a segment, payload and all.
func (s segment) walk(dir string, do func(group uint64, payload []byte) error) error {
	f, err := durable.Open(filepath.Join(dir, s.name()))
	if err != nil {
		return err
	}
	defer f.Close()
	c := &cursor{file: f, segment: s}
	for {
		h, err := c.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		payload, err := c.payload(h)
		if err != nil {
			return err
		}
		if err := do(h.group, payload); err != nil {
			return err
		}
		c.pass(h)
	}
}

// lastGroup checks a segment and returns its last group; together with an error, the
// last group before the fault.
func (s segment) lastGroup(dir string) (last uint64, err error) {
	err = s.walk(dir, func(group uint64, _ []byte) error { last = group; return nil })
	return last, err
}
