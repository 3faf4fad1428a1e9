package gateway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"samband/schema"
)

// words are what the catalogue's files name: types and outcomes, and members of bodies.
func words() (types, fields map[string]bool) {
	types, fields = map[string]bool{}, map[string]bool{}
	for _, t := range schema.Embedded().Types() {
		types[t.Name] = true
		for _, o := range t.Outcomes() {
			types[o] = true
		}
		collect(t.Shape, fields)
	}
	return types, fields
}

func collect(s *schema.Shape, fields map[string]bool) {
	for _, f := range s.Fields {
		fields[f.Name] = true
		collect(f.Shape, fields)
	}
	if s.Items != nil {
		collect(s.Items, fields)
	}
}

// ourOwn are the words of contracts of our own that some bodies have too: names of JSON
// in what crosses a wire, which openapi.json lists, and what a source of hits is asked and
// says, which package hit lists.
var ourOwn = map[string][]string{
	"gateway/api":         {"media_type"},
	"gateway/desk/client": {"media_type", "our_reference", "your_reference"},
	"gateway/hit":         {"birth_date", "plate_country", "HIT", "NO_HIT", "INCONCLUSIVE"},
}

func isOurOwn(dir, word string) bool {
	for root, words := range ourOwn {
		if within(dir, root) && slices.Contains(words, word) {
			return true
		}
	}
	return false
}

var word = regexp.MustCompile(`[A-Za-z0-9]+(_[A-Za-z0-9]+)*`)

// A type is added by data alone. So no program names one, nor an outcome, nor a member
// of a body: what these mean is said in the catalogue's files. A word of one part, such
// as CLOSE or subject, is everybody's: of a type it counts alone in its string, of a body
// not at all. Structs that decode a body would name its members in their tags.
func TestNoTypeInCode(t *testing.T) {
	types, fields := words()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if err != nil || d.IsDir() && (name == "schema" || d.Name() == "testdata") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		tags := map[*ast.BasicLit]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.Field); ok && s.Tag != nil {
				tags[s.Tag] = true
			}
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(l.Value)
			if err != nil {
				t.Fatal(err)
			}
			if tags[l] {
				text, _, _ = strings.Cut(reflect.StructTag(text).Get("json"), ",")
			}
			for _, w := range word.FindAllString(text, -1) {
				two := strings.Contains(w, "_")
				switch {
				case isOurOwn(filepath.ToSlash(filepath.Dir(name)), w):
				case types[w] && (two || w == text):
					t.Errorf("%s: %q names a type or an outcome", files.Position(l.Pos()), w)
				case fields[w] && two:
					t.Errorf("%s: %q names a member of a body", files.Position(l.Pos()), w)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
