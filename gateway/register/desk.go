package register

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Bounds of a desk's entry.
const (
	MaxLanguages = 32
	MaxOpening   = 4 << 10 // bytes of an opening key's string
	MaxVersion   = 99
)

// A Function is what a desk is for.
type Function string

// Functions is the closed list of what a desk may be for.
var Functions = []Function{"spoc", "ncb", "sirene", "enu", "liaison", "mission", "organisation"}

// A Desk is an entry of a party that says who a desk is: its place in the
// directory and its keys. It replaces the desk's entry before.
type Desk struct {
	Link
	Address signed.Address
	Directory
	DeskKeys
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
	TLS         signed.Hash         // online ring: of the key that its certificates are for, in PKIX DER
	Opening     string              // locked ring; opaque here, seal reads it
	Versions    []int64             // versions of the forms that the desk speaks, ascending
}

// For returns the keys of a use.
func (k *DeskKeys) For(use signed.Use) []*signed.PublicKey {
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

func (*Desk) author() author { return byParty }

// Text writes the entry.
func (d *Desk) Text() string {
	w := d.Link.write(DeskForm)
	w.Line("desk", string(d.Address))
	d.Directory.write(w)
	d.DeskKeys.write(w)
	return w.Text()
}

func readDesk(r *signed.Reader) *Desk {
	d := &Desk{Link: readLink(r)}
	d.Address = r.Address(one(r, "desk"))
	d.Directory = readDirectory(r)
	d.DeskKeys = readDeskKeys(r, d.Address)
	return d
}

func (d *Directory) write(w *signed.Writer) {
	w.Line("title", signed.Quote(d.Title))
	for _, f := range d.Functions {
		w.Line("function", string(f))
	}
	for _, l := range d.Languages {
		w.Line("language", l)
	}
	w.Line("hours", signed.Quote(d.Hours))
	w.Line("telephone", signed.Quote(d.Telephone))
}

var languageForm = regexp.MustCompile(`^[a-z]{2,3}$`)

func readDirectory(r *signed.Reader) Directory {
	d := Directory{Title: r.Quoted(one(r, "title"))}
	functions := many(r, "function", len(Functions), func(s string) string {
		return string(closed(r, s, Functions...))
	})
	distinct(r, "function", functions)
	for _, f := range functions {
		d.Functions = append(d.Functions, Function(f))
	}
	d.Languages = many(r, "language", MaxLanguages, func(s string) string {
		if !languageForm.MatchString(s) {
			r.Fail(errors.New("a language is not two or three lower-case letters"))
		}
		return s
	})
	distinct(r, "language", d.Languages)
	d.Hours = r.Quoted(one(r, "hours"))
	d.Telephone = r.Quoted(one(r, "telephone"))
	return d
}

func (k *DeskKeys) write(w *signed.Writer) {
	writeKeys(w, k.Message, "key", string(signed.UseMessage))
	writeKeys(w, k.Consignment, "key", string(signed.UseConsignment))
	w.Line("tls", k.TLS.String())
	w.Line("opening", k.Opening)
	versions := make([]string, len(k.Versions))
	for i, v := range k.Versions {
		versions[i] = signed.FormatInt(v)
	}
	w.Line("versions", versions...)
}

func readDeskKeys(r *signed.Reader, desk signed.Address) (k DeskKeys) {
	k.Message = readKeys(r, string(desk), signed.UseMessage, "key", string(signed.UseMessage))
	k.Consignment = readKeys(r, string(desk), signed.UseConsignment, "key", string(signed.UseConsignment))
	k.TLS = r.Hash(one(r, "tls"))
	k.Opening = one(r, "opening")
	if len(k.Opening) > MaxOpening || strings.Contains(k.Opening, " ") {
		r.Fail(errors.New("an opening key is too long or has a space"))
	}
	var last int64
	for _, s := range strings.Split(one(r, "versions"), " ") {
		v := r.Int(s)
		if v <= last || v > MaxVersion {
			r.Fail(errors.New("versions do not ascend from 1"))
		}
		k.Versions, last = append(k.Versions, v), v
		if r.Err() != nil {
			return k
		}
	}
	return k
}

// check lets a key stay where it is in force and its ring is not revoked; any
// other must be new to the register.
func (d *Desk) check(s *state) error {
	if d.Address.Party() != d.Signers[0] {
		return notEntitled("%s is not a desk of %s", d.Address, d.Signers[0])
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
	for _, raw := range [][2]string{{d.Opening, kept.Opening}, {string(d.TLS[:]), string(kept.TLS[:])}} {
		if raw[0] == raw[1] {
			continue
		}
		if err := s.keys.freshRaw([]byte(raw[0])); err != nil {
			return err
		}
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
	s.keys.noteRaw([]byte(d.Opening))
	s.keys.noteRaw(d.TLS[:])
}
