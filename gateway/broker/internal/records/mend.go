package records

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"samband/gateway/durable"
)

// A Mending joins what is whole of several folders of segments, for one that is damaged. It
// finds each frame by itself, whatever lies around it, and changes nothing before Write:
//
//	m, err := records.BeginMend("data/records", "data/records-damaged")
//	err = m.Add("/backup/records", ours)
//	gaps := m.Missing()
//	changed, err := m.Write()
//
// What Write replaces it keeps in the second folder first. Killed at any moment it is begun
// again: what it kept is read too.
type Mending struct {
	dir, kept string
	lock      *os.File
	files     []string
	groups    []found // by number, from 1
	bits      int
	firsts    map[uint64]bool // of all segments that were seen: where a new segment begins
}

// A found is where a group is whole.
type found struct {
	there  bool
	file   int // in files; -1: in bytes
	offset int64
	length uint32
	bytes  []byte
}

// A Gap is groups that are whole nowhere.
type Gap struct{ From, To uint64 }

// BeginMend locks a damaged folder of segments. Nothing is read yet: begin with Add of it.
func BeginMend(dir, kept string) (*Mending, error) {
	lock, err := durable.LockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("mend %q: %w", dir, err)
	}
	return &Mending{dir: dir, kept: kept, lock: lock, firsts: map[uint64]bool{1: true}}, nil
}

// Close gives the folder free.
func (m *Mending) Close() error { return m.lock.Close() }

// Add finds what is whole in a folder, and reports how many groups it has that were not found
// before. What ours refuses is passed over: a frame with a true checksum can still be
// somebody else's. Two frames of one group that are both ours and differ are an error: they
// are of two histories.
func (m *Mending) Add(dir string, ours func(group uint64, payload []byte) error) (added int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		name, number, _ := strings.Cut(e.Name(), suffix)
		if !strings.Contains(e.Name(), suffix) {
			continue
		}
		var first uint64
		if _, err := fmt.Sscanf(name, "%020d", &first); err == nil && number == "" && first > 0 {
			m.firsts[first] = true
		}
		path := filepath.Join(dir, e.Name())
		n, err := m.addFile(path, ours)
		if err != nil {
			return 0, fmt.Errorf("read %q: %w", path, err)
		}
		added += n
	}
	return added, nil
}

func (m *Mending) addFile(path string, ours func(uint64, []byte) error) (added int, err error) {
	b, err := readWhatCan(path)
	if err != nil {
		return 0, err
	}
	m.files = append(m.files, path)
	mark := binary.BigEndian.AppendUint32(nil, magic)
	for at, behind := 0, true; at < len(b); {
		next := bytes.Index(b[at:], mark)
		if next < 0 {
			next = len(b) - at
		}
		if next > 0 && behind { // a frame ended here, and the next has no true beginning
			n, err := m.addRight(b[at:], ours)
			if err != nil {
				return added, err
			}
			added += n
		}
		at += next
		behind = false
		if !isWhole(b[at:]) {
			n, err := m.addRight(b[at:], ours)
			if err != nil {
				return added, err
			}
			added += n
			at++
			continue
		}
		h, _ := parseHeader(b[at:])
		payload := b[at+headerSize : at+headerSize+int(h.length)]
		if h.group == 0 || ours(h.group, payload) != nil {
			at++
			continue
		}
		fresh, err := m.put(h.group, payload, found{there: true, file: len(m.files) - 1, offset: int64(at + headerSize), length: h.length})
		if err != nil {
			return added, err
		}
		if fresh {
			added++
		}
		at += headerSize + int(h.length)
		behind = true
	}
	return added, nil
}

// addRight adds a frame with one wrong bit, put right. Where another folder has it whole it is
// the same.
func (m *Mending) addRight(b []byte, ours func(uint64, []byte) error) (added int, err error) {
	frame := putRight(b[:min(len(b), maxFrame)])
	if frame == nil {
		return 0, nil
	}
	h, _ := parseHeader(frame)
	payload := frame[headerSize:]
	if h.group == 0 || ours(h.group, payload) != nil {
		return 0, nil
	}
	fresh, err := m.put(h.group, payload, found{there: true, file: -1, length: h.length, bytes: payload})
	if fresh {
		m.bits++
		added = 1
	}
	return added, err
}

// Bits is how many groups had one wrong bit, which was put right.
func (m *Mending) Bits() int { return m.bits }

// Put adds a group that was found elsewhere; ours it is by the caller's word.
func (m *Mending) Put(group uint64, payload []byte) error {
	_, err := m.put(group, payload, found{there: true, file: -1, length: uint32(len(payload)), bytes: bytes.Clone(payload)})
	return err
}

func (m *Mending) put(group uint64, payload []byte, at found) (fresh bool, err error) {
	for uint64(len(m.groups)) < group {
		m.groups = append(m.groups, found{})
	}
	have := &m.groups[group-1]
	if !have.there {
		*have = at
		return true, nil
	}
	other, err := m.payload(have)
	if err == nil && !bytes.Equal(other, payload) {
		err = fmt.Errorf("group %d is another in %s: both are ours, and of two histories", group, m.placeOf(have))
	}
	return false, err
}

