package register

import (
	"bytes"
	"testing"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// FuzzParseEntry: whatever is read as an entry is written again byte for byte,
// and whatever is refused has a code.
func FuzzParseEntry(f *testing.F) {
	x := settled(f)
	for _, e := range x.Entries(0) {
		n, err := signed.ParseNote(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(n.Text)
	}
	f.Add(x.revoke("fi", "fi.spoc", RingOnline).Text())
	f.Add(preSigned(x, "fi", "fi.spoc").Text())
	f.Add(with(x.revoke("root", "fi", RingAll), func(v *Revocation) { v.SuspectedSince = noon }).Text())
	f.Fuzz(func(t *testing.T, text string) {
		read := func() (interface{ Text() string }, error) { return ParseEntry(text) }
		if signed.FormOf(text) == FederationForm {
			read = func() (interface{ Text() string }, error) { return ParseFederationText(text) }
		}
		e, err := read()
		if err != nil {
			if _, named := problem.Of(err); !named {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		if e.Text() != text {
			t.Fatalf("read:\n%s\nwritten:\n%s", text, e.Text())
		}
		if fed, ok := e.(*Federation); ok {
			_ = fed.Check()
		} else if e, ok := e.(Entry); ok {
			_ = e.check(x.state)
		}
	})
}

// FuzzAppend: no bytes bring a register out of step.
func FuzzAppend(f *testing.F) {
	x := settled(f)
	f.Add(x.sign(x.desk("fi.ncb", 0)))
	f.Add(x.sign(x.ca("fi", "fi2")))
	f.Add(x.Entries(0)[0])
	f.Fuzz(func(t *testing.T, note []byte) {
		err := x.Check(note)
		if _, named := problem.Of(err); err != nil && !named {
			t.Fatalf("refused without a code: %v", err)
		}
	})
}

// FuzzParseCard: a card that is read is written and signed as it was.
func FuzzParseCard(f *testing.F) {
	for _, c := range sampleCards(f) {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, card []byte) {
		for form, read := range cardReaders {
			c, err := read(card)
			if err != nil {
				if _, named := problem.Of(err); !named {
					t.Fatalf("refused without a code: %v", err)
				}
				continue
			}
			if signed.FormOf(c.Text()) != form || !bytes.HasPrefix(card, []byte(c.Text()+"\n")) {
				t.Fatalf("read:\n%s\nwritten:\n%s", card, c.Text())
			}
		}
	})
}
