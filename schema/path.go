package schema

import (
	"strconv"
	"strings"
)

// A found value and the JSON pointer to it.
type found struct {
	pointer string
	value   any
}

// walk collects what lies at a path such as /persons/*/category, where * is
// every item of an array. Names in our paths need no escapes.
func walk(doc any, path string) []found {
	at := []found{{"", doc}}
	for _, step := range strings.Split(path, "/")[1:] {
		var next []found
		for _, f := range at {
			next = append(next, f.step(step)...)
		}
		at = next
	}
	return at
}

func (f found) step(step string) []found {
	switch v := f.value.(type) {
	case map[string]any:
		if child, ok := v[step]; ok {
			return []found{{f.pointer + "/" + step, child}}
		}
	case []any:
		if step != "*" {
			return nil
		}
		var items []found
		for i, item := range v {
			items = append(items, found{f.pointer + "/" + strconv.Itoa(i), item})
		}
		return items
	}
	return nil
}

// texts returns the strings at path, each once, in order of first sight.
func texts(doc any, path string) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range walk(doc, path) {
		if s, ok := f.value.(string); ok && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// text returns the one string at path, or nothing.
func text(doc any, path string) string {
	if all := texts(doc, path); len(all) == 1 {
		return all[0]
	}
	return ""
}
