package mail_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A mute broker hears no word.
type mute struct{ mail.Broker }

func (mute) State(context.Context, api.Heads, [][]byte) (*api.StateAnswer, error) {
	return nil, api.ErrUnreachable
}

// A word that was refused is signed anew and stored before it is said. One whose first
// note was proven meanwhile is not stored, and is never said.
func TestSaidOnceStored(t *testing.T) {
	for name, proven := range map[string]bool{"it waits still": false, "its first note is proven meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			h.ring.Set(nil)
			h.room.Broker = mute{h.room.Broker}
			sent := h.sends(1)[0]
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { h.room.Run(ctx) })
			h.await("signed", func() bool { return h.row(sent).Unproven.Event == envelope.Consigned })
			cancel()
			all.Wait()
			first := h.row(sent)

			now := sync.OnceValue(func() time.Time { // the word is being signed
				if proven {
					must(0, h.room.Store.Update(func(tx *store.Tx) error {
						r, err := tx.Received(first.From, sent)
						r.Unproven = store.Statement{}
						if err == nil {
							err = tx.Put(&r)
						}
						return err
					}))
				}
				return time.Now().Add(time.Second)
			})
			h.room.Now = now
			said := must(h.room.SaysAnew(first.Seq, envelope.Consigned))
			stored := h.row(sent).Unproven.Note
			if proven {
				if len(said) != 0 || len(stored) != 0 {
					t.Errorf("it says %q, and has stored %q", said, stored)
				}
				return
			}
			if len(said) != 1 || !bytes.Equal(said[0], stored) || bytes.Equal(stored, first.Unproven.Note) {
				t.Errorf("it says %q, and has stored %q", said, stored)
			}
			must(0, h.room.Store.View(func(tx *store.Tx) error {
				for _, note := range [][]byte{first.Unproven.Note, stored} {
					if known, err := tx.Said(signed.HashOf(note)); !known {
						t.Errorf("it does not know a note for its own: %v", err)
					}
				}
				return nil
			}))
		})
	}
}
