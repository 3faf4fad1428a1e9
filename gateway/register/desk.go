package register

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Bounds of a desk's entry.
const (
	maxLanguages = 32
	maxOpening   = 4 << 10 // bytes of an opening key's string
	maxVersion   = 99
)

// A Function is what a desk is for.
type Function string

// functions is the closed list of what a desk may be for.
var functions = []Function{"spoc", "ncb", "sirene", "enu", "liaison", "mission", "organisation"}

// A Desk is an entry of a party that says who a desk is: its place in the
// directory, when it ends, and, by the desk's own signed request, its keys. It replaces
// the desk's entry before.
type Desk struct {
	Link
	Directory
	Until signed.Time // from then on no message passes; zero: no end
	Card  []byte      // the request, with its signatures

	// As the request says.
	Address signed.Address
	Zone    Zone
	DeskKeys
	request *Request
}

// wordsAfterEnd is how long after its end a desk may still connect: what was accepted
// before gets its consignment and its end.
const wordsAfterEnd = 60 * 24 * time.Hour

// NewDesk makes the entry of a desk of its request, which it reads and does not verify.
func NewDesk(l Link, d Directory, until signed.Time, request []byte) (*Desk, error) {
	desk := &Desk{Link: l, Directory: d, Until: until, Card: request}
	return desk, desk.read()
}

// read takes from the request what it says.
func (d *Desk) read() error {
	_, c, err := readNote(d.Card, maxRequest, requestForm.Parse)
	if err != nil {
		return err
	}
	d.Address, d.Zone, d.DeskKeys, d.request = c.Address, c.Zone, c.DeskKeys, c
	return nil
}

// A Directory is what colleagues look up about a desk.
type Directory struct {
	Title     string
	Functions []Function
	Languages []string // primary tags of BCP 47, the preferred first
	Hours     string   // "24/7"
	Telephone string   // that answers at night
}

// DeskKeys are the public halves of a desk's rings.
type DeskKeys struct {
	Message     []*signed.PublicKey // locked ring; the first one signs statements too
	Consignment []*signed.PublicKey // online ring
	TLS         signed.Hash         // online ring: SHA-256 of the connection's key in PKIX DER
	Opening     string              // locked ring; opaque here, seal reads it
	Versions    []int64             // versions of the forms that the desk speaks, ascending
}

// of returns the keys of a use.
func (k *DeskKeys) of(use signed.Use) []*signed.PublicKey {
	switch use {
	case signed.UseMessage:
		return k.Message
	case signed.UseStatement:
		return k.Message[:len(signed.Uses[use])]
	case signed.UseConsignment:
		return k.Consignment
	}
	return nil
}

// OpeningID names the opening key, as headers do.
func (k *DeskKeys) OpeningID() envelope.KeyID { return envelope.KeyIDOf(k.Opening) }

func (d *Desk) Text() string { return deskForm.Text(d) }
func (*Desk) author() author { return byParty }

var deskForm = signed.Form[Desk]{Title: "samband/desk/v1", Lines: func(d *Desk, l *signed.Lines) {
	d.Link.lines(l)
	d.Directory.lines(l)
	l.Optional("until", !d.Until.IsZero()).Time(&d.Until)
	l.Line("request").Bytes(&d.Card, maxRequest)
}, Check: (*Desk).read}

func (d *Directory) lines(l *signed.Lines) {
	l.Line("title").Quoted(&d.Title)
	signed.Repeat(l, "function", 1, len(functions), signed.Distinct, &d.Functions, func(f *Function) {
		signed.OneOf(l.Line("function"), f, functions...)
	})
	signed.Repeat(l, "language", 1, maxLanguages, signed.Distinct, &d.Languages, func(s *string) {
		signed.Value(l.Line("language"), "two or three letters", s, signed.Same, parseLanguage)
	})
	l.Line("hours").Quoted(&d.Hours)
	l.Line("telephone").Quoted(&d.Telephone)
}

