package mail

import (
	"errors"
	"sync"

	"samband/gateway/api"
	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// wanted are texts whose bytes the broker or a receiver lost: the progress feed
// hears of them, and the outbox sends them once more.
type wanted struct {
	mu    sync.Mutex
	texts []api.Again
}

func (w *wanted) add(again []api.Again) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, again...)
}

func (w *wanted) any() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.texts) > 0
}

// take returns the first, at most so many.
func (w *wanted) first(most int) []api.Again {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.texts[:min(most, len(w.texts))]
	w.texts = w.texts[len(first):]
	return first
}

// wantedAgain is a group of what is wanted again and this desk still has. What does
// not get through is asked for again.
func (o *outbox) wantedAgain() (group []submission, err error) {
	for _, a := range o.again.first(min(o.most, api.MaxSequence/(4+api.MaxEnvelope))) {
		row, b, err := o.ofText(a.Message, a.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e, err := parseStored(b, a.Message)
		if err != nil {
			o.Log.Error("a message that is wanted again can't be read", "id", a.ID, "problem", err.Error())
			continue
		}
		o.Log.Info("sent again, as the broker asked", "id", a.ID)
		group = append(group, submission{row, e, b})
	}
	return group, nil
}

func (o *outbox) ofText(textHash signed.Hash, id signed.ID) (row store.Row, b []byte, err error) {
	err = o.Store.View(func(tx *store.Tx) error {
		if row, err = tx.OfText(false, textHash); err != nil {
			return err
		}
		if row.ID != id {
			return store.ErrNotFound
		}
		b, err = tx.Envelope(textHash)
		return err
	})
	return row, b, err
}
