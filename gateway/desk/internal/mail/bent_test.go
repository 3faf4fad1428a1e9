package mail_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/schema"
)

// A desk verifies its own envelope before it submits it. Where a signature was bent on its
// disk or in its memory it signs the same text again, once its ring is unlocked, and the
// broker never sees the bent bytes: it would refuse them for good.
func TestBentSignatureIsMadeAgain(t *testing.T) {
	for name, key := range map[string]int{"Ed25519": 0, "ML-DSA-65": 1} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			reg := must(register.Replay(append([][]byte{h.Federation()}, h.Entries...)))
			view := reg.Now()
			typ, _ := view.Type("SPONTANEOUS")
			var e *envelope.Envelope
			must(0, h.ring.Use(func(ring *keys.Locked) error {
				fi := gatewaytest.KeyedDesk{Address: "fi.spoc", Exchange: reg.Exchange(), Message: ring.Message}
				head := (&auditlog.Range{}).Head(reg.Federation().Audit.Name)
				header := must(fi.Header(view, head, "se.spoc", typ.Name, time.Now()))
				e = must(fi.Sign(*header, []byte("sealed")))
				return nil
			}))
			sig := slices.Clone(e.Note.Signatures[key].Sig)
			sig[len(sig)/2] ^= 1
			e.Note.Signatures[key].Sig = sig
			known, ok := schema.Embedded().FindHash(typ.Hash)
			if !ok {
				t.Fatal("the type is not embedded")
			}
			h.ring.Set(nil)
			h.run()
			h.await("knows its own entry", func() bool { return h.room.Logs().Register().Size() == reg.Size() })
			must(0, h.room.Queues(e, known, store.Facts{}))
			sent := func() (r store.Row) {
				must(0, h.room.Store.View(func(tx *store.Tx) (err error) { r, err = tx.Sent(e.ID); return err }))
				return r
			}
			h.await("waiting for its ring", func() bool { return sent().Code == problem.DeskLocked })
			h.ring.Set(must(keys.Unlock(filepath.Join(h.DeskDir("fi.spoc"), "keys"), []byte(gatewaytest.Passphrase))))
			h.room.Unlocked()
			h.await("accepted", func() bool { return sent().State == client.Accepted })
			must(0, h.room.Store.View(func(tx *store.Tx) error {
				stored, err := envelope.Parse(must(tx.Envelope(e.TextHash())))
				if err != nil || view.VerifyMessage(stored) != nil {
					t.Errorf("it keeps signatures that don't verify: %v", err)
				}
				accepted := must(tx.Proven(e.TextHash(), envelope.Accepted))
				if accepted.Index != 0 {
					t.Errorf("entry %d accepts it, so something was logged before", accepted.Index)
				}
				return nil
			}))
		})
	}
}
