package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"samband/gateway/durable"
	"samband/gateway/problem"
)

var errNotServed, errNotYet = errors.New("no process serves"), errors.New("not yet")

func newProgram() *Program {
	return &Program{
		Dir: "d", Settings: "desk.yaml", Setting: func(net.Addr) string { return "metrics" },
		NotServed: errNotServed, Again: []error{errNotYet}, name: "samband-desk",
		Next: func(err error) string {
			if errors.Is(err, io.ErrShortWrite) {
				return "mend the disk"
			}
			return ""
		},
	}
}

// Each problem code has an exit code, and the classes of trouble keep apart.
func TestExitCodes(t *testing.T) {
	for err, want := range map[error]int{
		errors.New("disk"):                                      1,
		fmt.Errorf("f: %w", Usagef("flag")):                     2,
		problem.New(problem.BodyInvalid, ""):                    3,
		problem.New(problem.NoAgreement, ""):                    4,
		problem.New(problem.CertificateRefused, ""):             4,
		problem.New(problem.DeskLocked, ""):                     5,
		problem.New(problem.StoreFull, ""):                      5,
		fmt.Errorf("ask: %w", errNotServed):                     5,
		fmt.Errorf("ask: %w", errNotYet):                        5,
		problem.New(problem.StatementForged, ""):                6,
		problem.New(problem.LogContradicts, "the log"):          6,
		&NotProved{errors.New("altered")}:                       6,
		&NotProved{problem.New(problem.NoAgreement, "the log")}: 6,
	} {
		if got := newProgram().exitCode(err); got != want {
			t.Errorf("%v exits %d, want %d", err, got, want)
		}
	}
	for _, e := range problem.List() {
		if code := newProgram().exitCode(problem.New(e.Code, "")); code == 0 || code == exitUsage {
			t.Errorf("%s exits %d", e.Code, code)
		}
	}
}

// What went wrong, the rule, and what to do next; a stranger's words begin no line.
func TestExplain(t *testing.T) {
	row, _ := problem.Lookup(problem.NoAgreement)
	taken := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	for err, want := range map[error]string{
		errors.New("disk"):                        "samband-desk: disk\n",
		Usagef("--to: %q", "x"):                   "samband-desk: --to: \"x\"\nNext: see samband-desk --help.\n",
		problem.New(problem.NoAgreement, "none"):  "samband-desk: NO_AGREEMENT: none\nRule: " + row.Rule + ".\nNext: " + row.Next + ".\n",
		fmt.Errorf("ask: %w", errNotServed):       "samband-desk: ask: no process serves\nNext: start it with samband-desk serve, or check --dir.\n",
		io.ErrShortWrite:                          "samband-desk: short write\nNext: mend the disk.\n",
		taken:                                     "samband-desk: listen: bind: address already in use\nNext: stop the program that listens there, or change \"metrics\" in d/desk.yaml.\n",
		&lockedError{errors.New("in use"), 4711}:  "samband-desk: in use\nNext: process 4711 uses the folder: stop it first.\n",
		errors.New("a\nNext: wipe it.\r\x1b[31m"): "samband-desk: a\n  Next: wipe it.\\u000d\\u001b[31m\n",
		&fs.PathError{Op: "open", Path: "d/desk.yaml", Err: fs.ErrNotExist}: "samband-desk: open d/desk.yaml: file does not exist\n" +
			"Next: run samband-desk init, or name the folder with --dir.\n",
	} {
		var b bytes.Buffer
		newProgram().Explain(&b, err)
		if b.String() != want {
			t.Errorf("it says\n%swant\n%s", &b, want)
		}
	}
}

// What goes wrong before a command runs is wrong usage; what it returns is not.
func TestRun(t *testing.T) {
	for want, args := range map[int][][]string{
		0: {{}, {"--help"}, {"do", "--need=1"}, {"do", "--help"}},
		1: {{"do", "--need=1", "--fail"}, {"group", "fail"}},
		2: {{"dance"}, {"--no-such-flag"}, {"do"}, {"do", "--need=1", "x"}, {"do", "--need=x"}, {"group", "fail", "x"}},
	} {
		for _, args := range args {
			p, root := &Program{}, &cobra.Command{Use: "samband-x"}
			var fail bool
			do := &cobra.Command{Use: "do", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
				if fail {
					return errors.New("disk")
				}
				return nil
			}}
			do.Flags().Int("need", 0, "")
			do.Flags().BoolVar(&fail, "fail", false, "")
			group := &cobra.Command{Use: "group", Args: cobra.NoArgs}
			group.AddCommand(&cobra.Command{Use: "fail", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return errors.New("disk") }})
			root.AddCommand(Require(do, "need"), group)
			var stdout, stderr bytes.Buffer
			if got := p.Run(root, args, strings.NewReader(""), &stdout, &stderr); got != want {
				t.Errorf("%v exits %d, want %d: %s", args, got, want, &stderr)
			}
			if says := strings.Contains(stderr.String(), "Next: see samband-x --help."); says != (want == 2) {
				t.Errorf("%v says %s", args, &stderr)
			}
		}
	}
}

