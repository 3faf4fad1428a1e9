package schema

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Declares is the type by which the recipient of t says how it reaches what t asks
// for: a reply to t whose body has a place for it. None: no reply has.
func (l *Library) Declares(t *Type) (*Type, bool) {
	types := l.loaded.Load().types
	i := slices.IndexFunc(types, func(r *Type) bool { return slices.Contains(t.file.Replies, r.Name) && r.Declares() })
	if i < 0 {
		return nil, false
	}
	return types[i], true
}

// Declaration is a body of t that says how its sender reaches what a request asks for
// and nothing else. Fill adds what a reply repeats. The desk knows no reference of its
// own: it gives the one that the request knows it by, else the request's.
func (t *Type) Declaration(request *Body, a Access) []byte {
	body := map[string]any{
		t.Shape.top(ourReference): cmp.Or(request.Summary.YourReference, request.Summary.OurReference),
		t.Shape.top(access):       strings.ToUpper(string(a)),
	}
	asked, _ := request.doc.(map[string]any)
	for _, f := range t.Shape.Fields {
		if theirs := request.typ.Shape.Field(f.Name); f.Shape.has(handling) && theirs != nil && theirs.has(handling) {
			body[f.Name] = asked[f.Name] // its restrictions bind what is said of it
		}
	}
	b, _ := json.Marshal(body) // a body that was read always encodes
	return b
}

// Declares reports whether a message of t may say how its sender reaches what was asked
// for.
func (t *Type) Declares() bool { return t.Shape.top(access) != "" }
