package table

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"samband/gateway/hit"
)

// Desks that open the file and an importer that fills it may all be the first.
func TestMadeTogether(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "hits.db")
		var all sync.WaitGroup
		for n := range 6 {
			all.Go(func() {
				if n > 0 {
					table, err := Open(path)
					if err != nil {
						t.Error(err)
						return
					}
					defer table.Close()
				} else if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate\nV-1,MLB 84A\n"), Options{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}
