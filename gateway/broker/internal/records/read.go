package records

import (
	"fmt"
	"io"
	"path/filepath"
	"sort"

	"samband/gateway/durable"
)

// Each calls do for every group from number from on, in order, until do returns an
// error, which is handed back. The payload is good until do returns. Groups that
// are appended meanwhile may be left out. Damage is a [*Damage].
func (a *Archive) Each(from uint64, do func(group uint64, payload []byte) error) error {
	segments := a.snapshot()
	for _, s := range segments[segmentOf(segments, from):] {
		err := s.walk(a.dir, func(group uint64, payload []byte) error {
			if group < from {
				return nil
			}
			return do(group, payload)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadGroup returns the payload of one group, [errNoGroup], or a [*Damage] if
// its frame or a header before it in its segment doesn't fit.
func (a *Archive) ReadGroup(group uint64) ([]byte, error) {
	segments := a.snapshot()
	if len(segments) == 0 {
		return nil, fmt.Errorf("read group %d: %w", group, errNoGroup)
	}
	payload, err := segments[segmentOf(segments, group)].find(a.dir, group)
	if err != nil {
		return nil, fmt.Errorf("read group %d: %w", group, err)
	}
	return payload, nil
}

// segmentOf is the place of the segment in which a group stands if it stands anywhere.
func segmentOf(segments []segment, group uint64) int {
	after := sort.Search(len(segments), func(i int) bool { return segments[i].first > group })
	return max(after-1, 0)
}

// find goes from header to header, for only the payload that it wants is worth
// reading.
func (s segment) find(dir string, group uint64) ([]byte, error) {
	f, err := durable.Open(filepath.Join(dir, s.name()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &cursor{file: f, segment: s}
	for {
		h, err := c.next()
		if err == io.EOF || err == nil && h.group > group {
			return nil, errNoGroup
		}
		if err != nil {
			return nil, err
		}
		if h.group == group {
			return c.payload(h)
		}
		c.pass(h)
	}
}
