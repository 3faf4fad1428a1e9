package mail_test

import (
	"context"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A thousand erasures come into the log in as few lists as have room for them, each of one
// size, and each name in one of them.
func TestThousandErasures(t *testing.T) {
	h := newHall(t)
	const n = 1000
	names := map[keys.ErasedName]bool{}
	must(0, h.room.Store.Update(func(tx *store.Tx) error {
		return h.ring.Use(func(ring *keys.Locked) error {
			for i := range n {
				e := store.Erasing{Received: i%2 == 0, From: "se.spoc", ID: signed.NewID(), Since: signed.At(time.Now().Add(-time.Hour))}
				names[ring.ErasedName(e.Received, e.From, e.ID)] = true
				if err := tx.AddErasing(e); err != nil {
					return err
				}
			}
			return nil
		})
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	begin := time.Now()
	go func() { h.room.Run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	for {
		_, changed := h.room.Changed()
		var left int
		must(0, h.room.Store.View(func(tx *store.Tx) (err error) { left, err = tx.CountErasing(); return err }))
		if left == 0 {
			break
		}
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatalf("%d are still owed", left)
		}
	}
	t.Logf("%d erasures were in the log after %s", n, time.Since(begin).Round(time.Millisecond))
	lists := 0
	for after := api.Cursor(0); ; {
		head := h.room.Logs()
		a := must(h.room.Broker.Progress(t.Context(), api.Heads{Audit: head.Audit().Size, Register: head.Register().Size()}, api.Page{After: after, Wait: 10 * time.Second, Limit: api.MaxLimit})) // the index trails the answers
		for _, i := range a.Items {
			p := must(auditlog.ParseProof([]byte(i.Proof)))
			_, s, err := envelope.ReadStatement(i.Note)
			if err != nil || p.Entry.Record.Kind != envelope.Erased || p.Entry.Record.By != "fi.spoc" {
				t.Fatalf("the progress has %+v, %v", i, err)
			}
			lists++
			must(0, h.ring.Use(func(ring *keys.Locked) error {
				for _, name := range must(ring.OpenErased(s.List)) {
					if !names[name] {
						t.Error("a name is of no erasure, or in two lists")
					}
					delete(names, name)
				}
				return nil
			}))
		}
		if after = a.Next; len(a.Items) == 0 || len(names) == 0 {
			break
		}
	}
	if want := (n + keys.MaxErased - 1) / keys.MaxErased; lists != want || len(names) != 0 {
		t.Errorf("there are %d lists, not %d, and %d names are in none", lists, want, len(names))
	}
}
