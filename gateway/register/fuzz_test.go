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
	f.Add(with(x.revoke("root", "fi", ringAll), func(v *Revocation) { v.SuspectedSince = noon }).Text())
	f.Add(x.servers(1, 2, 3).Text())
	f.Add(with(x.desk("fi.ncb", 0), func(d *Desk) { d.Until = noon }).Text())
	f.Add((&Clock{Link: x.root(), Audit: 4711, Time: noon}).Text())
	f.Fuzz(func(t *testing.T, text string) {
		read := func() (interface{ Text() string }, error) { return ParseEntry(text) }
		if signed.FirstLine(text) == FederationForm {
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
	f.Add(x.sign(x.servers(1, 1, 2)))
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
			if signed.FirstLine(c.Text()) != form || !bytes.HasPrefix(card, []byte(c.Text()+"\n")) {
				t.Fatalf("read:\n%s\nwritten:\n%s", card, c.Text())
			}
		}
	})
}

// FuzzParseFederation: a federation file that is taken, as a whole note, is
// written as it was read, and its founders signed it.
func FuzzParseFederation(f *testing.F) {
	x := settled(f)
	good := x.Entries(0)[0]
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), '\n'))
	f.Add(bytes.Replace(good, []byte("threshold 1"), []byte("threshold 2"), 1))
	f.Add(bytes.Replace(good, []byte("policy logged"), []byte("policy none"), 1))
	text, _, _ := bytes.Cut(good, []byte("\n\n"))
	f.Add(append(bytes.Clone(text), '\n'))
	f.Add(x.Entries(0)[1])
	f.Fuzz(func(t *testing.T, note []byte) {
		fed, err := ParseFederation(note)
		if err != nil {
			if _, named := problem.Of(err); !named {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		if !bytes.HasPrefix(note, []byte(fed.Text()+"\n")) {
			t.Fatalf("read:\n%s\nwritten:\n%s", note, fed.Text())
		}
		n, err := signed.ParseNote(note)
		if err != nil {
			t.Fatal(err)
		}
		var founders []*signed.PublicKey
		for _, f := range fed.Founders {
			founders = append(founders, f.Keys...)
		}
		if err := signed.Verify(n, founders); err != nil || !bytes.Equal(n.Bytes(), note) {
			t.Fatalf("taken, and it is not what its founders signed: %v\n%s", err, note)
		}
	})
}
