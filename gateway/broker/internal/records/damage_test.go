package records

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// contents reads the one segment of a folder.
func contents(t *testing.T, dir string) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(dir, names(t, dir)[0])
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

func rewrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func frameSize(group uint64) int { return headerSize + len(payload(group)) }

// Every length to which a crash can cut the last frame, and every length to which
// it can be there in size but with zeros for bytes that never reached the disk.
func TestTornEndIsCut(t *testing.T) {
	dir := archive(t, segmentBytes, 1, 2, 3, 8)
	path, data := contents(t, dir)
	begin := len(data) - frameSize(8)
	for at := begin; at < len(data); at++ {
		zeroed := append(append([]byte{}, data[:at]...), make([]byte, len(data)-at)...)
		for kind, torn := range map[string][]byte{"cut": data[:at], "zeroed": zeroed} {
			rewrite(t, path, torn)
			a, err := Open(dir)
			if err != nil {
				t.Fatalf("%s at %d: %v", kind, at, err)
			}
			if a.Cut() != int64(len(torn)-begin) {
				t.Errorf("%s at %d: %d bytes cut, want %d", kind, at, a.Cut(), len(torn)-begin)
			}
			// What was cut is written again, as from the JOURNAL.
			want(t, a, 1, 1, 2, 3)
			if err := a.Append(8, payload(8)); err != nil {
				t.Error(err)
			}
			want(t, a, 1, 1, 2, 3, 8)
			a.Close()
			a = open(t, dir)
			if a.Cut() != 0 {
				t.Errorf("%s at %d: cut again", kind, at)
			}
			a.Close()
		}
	}
}

func TestTornFirstFrameTakesItsSegmentAlong(t *testing.T) {
	dir := archive(t, 1, 1, 2)
	rewrite(t, filepath.Join(dir, names(t, dir)[1]), []byte{0xF5, 'S'})
	a := open(t, dir)
	if a.last != 1 || a.Cut() != 2 || len(names(t, dir)) != 1 {
		t.Errorf("archive ends with %d, %d bytes cut, segments %v", a.last, a.Cut(), names(t, dir))
	}
	fill(t, a, 2, 3)
	want(t, a, 1, 1, 2, 3)
}

// Each bit before the last frame, flipped: the place is named, by Open, by Each and
// by ReadGroup, and the file stays as it is.
func TestDamageIsNamedAndNotCut(t *testing.T) {
	dir := archive(t, segmentBytes, 1, 2, 3)
	path, data := contents(t, dir)
	ends := len(data) - frameSize(3)
	for at := range ends {
		for bit := range 8 {
			bent := append([]byte{}, data...)
			bent[at] ^= 1 << bit
			rewrite(t, path, bent)
			begin := 0
			if at >= frameSize(1) {
				begin = frameSize(1)
			}
			opensDamaged(t, dir, path, begin)
			if _, left := contents(t, dir); len(left) != len(data) {
				t.Fatalf("bit %d of byte %d flipped: file cut to %d", bit, at, len(left))
			}
		}
	}
}

// opensDamaged opens an archive that is damaged in its last segment: it names the place, and
// takes nothing behind it.
func opensDamaged(t *testing.T, dir, path string, offset int) {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	wantDamage(t, a.Damaged(), path, offset)
	wantDamage(t, a.Append(99, payload(99)), path, offset)
	wantDamage(t, a.Each(1, func(uint64, []byte) error { return nil }), path, offset)
}

func wantDamage(t *testing.T, err error, path string, offset int) {
	t.Helper()
	var damage *Damage
	if !errors.As(err, &damage) {
		t.Fatalf("no damage named, but %v", err)
	}
	if damage.Segment != filepath.Base(path) || damage.Offset != int64(offset) {
		t.Errorf("named: %v; it is at %d of %s", damage, offset, path)
	}
}

func TestDamageInAnOlderSegment(t *testing.T) {
	for name, bend := range map[string]func([]byte) []byte{
		"flipped byte in the payload": func(b []byte) []byte { b[headerSize+3] ^= 4; return b },
		"cut short":                   func(b []byte) []byte { return b[:len(b)-1] },
		"empty":                       func(b []byte) []byte { return nil },
		"of another name":             func(b []byte) []byte { return appendFrame(nil, 77, payload(77)) },
		"more behind its end":         func(b []byte) []byte { return append(b, 0) },
		"group repeated":              func(b []byte) []byte { return append(b, b...) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := archive(t, 1, 1, 2, 3)
			path := filepath.Join(dir, names(t, dir)[1])
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bent := bend(append([]byte{}, whole...))
			offset := 0
			if len(bent) > len(whole) {
				offset = len(whole)
			}
			rewrite(t, path, bent)
			a := open(t, dir)
			var seen []uint64
			err = a.Each(1, func(g uint64, _ []byte) error { seen = append(seen, g); return nil })
			wantDamage(t, err, path, offset)
			if offset > 0 {
				return
			}
			if len(seen) != 1 {
				t.Errorf("groups %v handed on", seen)
			}
			want(t, a, 3, 3)
			_, err = a.ReadGroup(2)
			wantDamage(t, err, path, 0)
		})
	}
}

// Text that travels inside a payload can't pass for a frame, but bytes could; the
// header of the frame that has them says where that ends, so the torn end is
// still seen as one.
func TestAFrameInsideATornFrame(t *testing.T) {
	dir := archive(t, segmentBytes, 1)
	path, data := contents(t, dir)
	outer := appendFrame(nil, 2, append(appendFrame(nil, 9, []byte("inner")), "and more"...))
	rewrite(t, path, append(data, outer[:len(outer)-1]...))
	a := open(t, dir)
	if a.Cut() != int64(len(outer)-1) {
		t.Errorf("%d bytes cut of %d", a.Cut(), len(outer)-1)
	}
}

func TestMoreThanAFrameIsNeverCut(t *testing.T) {
	dir := archive(t, segmentBytes, 1)
	path, data := contents(t, dir)
	rewrite(t, path, append(data, make([]byte, maxFrame+1)...))
	opensDamaged(t, dir, path, len(data))
	rewrite(t, path, append(data, make([]byte, maxFrame)...))
	if a := open(t, dir); a.Cut() != maxFrame {
		t.Errorf("%d bytes cut", a.Cut())
	}
}
