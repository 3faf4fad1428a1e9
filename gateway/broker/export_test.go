package broker

import (
	"context"
	"errors"

	"samband/gateway/broker/internal/store"
)

// HasGroup tells whether JOURNAL still holds a group.
func (b *Broker) HasGroup(number uint64) bool {
	_, err := b.store.Read(context.Background(), number)
	return !errors.Is(err, store.ErrGone)
}

// LastGroup is the number of the last group.
func (b *Broker) LastGroup() uint64 {
	n, err := b.store.Last(context.Background())
	if err != nil {
		panic(err)
	}
	return n
}

// WriteSettings writes a broker's settings anew.
func WriteSettings(dir string, s Settings) error {
	return write(folder(dir).settings(), []byte(s.text()), 0o644)
}
