package register

import (
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// MaxTypes bounds a catalogue, and what one agreement permits.
const MaxTypes = 512

// A Catalogue is an entry of the root that lists the message types of the
// exchange. It replaces the one before.
type Catalogue struct {
	Link
	Types []envelope.TypeRef // each name and version once
}

func (*Catalogue) author() author { return byRoot }

// Text writes the entry.
func (c *Catalogue) Text() string {
	w := c.write(CatalogueForm)
	for _, t := range c.Types {
		w.Line("type", t.Values()...)
	}
	return w.Text()
}

func readCatalogue(r *signed.Reader) *Catalogue {
	c := &Catalogue{Link: readLink(r)}
	known := map[[2]string]bool{}
	for first := true; first || r.Peek() == "type"; first = false {
		v := r.Line("type", 3)
		if v == nil {
			break
		}
		t := envelope.TypeRef{Name: r.Word(v[0]), Version: r.Word(v[1]), Hash: r.Hash(v[2])}
		if known[[2]string{t.Name, t.Version}] {
			r.Fail(problem.New(problem.TextMalformed, "lines %q repeat", "type"))
		}
		if len(c.Types) == MaxTypes {
			r.Fail(problem.New(problem.Oversize, "more than %d lines %q", MaxTypes, "type"))
		}
		known[[2]string{t.Name, t.Version}] = true
		c.Types = append(c.Types, t)
	}
	return c
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