func (m *Mending) placeOf(f *found) string {
	if f.file < 0 {
		return "JOURNAL"
	}
	return m.files[f.file]
}

// payload reads a group from where it was found.
func (m *Mending) payload(f *found) ([]byte, error) {
	if f.file < 0 {
		return f.bytes, nil
	}
	file, err := durable.Open(m.files[f.file])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := make([]byte, f.length)
	_, err = file.ReadAt(b, f.offset)
	return b, err
}

// Last is the last group that is whole anywhere.
func (m *Mending) Last() uint64 { return uint64(len(m.groups)) }

// Missing are the groups up to the last that are whole nowhere.
func (m *Mending) Missing() (gaps []Gap) {
	for i := range m.groups {
		n := uint64(i) + 1
		switch {
		case m.groups[i].there:
		case len(gaps) > 0 && gaps[len(gaps)-1].To == n-1:
			gaps[len(gaps)-1].To = n
		default:
			gaps = append(gaps, Gap{n, n})
		}
	}
	return gaps
}

// Each calls do for every group that was found, in order.
func (m *Mending) Each(do func(group uint64, payload []byte) error) error {
	for i := range m.groups {
		if !m.groups[i].there {
			continue
		}
		payload, err := m.payload(&m.groups[i])
		if err == nil {
			err = do(uint64(i)+1, payload)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Write makes the segments of what was found, which must have no gaps, and returns the names of
// those that it changed. Each is kept before another takes its place whole, the last first:
// so at any moment each group lies in the folder or among what was kept.
func (m *Mending) Write() (changed []string, err error) {
	segments := m.layout()
	names := map[string]bool{}
	for i := len(segments) - 1; i >= 0; i-- {
		s := segment{first: segments[i].From}
		names[s.name()] = true
		content, err := m.content(segments[i])
		if err != nil {
			return changed, err
		}
		path := filepath.Join(m.dir, s.name())
		if b, err := durable.ReadFile(path, len(content)); err == nil && bytes.Equal(b, content) {
			continue
		}
		if err := m.keep(s.name()); err != nil {
			return changed, err
		}
		// Killed here: the damaged segment has two names.
		if err := durable.Replace(path, content, 0o600); err != nil {
			return changed, err
		}
		changed = append(changed, s.name())
	}
	// Killed here: what belongs to no segment lies about.
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return changed, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) || names[e.Name()] {
			continue
		}
		if err := m.keep(e.Name()); err != nil {
			return changed, err
		}
		if err := errors.Join(os.Remove(filepath.Join(m.dir, e.Name())), durable.SyncDir(m.dir)); err != nil {
			return changed, err
		}
		changed = append(changed, e.Name())
	}
	return changed, nil
}

// layout is which groups each segment has: it begins where one began in any of the folders.
func (m *Mending) layout() (segments []Gap) {
	size := int64(0)
	for i := range m.groups {
		n := uint64(i) + 1
		if size >= segmentBytes || m.firsts[n] {
			segments = append(segments, Gap{From: n})
			size = 0
		}
		segments[len(segments)-1].To = n
		size += headerSize + int64(m.groups[i].length)
	}
	return segments
}

func (m *Mending) content(s Gap) (content []byte, err error) {
	for n := s.From; n <= s.To; n++ {
		payload, err := m.payload(&m.groups[n-1])
		if err != nil {
			return nil, err
		}
		content = appendFrame(content, n, payload)
	}
	return content, nil
}

// keep gives a file of the folder a second name among what is kept. What was found in it is
// read there from now on.
func (m *Mending) keep(name string) error {
	if err := durable.MkdirAll(m.kept); err != nil {
		return err
	}
	from := filepath.Join(m.dir, name)
	for i := 0; ; i++ {
		to := filepath.Join(m.kept, name)
		if i > 0 {
			to = fmt.Sprintf("%s.%d", to, i)
		}
		err := os.Link(from, to)
		if errors.Is(err, fs.ErrExist) && !same(from, to) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the segment itself is missing
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		for at, path := range m.files {
			if path == from {
				m.files[at] = to
			}
		}
		return durable.SyncDir(m.kept)
	}
}

// same tells whether two names are of one file: an earlier mend was killed behind its link.
func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// A sector is what a disk reads or does not.
const sector = 4096

// readWhatCan reads a segment. Where the disk can't read a part, that part is zeros.
func readWhatCan(path string) ([]byte, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > segmentBytes+2*maxFrame {
		return nil, fmt.Errorf("%d bytes are more than a segment has", info.Size())
	}
	b := make([]byte, info.Size())
	if n, err := io.ReadFull(f, b); err == nil || n == len(b) {
		return b, nil
	}
	for at := 0; at < len(b); at += sector {
		part := b[at:min(at+sector, len(b))]
		if _, err := f.ReadAt(part, int64(at)); err != nil && err != io.EOF {
			clear(part)
		}
	}
	return b, nil
}