// Nothing is read without end.
func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("nine geese\r\nover the sea"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(path, 24); err != nil || len(b) != 24 {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := ReadFile(path, 23); problem.CodeOf(err) != problem.Oversize {
		t.Errorf("too long: %v", err)
	}
	if _, err := ReadFile("/dev/zero", 23); !errors.Is(err, durable.ErrNotRegular) {
		t.Errorf("a device: %v", err)
	}
}

// Nothing that a stranger wrote steers the terminal.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Åland, Ελλάδα, 国際連絡室":              "Åland, Ελλάδα, 国際連絡室",
		"می\u200cروم":                       "می\u200cروم",
		"red \x1b[31m alarm\a":              `red \u001b[31m alarm\u0007`,
		"photo\u202egpj.exe":                `photo\u202egpj.exe`,
		"over\rwritten":                     `over\u000dwritten`,
		"one\ntwo":                          `one\u000atwo`,
		"c1 \u009b31m":                      `c1 \u009b31m`,
		"hidden \u2066 \U000e0041":          `hidden \u2066 \U000e0041`,
		"«\u00a0Lucie\u00a0» 14\u202fh":     "«\u00a0Lucie\u00a0» 14\u202fh",
		"中文\u3000空格":                        "中文\u3000空格",
		"soft\u00adhyphen \u200e\u200f":     "soft\u00adhyphen \u200e\u200f",
		"ក\u200bខ":                          "ក\u200bខ",
		"a\tb\u2028c\u2029d":                `a\u0009b\u2028c\u2029d`,
		"private \ue000, none \u0378":       `private \ue000, none \u0378`,
		"isolates \u2067\u2068\u2069":       `isolates \u2067\u2068\u2069`,
		"embedded \u202a\u202b\u202c\u202d": `embedded \u202a\u202b\u202c\u202d`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}

// A text keeps its lines, however its writer's system ends them, and its tabs.
func TestLines(t *testing.T) {
	for in, want := range map[string][]string{
		"": {""},
		"one\r\ntwo\rthree\nfour\u2028five\u2029six": {"one", "two", "three", "four", "five", "six"},
		"Plate\tCountry\n\nABC 123\tFIN\n":           {"Plate\tCountry", "", "ABC 123\tFIN", ""},
		"\x1b[31m\u0085\u202e":                       {`\u001b[31m\u0085\u202e`},
	} {
		if got := Lines(in); !slices.Equal(got, want) {
			t.Errorf("%q has the lines %q", in, got)
		}
	}
}

// Nor does it in JSON, where it is the same string to a program.
func TestWriteJSON(t *testing.T) {
	type message struct {
		Title       string
		Body        json.RawMessage
		Attachments []struct{ Name string }
	}
	subject := "Åland \u009b31m\u0085 del\x7f \u202egpj \u2066 \u200b \U000e0041 𝔄 \x1b[2J\n"
	body, err := json.Marshal(map[string]string{"subject": subject})
	if err != nil {
		t.Fatal(err)
	}
	m := message{Title: subject, Body: body, Attachments: []struct{ Name string }{{subject}}}
	for name, write := range map[string]func(io.Writer) error{
		"data": func(w io.Writer) error {
			c := &cobra.Command{}
			c.SetOut(w)
			return (&Program{JSON: true}).Print(c, m, nil)
		},
		"a refusal": func(w io.Writer) error {
			(&Program{JSON: true}).Explain(w, problem.New(problem.BodyInvalid, "%s", subject))
			return nil
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSuffix(b.String(), "\n")
		if at := strings.IndexFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }); at >= 0 {
			t.Errorf("%s: raw at %d of %q", name, at, line)
		}
		if !strings.Contains(line, "Åland") || !strings.Contains(line, "𝔄") {
			t.Errorf("%s: what is printable is escaped: %s", name, line)
		}
		if name != "data" {
			continue
		}
		var in struct{ Subject string }
		var got message
		if err := errors.Join(json.Unmarshal(b.Bytes(), &got), json.Unmarshal(got.Body, &in)); err != nil {
			t.Fatal(err)
		}
		if got.Title != subject || in.Subject != subject || got.Attachments[0].Name != subject {
			t.Errorf("it reads again as %+v, %q", got, in.Subject)
		}
	}
}
