// Package seen finds the persons, vehicles, documents and numbers of a message in a
// desk's other opened mail (Directive (EU) 2023/977 Art. 16(1)): whom two conversations
// are about, an officer should know.
//
//	x := seen.New()
//	x.Add(seen.Message{Text: hash, Conversation: id}, body.Subjects())
//	for _, m := range x.Find(message, subjects) { … } // of other conversations
//
// It stands in memory alone, is made anew after each unlock, and nothing of it is ever
// written: whoever takes a locked desk's disk finds nothing, and what is erased is gone
// from it at once.
//
// Persons, vehicles, documents and firearms are compared by the published rule of package
// hit: the same, or near. Other things are the same if the letters and digits of their
// numbers are, whatever stands between them; of telephone numbers the last nine digits
// count, since the beginning is written in many ways.
package seen

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"samband/gateway/hit"
	"samband/gateway/signed"
	"samband/schema"
)

// A Message is one that was opened.
type Message struct {
	Text         signed.Hash
	Conversation signed.ID
}

// A Match is somebody or something of one message in another.
type Match struct {
	Path    string      // JSON pointer in the message that was asked about
	Kind    string      // NOMINAL, VEHICLE, …
	Text    signed.Hash // the other message
	Certain bool        // else they are only near
}

// MaxMatches is how many matches a message gets.
const MaxMatches = 100

// maxCompared bounds what is compared for one subject, so that a name that half of the
// mail has costs no officer a minute.
const maxCompared = 5000

// An Index is what a desk has seen. Its methods may be called at once.
type Index struct {
	mu     sync.RWMutex
	byText map[signed.Hash][]*subject
	byKey  map[string][]*subject
}

// A subject is one that a message describes.
type subject struct {
	message Message
	kind    string
	person  *hit.Subject // compared by package hit; nil: number is compared
	number  string
}

// New returns an empty index.
func New() *Index {
	return &Index{byText: map[signed.Hash][]*subject{}, byKey: map[string][]*subject{}}
}

// Add takes in whom and what a message describes. A message that was added stays as it
// is.
func (x *Index) Add(m Message, described []schema.Subject) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.byText[m.Text]; ok {
		return
	}
	all := []*subject{}
	for _, d := range described {
		for _, s := range subjectsOf(m, d) {
			all = append(all, s)
			for _, k := range s.keys() {
				x.byKey[k] = append(x.byKey[k], s)
			}
		}
	}
	x.byText[m.Text] = all
}

// Remove forgets a message.
func (x *Index) Remove(text signed.Hash) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.byText[text] {
		for _, k := range s.keys() {
			left := slices.DeleteFunc(x.byKey[k], func(o *subject) bool { return o == s })
			if x.byKey[k] = left; len(left) == 0 {
				delete(x.byKey, k)
			}
		}
	}
	delete(x.byText, text)
}

// Find returns where else those whom a message describes were seen: in messages of other
// conversations, each once for each place, the certain ones first.
func (x *Index) Find(m Message, described []schema.Subject) (found []Match) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	best := map[Match]bool{} // without Certain → certain
	var order []Match
	for _, d := range described {
		for _, asked := range subjectsOf(m, d) {
			for _, other := range x.candidates(asked) {
				if other.message.Conversation == m.Conversation {
					continue
				}
				outcome := asked.compare(other)
				if outcome == hit.NoHit {
					continue
				}
				at := Match{Path: d.Path, Kind: asked.kind, Text: other.message.Text}
				if _, known := best[at]; !known {
					order = append(order, at)
				}
				best[at] = best[at] || outcome == hit.Hit
			}
		}
	}
	for _, certain := range []bool{true, false} {
		for _, at := range order {
			if best[at] == certain && len(found) < MaxMatches {
				at.Certain = certain
				found = append(found, at)
			}
		}
	}
	return found
}

// candidates are the subjects that are worth comparing, each once.
func (x *Index) candidates(asked *subject) (all []*subject) {
	seen := map[*subject]bool{}
	for _, k := range asked.lookups() {
		for _, s := range x.byKey[k] {
			if !seen[s] && s.kind == asked.kind && len(all) < maxCompared {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// subjectsOf are what can be compared of a description.
func subjectsOf(m Message, d schema.Subject) (all []*subject) {
	dataset := hit.Dataset(d.Kind)
	if keys := dataset.Keys(); len(keys) > 0 {
		q := hit.Query{Dataset: dataset, Keys: map[hit.Key]string{}}
		for _, k := range keys {
			if v := d.Keys[string(k)]; v != "" {
				q.Keys[k] = v
			}
		}
		if s, err := hit.Read(q); err == nil { // what has no name and no number can't be compared
			all = append(all, &subject{message: m, kind: d.Kind, person: s})
		}
	}
	for _, name := range []string{"personal_number", "number", "name", "registration", "hull"} {
		if v := plain(d.Keys[name]); v != "" && (len(all) == 0 || name == "personal_number") {
			all = append(all, &subject{message: m, kind: d.Kind, number: name + " " + v})
		}
	}
	return all
}

// keys are those under which a subject is found.
func (s *subject) keys() (keys []string) {
	if s.person == nil {
		return []string{s.kind + " " + s.number}
	}
	for _, e := range s.person.Entries() {
		if k := s.kind + " " + e.Key; !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// lookups are the keys that are looked up for a subject. The index is small enough to do
// without the parts by which a source of many rows divides them.
func (s *subject) lookups() (keys []string) {
	if s.person == nil {
		return s.keys()
	}
	probes := s.person.Probes()
	for _, group := range append([][]hit.Probe{probes.Each}, probes.OneOf...) {
		for _, p := range group {
			if k := s.kind + " " + p.Key; !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func (s *subject) compare(other *subject) hit.Outcome {
	switch {
	case s.person != nil && other.person != nil:
		return hit.Compare(s.person, other.person)
	case s.person == nil && other.person == nil && s.number == other.number:
		return hit.Hit
	}
	return hit.NoHit
}

// plain is a number without what people put between its parts.
func plain(s string) string {
	digits := true
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsDigit(c):
			return c
		case unicode.IsLetter(c):
			digits = false
			return unicode.ToUpper(c)
		}
		return -1
	}, s)
	if digits && len(s) > 9 && len(s) <= 15 {
		return s[len(s)-9:]
	}
	return s
}