// keyLines are those of the keys that sign.
func (k *DeskKeys) keyLines(l *signed.Lines, desk signed.Address) {
	k.lines(l, desk, signed.UseMessage, &k.Message)
	k.lines(l, desk, signed.UseConsignment, &k.Consignment)
}

func (k *DeskKeys) lines(l *signed.Lines, desk signed.Address, use signed.Use, keys *[]*signed.PublicKey) {
	l.Keys(keys, use, func(int) string {
		l.Line("key").Is(string(use))
		return string(desk)
	})
}

func (k *DeskKeys) openingLines(l *signed.Lines) {
	signed.Value(l.Line("opening"), openingWords, &k.Opening, signed.Same, parseOpening)
	signed.Rest(l.Line("versions"), versionsWords, &k.Versions, formatVersions, parseVersions)
}

var (
	openingWords  = fmt.Sprintf("any bytes of at most %d", maxOpening)
	versionsWords = fmt.Sprintf("numbers from 1 to %d, ascending", maxVersion)
)

var languageForm = regexp.MustCompile(`^[a-z]{2,3}$`)

func parseLanguage(s string) (string, error) {
	if !languageForm.MatchString(s) {
		return "", errors.New("a language is not two or three lower-case letters")
	}
	return s, nil
}

func parseOpening(s string) (string, error) {
	if len(s) > maxOpening {
		return "", fmt.Errorf("an opening key passes %d bytes", maxOpening)
	}
	return s, nil
}

func formatVersions(versions []int64) string {
	words := make([]string, len(versions))
	for i, v := range versions {
		words[i] = signed.FormatInt(v)
	}
	return strings.Join(words, " ")
}

func parseVersions(s string) ([]int64, error) {
	var versions []int64
	var last int64
	for word := range strings.SplitSeq(s, " ") {
		v, err := signed.ParseInt(word)
		if err != nil {
			return nil, err
		}
		if v <= last || v > maxVersion {
			return nil, fmt.Errorf("versions do not ascend from 1 to at most %d", maxVersion)
		}
		versions, last = append(versions, v), v
	}
	return versions, nil
}

// check lets a key stay if it is in force and its ring is not revoked; any
// other must be new to the register, an opening key to the desk.
func (d *Desk) check(s *state) error {
	if d.request.Exchange != s.exchange {
		return problem.New(problem.WrongExchange, "the desk's request is of another exchange")
	}
	if d.Address.Party() != d.Signers[0] {
		return notEntitled("%s is not a desk of %s", d.Address, d.Signers[0])
	}
	n, err := signed.ParseNote(d.Card)
	if err != nil {
		return err
	}
	if err := d.request.verify(n); err != nil {
		return err
	}
	var kept DeskKeys
	known := s.desk(d.Address)
	if before, ok := known.entry.now(); ok {
		if !known.isRevoked(Locked) {
			kept.Message, kept.Opening = before.Message, before.Opening
		}
		if !known.isRevoked(Online) {
			kept.Consignment, kept.TLS = before.Consignment, before.TLS
		}
	}
	keys := append(changed(d.Message, kept.Message), changed(d.Consignment, kept.Consignment)...)
	if err := s.keys.fresh(keys...); err != nil {
		return err
	}
	if d.Opening != kept.Opening {
		if err := s.keys.freshOpening(d.Address, d.Opening); err != nil {
			return err
		}
	}
	if d.TLS != kept.TLS {
		return s.keys.freshTLS(d.TLS)
	}
	return nil
}

func (d *Desk) apply(s *state, at place) {
	known := s.desks[d.Address]
	if known == nil {
		known = &desk{}
		s.desks[d.Address] = known
		s.order = append(s.order, d.Address)
	}
	known.entry.set(at.index, d)
	for ring := range known.revoked {
		known.revoked[ring].end(at.index) // its keys are new, or check had refused
	}
	s.keys.note(slices.Concat(d.Message, d.Consignment)...)
	s.keys.noteOpening(d.Address, d.Opening)
	s.keys.noteTLS(d.TLS)
	s.callers[d.TLS] = d.Address
}
