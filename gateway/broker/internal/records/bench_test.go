package records

import (
	"bytes"
	"fmt"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{6 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			a, err := Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close()
			data := bytes.Repeat([]byte("x"), size)
			b.SetBytes(int64(size))
			for group := uint64(1); b.Loop(); group++ {
				if err := a.Append(group, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	a, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	const frames = 2000
	for group := range uint64(frames) {
		if err := a.Append(group+1, bytes.Repeat([]byte("x"), 6<<10)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Each", func(b *testing.B) {
		b.SetBytes(size(a))
		for b.Loop() {
			if err := a.Each(1, func(uint64, []byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReadGroup", func(b *testing.B) {
		for b.Loop() {
			if _, err := a.ReadGroup(frames); err != nil {
				b.Fatal(err)
			}
		}
	})
}
