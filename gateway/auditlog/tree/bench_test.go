package tree_test

import (
	"testing"

	"samband/gateway/auditlog/tree"
)

// A group of 64 leaves and the root after it: what the writer waits for.
func BenchmarkAppend64(b *testing.B) {
	tr := open(b, b.TempDir())
	growTo(b, tr, 70000)
	flush(b, tr)
	group := leaves(0, 64)
	for b.Loop() {
		if _, err := tr.Append(group...); err != nil {
			b.Fatal(err)
		}
	}
}

// Proofs for a group just appended, each under the head after it.
func BenchmarkProve64(b *testing.B) {
	tr := open(b, b.TempDir())
	growTo(b, tr, 70000)
	flush(b, tr)
	growTo(b, tr, 70064)
	for b.Loop() {
		for i := int64(70000); i < 70064; i++ {
			if _, err := tr.Prove(i, 70064); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A proof whose tiles lie in files, most of them read lately.
func BenchmarkProveOld(b *testing.B) {
	tr := open(b, b.TempDir())
	growTo(b, tr, 70000)
	flush(b, tr)
	for i := int64(0); b.Loop(); i++ {
		if _, err := tr.Prove(i*7919%70000, 70000); err != nil {
			b.Fatal(err)
		}
	}
}

// A flush of 1,000 new leaves with its checkpoint.
func BenchmarkFlush1000(b *testing.B) {
	tr := open(b, b.TempDir())
	for b.Loop() {
		n := tr.Head().Size
		growTo(b, tr, n+1000)
		flush(b, tr)
	}
}

func BenchmarkRebuild70000(b *testing.B) {
	for b.Loop() {
		tr, err := tree.Rebuild(b.TempDir(), testKey(b).Public, sequence(70000))
		if err != nil {
			b.Fatal(err)
		}
		flush(b, tr)
	}
}
