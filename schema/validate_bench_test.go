package schema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkValidate measures for each type what Read costs of one body, beside what the
// standard library takes to parse the same bytes: x-parse is the ratio, in one run.
func BenchmarkValidate(b *testing.B) {
	for _, typ := range Embedded().Types() {
		paths, err := filepath.Glob(filepath.Join("testdata", "types", typ.Name, "*.json"))
		if err != nil || len(paths) == 0 {
			continue // its samples are those of the case
		}
		body, err := os.ReadFile(paths[0])
		if err != nil {
			b.Fatal(err)
		}
		b.Run(typ.Name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			var read, parsed time.Duration
			for b.Loop() {
				begin := time.Now()
				if _, err := typ.Read(body); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				var v any
				if err := json.Unmarshal(body, &v); err != nil {
					b.Fatal(err)
				}
				read, parsed = read+middle.Sub(begin), parsed+time.Since(middle)
			}
			b.ReportMetric(float64(read)/float64(parsed), "x-parse")
			b.ReportMetric(float64(read.Microseconds())/float64(b.N), "µs-read")
		})
	}
}
