package gateway_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What README and the package comments show of Go must compile. A snippet may leave
// out with "…", and use names that it doesn't declare; calls, fields, arguments and
// results must be those of the code.
func TestSnippets(t *testing.T) {
	list := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}", "./...")
	list.Dir, list.Stderr = "..", os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	c := &compiler{fset: token.NewFileSet(), export: map[string]string{}, names: map[string][]string{}}
	dirs := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		c.export[f[0]] = f[1]
		name := f[0][strings.LastIndex(f[0], "/")+1:]
		c.names[name] = append(c.names[name], f[0])
		if strings.HasPrefix(f[0], "samband/") {
			dirs[f[0]] = f[2]
		}
	}
	c.importer = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(c.export[path]) })
	checked := 0
	for path, dir := range dirs {
		for _, snippet := range packageSnippets(t, dir) {
			checked++
			if err := c.check(path, snippet); err != nil {
				t.Errorf("the comment of %s shows\n%s%v", path, snippet, err)
			}
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		checked++
		if err := c.check("", m[1]); err != nil {
			t.Errorf("README shows\n%s%v", m[1], err)
		}
	}
	if checked < 20 {
		t.Errorf("%d snippets found", checked)
	}
	if c.check("samband/schema", "t, ok := schema.Embedded().Find(\"INFO_REQUEST\")\n") == nil || c.check("samband/schema", "t.Nothing()\n_ = schema.Nothing\n") == nil {
		t.Error("a snippet with an error passes")
	}
}

var goCode = regexp.MustCompile(`(?m):=|^\w[\w.]* = |^(go|defer) \w+(\.\w+)*\(|\)\s*//`)

// packageSnippets are the indented blocks of a package's comment that are Go.
func packageSnippets(t *testing.T, dir string) (snippets []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc == nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, block := range regexp.MustCompile(`(?m)(^\t.*\n)+`).FindAllString(f.Doc.Text(), -1) {
			if block = regexp.MustCompile(`(?m)^\t`).ReplaceAllString(block, ""); goCode.MatchString(block) {
				snippets = append(snippets, block)
			}
		}
	}
	return snippets
}

// A compiler checks types against what the packages of this module export.
type compiler struct {
	fset     *token.FileSet
	importer types.Importer
	export   map[string]string   // by import path
	names    map[string][]string // import paths by their last element
}

// elisions are what a snippet may leave out.
var elisions = strings.NewReplacer("{ … }", "{ panic(0) }", ", …}", "}", ": …,", ": elided,", ": …}", ": elided}", "\n…\n", "\n")

// allowed are complaints about what a snippet may do.
var allowed = regexp.MustCompile(`^undefined: [a-z]\w*$|declared and not used|is not used|no new variables|missing return|imported and not used`)

func (c *compiler) check(path, snippet string) error {
	code := "package snippet\nfunc _() error {\n" + elisions.Replace("\n"+snippet) + "\n}\n"
	f, err := parser.ParseFile(c.fset, "snippet.go", code, 0)
	if err != nil {
		return err
	}
	var imports strings.Builder
	for name := range packagesOf(f) {
		for _, p := range c.names[name] {
			if p == path || strings.HasPrefix(p, "samband/") && (path == "" || !strings.HasSuffix(path, "/"+name)) || !strings.Contains(p, ".") && !strings.Contains(p, "internal") {
				fmt.Fprintf(&imports, "import %s %q\n", name, p)
				break
			}
		}
	}
	if f, err = parser.ParseFile(c.fset, "snippet.go", strings.Replace(code, "\n", "\n"+imports.String(), 1), 0); err != nil {
		return err
	}
	var errs []error
	conf := types.Config{Importer: c.importer, Error: func(err error) {
		if !allowed.MatchString(err.(types.Error).Msg) {
			errs = append(errs, err)
		}
	}}
	conf.Check("snippet", c.fset, []*ast.File{f}, nil)
	return errors.Join(errs...)
}

// packagesOf are the names on which something exported is selected, and which may be
// packages.
func packagesOf(f *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Obj == nil && ast.IsExported(s.Sel.Name) {
				names[x.Name] = true
			}
		}
		return true
	})
	return names
}
