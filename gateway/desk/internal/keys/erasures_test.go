package keys

import (
	"bytes"
	"slices"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

func ring(t testing.TB) *Locked {
	l, err := newLocked("se.spoc")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func namesOf(l *Locked, n int) (names []ErasedName) {
	for i := range n {
		names = append(names, l.ErasedName(i%2 == 0, "fi.spoc", signed.ID{1, byte(i), byte(i >> 8)}))
	}
	slices.SortFunc(names, func(a, b ErasedName) int { return bytes.Compare(a[:], b[:]) })
	return names
}

// A list of any number of names has one size, is another each time, and opens with this
// ring alone.
func TestErasedLists(t *testing.T) {
	l, other := ring(t), ring(t)
	for _, n := range []int{0, 1, 2, 63, MaxErased} {
		names := namesOf(l, n)
		list := l.SealErased(names)
		if len(list) != envelope.ErasureList {
			t.Errorf("a list of %d has %d bytes", n, len(list))
		}
		if bytes.Equal(list, l.SealErased(names)) {
			t.Error("a nonce was used twice")
		}
		if got, err := l.OpenErased(list); err != nil || !slices.Equal(got, names) {
			t.Errorf("of %d names come %d, %v", n, len(got), err)
		}
		if _, err := other.OpenErased(list); err == nil {
			t.Error("it opens with another storage key")
		}
	}
	list := l.SealErased(namesOf(l, 3))
	for _, bad := range [][]byte{nil, list[:12], list[:len(list)-1], append(bytes.Clone(list), 0)} {
		if _, err := l.OpenErased(bad); err == nil {
			t.Errorf("%d bytes open", len(bad))
		}
	}
	for _, at := range []int{0, 12, len(list) - 1} {
		bent := bytes.Clone(list)
		bent[at] ^= 1
		if _, err := l.OpenErased(bent); err == nil {
			t.Errorf("it opens with byte %d damaged", at)
		}
	}
	if _, err := l.OpenErased(l.seal(make([]byte, MaxErased*16), []byte(erasuresV1+"\n"))); err == nil {
		t.Error("what the storage key itself sealed opens as a list")
	}
}

// A name stands for one direction, sender and id, at one desk.
func TestErasedNames(t *testing.T) {
	l, other := ring(t), ring(t)
	id := signed.ID{1, 2, 3}
	name := l.ErasedName(true, "fi.spoc", id)
	if l.ErasedName(true, "fi.spoc", id) != name {
		t.Error("one message has two names")
	}
	for what, n := range map[string]ErasedName{
		"sent":           l.ErasedName(false, "fi.spoc", id),
		"another sender": l.ErasedName(true, "fi.spo", id),
		"another id":     l.ErasedName(true, "fi.spoc", signed.ID{1, 2, 4}),
		"another desk":   other.ErasedName(true, "fi.spoc", id),
	} {
		if n == name {
			t.Errorf("%s: the same name", what)
		}
	}
}

// What a list says has one spelling.
func FuzzErasedList(f *testing.F) {
	l := ring(f)
	whole := func(names ...ErasedName) []byte {
		b := make([]byte, 0, MaxErased*16)
		for _, n := range names {
			b = append(b, n[:]...)
		}
		return b[:cap(b)]
	}
	f.Add(whole())
	f.Add(whole(namesOf(l, 3)...))
	f.Add(whole(namesOf(l, MaxErased)...))
	f.Add(whole(ErasedName{}, ErasedName{1}))
	f.Add(whole(ErasedName{2}, ErasedName{1}))
	f.Add(whole(ErasedName{1}, ErasedName{1}))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, plain []byte) {
		names, err := parseErased(plain)
		if err != nil {
			return
		}
		if !bytes.Equal(whole(names...), plain) {
			t.Error("a list has two spellings")
		}
	})
}
