package register

import (
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// maxTypes bounds a catalogue, and what one agreement permits.
const maxTypes = 512

// A Catalogue is an entry of the root that lists the message types of the
// exchange, and the bundle that has their files. It replaces the one before.
type Catalogue struct {
	Link
	Bundle schema.BundleHash
	Types  []envelope.TypeRef // each name and version once
}

func (c *Catalogue) Text() string { return catalogueForm.Text(c) }
func (*Catalogue) author() author { return byRoot }

var catalogueForm = signed.Form[Catalogue]{Title: "samband/catalogue/v1", Lines: func(c *Catalogue, l *signed.Lines) {
	c.Link.lines(l)
	signed.Value(l.Line("bundle"), "`h1:` and base64 of 32 bytes", &c.Bundle, bundleOrNone, schema.ParseBundleHash)
	signed.Repeat(l, "type", 1, maxTypes, signed.AnyOrder, &c.Types, func(t *envelope.TypeRef) { t.Values(l.Line("type")) })
}, Check: func(c *Catalogue) error {
	known := map[[2]string]bool{}
	for _, t := range c.Types {
		if known[[2]string{t.Name, t.Version}] {
			return problem.New(problem.TextMalformed, "lines %q repeat", "type")
		}
		known[[2]string{t.Name, t.Version}] = true
	}
	return nil
}}

// bundleOrNone writes the zero hash as none, so that none is read.
func bundleOrNone(h schema.BundleHash) string {
	if h == (schema.BundleHash{}) {
		return "-"
	}
	return h.String()
}

func (*Catalogue) check(*state) error { return nil }

func (c *Catalogue) apply(s *state, at place) { s.catalogue.set(at.index, c) }

// newest returns the last type of a name.
func (c *Catalogue) newest(name string) (t envelope.TypeRef, ok bool) {
	for _, u := range c.Types {
		if u.Name == name {
			t, ok = u, true
		}
	}
	return t, ok
}
