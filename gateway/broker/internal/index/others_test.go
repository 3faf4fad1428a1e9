package index

import (
	"path/filepath"
	"slices"
	"testing"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

// Whoever neither sent nor received a message gets the answer that a message gets
// which isn't there, and by the same way: the message's row is not read. It is bent
// here, so that whoever reads it fails.
func TestAnothersMessageIsNotRead(t *testing.T) {
	h := makeHistory([]byte{0, 0, 0, 0, 9, 0, 11, 1}) // accept; group
	x := rebuild(t, filepath.Join(t.TempDir(), "index.db"), h)
	defer x.Close()
	m := h.sent[0]
	others := slices.DeleteFunc(slices.Clone(desks), func(d signed.Address) bool { return d == m.from || d == m.to })
	if _, err := x.write.Exec("UPDATE messages SET id = x'00', expires = 'soon'"); err != nil {
		t.Fatal(err)
	}
	for _, desk := range []signed.Address{m.from, m.to, journal.Broker} {
		if _, err := x.Message(desk, m.hash); err == nil {
			t.Errorf("%q does not read the row", desk)
		}
	}
	for _, hash := range []signed.Hash{m.hash, signed.HashOf("none")} {
		for _, desk := range others {
			if got, err := x.Message(desk, hash); got != nil || err != nil {
				t.Errorf("%s: %v, %v", desk, got, err)
			}
			if open, err := x.Want(desk, hash, start); open || err != nil {
				t.Errorf("%s wants: %v, %v", desk, open, err)
			}
		}
	}
}
