package records

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"samband/gateway/durable"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("SAMBAND_TEST_APPEND_TO"); dir != "" {
		appendForever(dir)
	}
	os.Exit(m.Run())
}

// payload is what a test writes for a group: of changing length, and none twice.
func payload(group uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "records of group %d\n", group), int(group%7))
}

func open(t *testing.T, dir string) *Archive {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func fill(t *testing.T, a *Archive, groups ...uint64) {
	t.Helper()
	for _, g := range groups {
		if err := a.Append(g, payload(g)); err != nil {
			t.Fatal(err)
		}
	}
}

// archive makes a folder of segments with the given groups, rolled at so many
// bytes, and returns its path.
func archive(t *testing.T, roll int64, groups ...uint64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "records")
	a := open(t, dir)
	a.roll = roll
	fill(t, a, groups...)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func groups(from, to uint64) (g []uint64) {
	for ; from <= to; from++ {
		g = append(g, from)
	}
	return g
}

func numbers(t *testing.T, a *Archive, from uint64) (got []uint64) {
	t.Helper()
	err := a.Each(from, func(group uint64, data []byte) error {
		if !bytes.Equal(data, payload(group)) {
			t.Errorf("group %d has other bytes", group)
		}
		got = append(got, group)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func want(t *testing.T, a *Archive, from uint64, groups ...uint64) {
	t.Helper()
	if got := numbers(t, a, from); !slices.Equal(got, groups) {
		t.Errorf("groups from %d: %v, want %v", from, got, groups)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	segments, err := listSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		names = append(names, s.name())
	}
	return names
}

// size is the bytes of all segments.
func size(a *Archive) (bytes int64) {
	for _, s := range a.snapshot() {
		bytes += s.size
	}
	return bytes
}

func TestEmpty(t *testing.T) {
	for range 2 {
		a := open(t, archive(t, segmentBytes))
		if a.last != 0 || size(a) != 0 || a.Cut() != 0 {
			t.Errorf("empty archive ends with %d, has %d bytes, %d cut", a.last, size(a), a.Cut())
		}
		want(t, a, 0)
		if _, err := a.ReadGroup(1); !errors.Is(err, errNoGroup) {
			t.Errorf("read: %v", err)
		}
	}
}

func TestAppendAndReadBack(t *testing.T) {
	all := []uint64{3, 4, 5, 9, 10, 300}
	dir := archive(t, segmentBytes, all...)
	a := open(t, dir)
	want(t, a, 0, all...)
	want(t, a, 5, 5, 9, 10, 300)
	want(t, a, 6, 9, 10, 300)
	want(t, a, 301)
	for _, g := range all {
		if got, err := a.ReadGroup(g); err != nil || !bytes.Equal(got, payload(g)) {
			t.Errorf("group %d: %q, %v", g, got, err)
		}
	}
	for _, g := range []uint64{0, 1, 6, 301} {
		if _, err := a.ReadGroup(g); !errors.Is(err, errNoGroup) {
			t.Errorf("group %d: %v", g, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, names(t, dir)[0]))
	if err != nil || size(a) != info.Size() {
		t.Errorf("size %d, file has %d, %v", size(a), info.Size(), err)
	}
}

func TestGroupsRise(t *testing.T) {
	a := open(t, archive(t, segmentBytes, 7))
	for _, g := range []uint64{0, 6, 7} {
		if a.Append(g, nil) == nil {
			t.Errorf("group %d taken after 7", g)
		}
	}
	if a.Append(8, make([]byte, maxPayload+1)) == nil {
		t.Error("a payload above the bound was taken")
	}
	// A refusal is no failure of the disk: the archive goes on.
	if err := a.Append(8, make([]byte, maxPayload)); err != nil {
		t.Error(err)
	}
}

func TestEachHandsBackTheCallersError(t *testing.T) {
	a := open(t, archive(t, 1, 1, 2, 3))
	calls := 0
	err := a.Each(2, func(uint64, []byte) error { calls++; return io.ErrClosedPipe })
	if err != io.ErrClosedPipe || calls != 1 {
		t.Errorf("%d calls, then %v", calls, err)
	}
}

func TestSegmentsRoll(t *testing.T) {
	dir := archive(t, 200, groups(1, 30)...)
	files := names(t, dir)
	if len(files) < 5 || files[0] != "00000000000000000001.records" {
		t.Fatalf("segments: %v", files)
	}
	a := open(t, dir)
	a.roll = 200
	fill(t, a, groups(31, 40)...)
	for from := uint64(1); from <= 41; from++ {
		want(t, a, from, groups(from, 40)...)
	}
	for _, g := range groups(1, 40) {
		if got, err := a.ReadGroup(g); err != nil || !bytes.Equal(got, payload(g)) {
			t.Errorf("group %d: %q, %v", g, got, err)
		}
	}
}

func TestLostNewestSegmentsEndEarlier(t *testing.T) {
	dir := archive(t, 1, 1, 2, 3, 4)
	for _, name := range names(t, dir)[2:] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	a := open(t, dir)
	if a.last != 2 || a.Cut() != 0 {
		t.Errorf("archive ends with %d, %d bytes cut", a.last, a.Cut())
	}
	want(t, a, 1, 1, 2)
}

func TestOneFolderOneProcess(t *testing.T) {
	dir := archive(t, segmentBytes, 1)
	open(t, dir)
	if _, err := Open(dir); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("second holder: %v", err)
	}
}

func TestFailedWritePoisons(t *testing.T) {
	dir := archive(t, segmentBytes, 1)
	a := open(t, dir)
	a.file.Close()
	if a.Append(2, payload(2)) == nil {
		t.Fatal("a write to a closed file succeeded")
	}
	if err := a.Append(3, payload(3)); !errors.Is(err, errPoisoned) {
		t.Errorf("second append: %v", err)
	}
	want(t, a, 1, 1)
	a.Close()
	a = open(t, dir)
	fill(t, a, 2)
	want(t, a, 1, 1, 2)
}

// Opened anew, an archive takes the group whose write failed: what was not synced is gone,
// and readers had all else meanwhile.
func TestReopen(t *testing.T) {
	dir := archive(t, segmentBytes, 1, 2)
	a := open(t, dir)
	a.file.Close()
	if a.Append(3, payload(3)) == nil {
		t.Fatal("a write to a closed file succeeded")
	}
	// A whole frame that was never synced: memory has it, the disk may not.
	path := filepath.Join(dir, segment{first: 1}.name())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(appendFrame(nil, 3, payload(4)))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for range 2 {
		if err := a.Reopen(); err != nil {
			t.Fatal(err)
		}
		want(t, a, 1, 1, 2)
	}
	fill(t, a, 3, 4)
	want(t, a, 1, 1, 2, 3, 4)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := a.Reopen(); err == nil {
		t.Error("opened anew without its segment")
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := a.Reopen(); err != nil {
		t.Fatal(err)
	}
	fill(t, a, 5)
	want(t, a, 1, 1, 2, 3, 4, 5)
	a.Close()
	if err := a.Reopen(); err == nil {
		t.Error("opened anew after it was closed")
	}
}

func TestFailedRollPoisonsAndHeals(t *testing.T) {
	dir := archive(t, segmentBytes, 1, 2)
	a := open(t, dir)
	a.roll = 1
	// What a crash between the new file and its first frame leaves.
	stray := filepath.Join(dir, segment{first: 3}.name())
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if a.Append(3, payload(3)) == nil {
		t.Fatal("a segment was begun twice")
	}
	a.Close()
	a = open(t, dir)
	if got := names(t, dir); len(got) != 1 || a.Cut() != 0 {
		t.Errorf("left: %v, %d bytes cut", got, a.Cut())
	}
	fill(t, a, 5)
	want(t, a, 1, 1, 2, 5)
}

// A write that fails right after it began a segment leaves readers what there was.
func TestFailedFirstFrameOfASegment(t *testing.T) {
	a := open(t, archive(t, segmentBytes, 1))
	if err := a.begin(2); err != nil {
		t.Fatal(err)
	}
	a.file.Close()
	if a.Append(2, payload(2)) == nil {
		t.Fatal("a write to a closed file succeeded")
	}
	want(t, a, 1, 1)
	if _, err := a.ReadGroup(2); !errors.Is(err, errNoGroup) {
		t.Errorf("read: %v", err)
	}
}

func TestAForeignNameIsRefused(t *testing.T) {
	for _, name := range []string{"1.records", "x.records", "00000000000000000000.records", "+0000000000000000001.records"} {
		dir := archive(t, segmentBytes, 1)
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil {
			t.Errorf("%q was taken for a segment", name)
		}
	}
}

// Readers and the writer share an archive; run with -race.
func TestReadersBesideTheWriter(t *testing.T) {
	a := open(t, archive(t, 500))
	a.roll = 500
	done := make(chan error)
	go func() {
		var err error
		for g := uint64(1); g <= 100 && err == nil; g++ {
			err = a.Append(g, payload(g))
		}
		done <- err
	}()
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
			got := numbers(t, a, 1)
			if !slices.Equal(got, groups(1, uint64(len(got)))) {
				t.Fatalf("read %v", got)
			}
		}
	}
	want(t, a, 1, groups(1, 100)...)
}
