package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// A View is a part of a body as people read it: in the order of the type's schema,
// whatever the order of members, with labels and not keys, and with each person,
// document or vehicle a part of its own. It has either values or parts.
type View struct {
	Label  string
	Values []string // in words, but for what its writer spelled; more than one of a list
	Text   bool     // the values are free text, of several lines
	Number string   // "2 of 3" in words, where it is one of several
	ID     string   // the name by which other parts refer to it
	Parts  []View
}

// View shows a body in one of Languages, with times in a zone. It refuses what Read
// refuses.
func (t *Type) View(body []byte, lang string, zone *time.Location) (*View, error) {
	b, err := t.Read(body)
	if err != nil {
		return nil, err
	}
	v := &viewer{lang: lang, words: t.In(lang), zone: zone, named: map[string]string{}}
	t.Shape.visit("", b.doc, func(pointer string, s *Shape, value any) {
		if items, ok := value.([]any); ok {
			label := v.words.Item(pointer[strings.LastIndexByte(pointer, '/')+1:], s).Label
			for _, item := range items {
				v.name(label, s.Items, item)
			}
		}
	})
	return &View{Label: v.words.Type().Label, Parts: v.members(t.Shape, b.doc.(map[string]any))}, nil
}

type viewer struct {
	lang  string
	words Words
	zone  *time.Location
	named map[string]string // an id → what it names
}

// name notes what the id of a list's item names, so that references can say it.
func (v *viewer) name(label string, s *Shape, item any) {
	members, _ := item.(map[string]any)
	id := idOf(s, members)
	if id == "" {
		return
	}
	v.named[id] = label
	if called := v.called(s, members); called != "" {
		v.named[id] += ", " + called
	}
}

// idOf is the name by which other parts of a body refer to an object; "" for none.
func idOf(s *Shape, members map[string]any) string {
	id, _ := members[s.top(partID)].(string)
	return id
}

// called is what tells an object from others: its first keys that stand beside each
// other, such as family and given name, else the first code of its own.
func (v *viewer) called(s *Shape, members map[string]any) string {
	var keys []string
	at, code := "", ""
	s.visit("", members, func(pointer string, s *Shape, value any) {
		word, ok := value.(string)
		if !ok {
			return
		}
		beside := pointer[:strings.LastIndexByte(pointer, '/')+1]
		switch {
		case s.Key != "" && (at == "" || at == beside):
			at = beside
			keys = append(keys, word)
		case s.Codes != nil && code == "":
			code = v.words.Code(s, word).Label
		}
	})
	if len(keys) > 0 {
		return strings.Join(keys, " ")
	}
	return code
}

// members shows an object, in the order of its shape.
func (v *viewer) members(s *Shape, members map[string]any) (parts []View) {
	for _, f := range s.Fields {
		value, ok := members[f.Name]
		if !ok || f.Role == partID { // an id stands in the heading of its part
			continue
		}
		label := v.words.Field(f.Name, f.Shape).Label
		switch value := value.(type) {
		case map[string]any:
			parts = append(parts, View{Label: label, Parts: v.members(f.Shape, value)})
		case []any:
			parts = append(parts, v.list(label, f.Name, f.Shape, value)...)
		default:
			parts = append(parts, View{Label: label, Values: []string{v.value(f.Shape, value)}, Text: f.isText()})
		}
	}
	return parts
}

// list shows a list: objects each as a part of its own, other values together.
func (v *viewer) list(label, name string, s *Shape, items []any) (parts []View) {
	all := View{Label: label, Text: s.Items.isText()}
	for i, item := range items {
		members, ok := item.(map[string]any)
		if !ok {
			all.Values = append(all.Values, v.value(s.Items, item))
			continue
		}
		part := View{Label: v.words.Item(name, s).Label, ID: idOf(s.Items, members), Parts: v.members(s.Items, members)}
		if len(items) > 1 {
			part.Number = fmt.Sprintf(Screen(v.lang, "item-number"), i+1, len(items))
		}
		parts = append(parts, part)
	}
	if len(all.Values) > 0 {
		parts = append(parts, all)
	}
	return parts
}

func (s *Shape) isText() bool { return s.Format == "text" }

// value puts one value in words.
func (v *viewer) value(s *Shape, value any) string {
	switch value := value.(type) {
	case bool:
		if value {
			return Screen(v.lang, "yes")
		}
		return Screen(v.lang, "no")
	case json.Number:
		return plainNumber(value.String())
	case string:
		return v.word(s, value)
	}
	return "–" // null, where a schema takes it
}

func (v *viewer) word(s *Shape, word string) string {
	switch {
	case s.Codes != nil:
		return v.words.Code(s, word).Label
	case s.Role == partReference && v.named[word] != "":
		return word + ": " + v.named[word]
	case s.Format == "partial-date" && strings.HasPrefix(word, "--"):
		return fmt.Sprintf(Screen(v.lang, "year-unknown"), word[2:])
	case s.Format == "moment":
		if t, err := time.Parse(time.RFC3339, word); err == nil {
			return Moment(t.In(v.zone), v.lang)
		}
	}
	return word
}

// plainNumber writes out the exponent of a number, which strict JSON has bounded.
func plainNumber(num string) string {
	if !strings.ContainsAny(num, "eE") {
		return num
	}
	r, ok := new(big.Rat).SetString(num)
	if !ok {
		return num
	}
	s := r.FloatString(maxNumber)
	return cmp.Or(strings.TrimRight(strings.TrimRight(s, "0"), "."), "0")
}
