package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	link    = regexp.MustCompile(`\]\(#([^)]*)\)`)
	code    = regexp.MustCompile("(?m)`([^`\n]+)`|^    (.+)$")
)

// anchor is what a heading is called in a link.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), " ", "-")
}

func TestRunbookAnchors(t *testing.T) {
	text := read(t, "RUNBOOK.md")
	there := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		there[anchor(m[1])] = true
	}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if !there[m[1]] {
			t.Errorf("the runbook links to #%s, which is no heading of it", m[1])
		}
	}
	for _, a := range alerts(t) {
		_, at, _ := strings.Cut(a.Annotations["runbook_url"], "#")
		if !there[at] {
			t.Errorf("%s points to #%s, which the runbook doesn't have", a.Alert, at)
		}
	}
}

// What the writer can say at a start, and every reason for which it stops or
// raises an alarm, is in the runbook by the very word that the operator reads.
func TestRunbookKnowsWhatTheWriterSays(t *testing.T) {
	text := read(t, "RUNBOOK.md")
	for _, kind := range []string{"Finding", "stopKind", "alarmKind"} {
		words := constants(t, "../gateway/broker/internal/sequencer", kind)
		if len(words) == 0 {
			t.Errorf("the sequencer has no %s: what does it call them now?", kind)
		}
		for _, w := range words {
			if !strings.Contains(text, "| `"+w+"` |") {
				t.Errorf("the runbook doesn't say what to do about the %s %q", kind, w)
			}
		}
	}
}

// So is what a desk can find of its database.
func TestRunbookKnowsWhatADeskFinds(t *testing.T) {
	text := read(t, "RUNBOOK.md")
	words := constants(t, "../gateway/desk/internal/store", "FoundKind")
	if len(words) < 5 {
		t.Errorf("found %d of them: there are more", len(words))
	}
	for _, w := range words {
		if !strings.Contains(text, "\n| `"+w+"`") {
			t.Errorf("the runbook doesn't say what to do about the database found %q", w)
		}
	}
}

// check is a line of /readyz in the code.
var check = regexp.MustCompile(`\{Name: "([a-z-]+)", Run:`)

// Whoever reads NOT READY finds the line, and what to do about it.
func TestRunbookKnowsReadyz(t *testing.T) {
	text := read(t, "RUNBOOK.md")
	for _, who := range []string{"broker", "desk"} {
		_, table, _ := strings.Cut(text, "| "+who+"'s line |")
		table, _, _ = strings.Cut(table, "\n\n")
		lines := check.FindAllStringSubmatch(source(t, "../gateway/"+who), -1)
		if len(lines) < 5 {
			t.Errorf("found %d checks of the %s: it has more", len(lines), who)
		}
		for _, l := range lines {
			if !strings.Contains(table, "\n| `"+l[1]+"` |") {
				t.Errorf("the runbook doesn't say what the %s's line %q means", who, l[1])
			}
		}
	}
}

// said is what the runbook prints in italics: words of the program itself.
var said = regexp.MustCompile(`[ (]\*([^*\n]+)\*|^\*([^*\n]+)\*`)

// Who searches the log or the code for what the runbook quotes finds it.
func TestRunbookQuotesTheProgram(t *testing.T) {
	program := source(t, "../gateway/broker") + source(t, "../gateway/durable") + source(t, "../gateway/auditlog")
	quotes := said.FindAllStringSubmatch(read(t, "RUNBOOK.md"), -1)
	if len(quotes) < 6 {
		t.Errorf("found %d quotes in the runbook: it has more", len(quotes))
	}
	for _, q := range quotes {
		for _, part := range strings.Split(q[1]+q[2], "…") {
			if !strings.Contains(program, strings.TrimSpace(part)) {
				t.Errorf("the broker never says %q", part)
			}
		}
	}
}

// source is all Go code below a folder.
func source(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			all.WriteString(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// constants returns the values of a package's constants of a type.
func constants(t *testing.T, dir, name string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); !ok || of.Name != name {
				return true
			}
			for _, v := range spec.Values {
				s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, s)
			}
			return true
		})
	}
	return values
}

// call is a program of ours with a subcommand, at the beginning of a line or
// after sudo.
var call = regexp.MustCompile(`^(?:sudo -u \S+ )?(samband-(?:broker|desk|party|audit) [a-z-]+.*)`)

// Commands in the runbook are commands that exist.
func TestRunbookCommands(t *testing.T) {
	called := 0
	for _, m := range code.FindAllStringSubmatch(read(t, "RUNBOOK.md"), -1) {
		c := call.FindStringSubmatch(m[1] + m[2])
		if c == nil || strings.Contains(c[1], "/usr/local") {
			continue
		}
		parseCommand(strings.Fields(c[1])).exists(t)
		called++
	}
	if called < 6 {
		t.Errorf("found %d commands in the runbook: it has more", called)
	}
}
