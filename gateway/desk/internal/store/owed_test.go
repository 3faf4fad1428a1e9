package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// fill puts so many sent messages into a database: a share of them open.
func fill(t testing.TB, s *Store, n, open int) {
	t.Helper()
	err := s.UpdateUnsynced(func(tx *Tx) error {
		for i := range n {
			hash := signed.HashOf(fmt.Sprint(i))
			if err := tx.AddText(hash, []byte("note"), []byte("sealed")); err != nil {
				return err
			}
			r := Row{
				ID: signed.ID(hash[:16]), Send: fmt.Sprint(i), From: "se.spoc", To: "fi.spoc", TextHash: hash, State: client.HandedOver,
				Stands: noon.Add(time.Duration(i) * time.Second), Expires: noon.Add(7 * 24 * time.Hour), Urgent: i%10 == 0,
			}
			if i < open {
				r.State = client.Accepted
			}
			if err := tx.Add(&r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Of 100,000 messages what is owed is counted from the index alone: no row of those that
// ended is looked at.
func BenchmarkCountOwed(b *testing.B) {
	for _, owed := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("open=%d", owed), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "desk.db"))
			fill(b, s, 100_000, owed)
			late := noon.Add(30 * 24 * time.Hour)
			for b.Loop() {
				n := 0
				err := s.View(func(tx *Tx) error {
					for _, state := range []client.State{client.Queued, client.Accepted, client.Consigned} {
						for _, urgent := range []bool{true, false} {
							found, err := tx.CountOwed(state, urgent, late, late)
							if err != nil {
								return err
							}
							for _, o := range found {
								n += o.N
							}
						}
					}
					return nil
				})
				if err != nil || n != owed {
					b.Fatalf("%d are owed, %v", n, err)
				}
			}
		})
	}
}
