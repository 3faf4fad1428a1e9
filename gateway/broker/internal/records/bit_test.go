package records

import (
	"bytes"
	"testing"
)

// Each bit of a frame, flipped, is put right; two are not.
func TestPutRight(t *testing.T) {
	frame := appendFrame(nil, 6, payload(6))
	for at := range len(frame) * 8 {
		bent := append(bytes.Clone(frame), "what follows"...)
		bent[at/8] ^= 1 << (at % 8)
		if got := putRight(bent); !bytes.Equal(got, frame) {
			t.Fatalf("bit %d is not put right", at)
		}
		bent[headerSize+(at/8+5)%len(payload(6))] ^= 0x81
		if got := putRight(bent); got != nil && bytes.Equal(got, frame) {
			t.Fatalf("bit %d and two more were put right", at)
		}
	}
	if putRight(frame) != nil {
		t.Error("a frame that is whole has no wrong bit")
	}
}

// A wrong bit in the last frame is none that a crash left: the frame is not cut off but put right.
func TestWrongBitInTheLastFrame(t *testing.T) {
	dir := archive(t, segmentBytes, 1, 2, 3)
	path, data := contents(t, dir)
	for at := (len(data) - frameSize(3)) * 8; at < len(data)*8; at += 5 {
		bent := bytes.Clone(data)
		bent[at/8] ^= 1 << (at % 8)
		rewrite(t, path, bent)
		a := open(t, dir)
		want(t, a, 1, 1, 2, 3)
		if a.Cut() != 0 || !a.PutRight() {
			t.Fatalf("bit %d: %d bytes were cut", at, a.Cut())
		}
		a.Close()
		if _, got := contents(t, dir); !bytes.Equal(got, data) {
			t.Fatalf("bit %d is not put right on the disk", at)
		}
	}
}
