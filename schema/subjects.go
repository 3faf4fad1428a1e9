package schema

import "maps"

// A Subject is one way in which a body describes a person or a thing: a person with
// two identities, one of them with two names, is three.
type Subject struct {
	Path string            // JSON pointer to the object
	Kind string            // its x-subject: person, vehicle, …
	Keys map[string]string // by x-key: family, birth-date, plate, …
}

// maxSubjects bounds what one body describes.
const maxSubjects = 4096

// Subjects lists whom and what a body describes, by that which tells one from another.
// What has nothing to tell it by is left out.
func (b *Body) Subjects() (all []Subject) {
	b.typ.Shape.visit("", b.doc, func(pointer string, s *Shape, v any) {
		object, ok := v.(map[string]any)
		if !ok || s.Subject == "" {
			return
		}
		for _, keys := range s.keySets(object) {
			if len(keys) > 0 && len(all) < maxSubjects {
				all = append(all, Subject{pointer, s.Subject, keys})
			}
		}
	})
	return all
}

// keySets are the ways to tell an object by its keys: those that stand in it alone,
// joined with each way that a list within it offers.
func (s *Shape) keySets(object map[string]any) []map[string]string {
	sets := []map[string]string{{}}
	for _, f := range s.Fields {
		switch v := object[f.Name].(type) {
		case string:
			if f.Key != "" {
				for _, set := range sets {
					set[f.Key] = v
				}
			}
		case []any:
			sets = joined(sets, f.Items.choices(v))
		}
	}
	return sets
}

// choices are the ways that the items of a list offer.
func (s *Shape) choices(items []any) (sets []map[string]string) {
	for _, item := range items {
		switch v := item.(type) {
		case map[string]any:
			for _, set := range s.keySets(v) {
				if len(set) > 0 {
					sets = append(sets, set)
				}
			}
		case string:
			if s.Key != "" {
				sets = append(sets, map[string]string{s.Key: v})
			}
		}
	}
	return sets
}

// joined is each set of one beside each of the other, within the bound.
func joined(one, other []map[string]string) (all []map[string]string) {
	if len(other) == 0 {
		return one
	}
	for _, a := range one {
		for _, b := range other {
			if len(all) == maxSubjects {
				return all
			}
			set := maps.Clone(a)
			maps.Copy(set, b)
			all = append(all, set)
		}
	}
	return all
}
