package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"samband/certs"
	"samband/gateway/authority"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"samband-desk": main})
}

// The scripts of testdata: a desk on its own, before it has met a broker. Stories
// with a broker are told elsewhere.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: func(e *testscript.Env) error { return found(e.WorkDir) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"waitfor": waitfor,
			"listens": listens,
		},
	})
}

// listens NAME keeps an address on which somebody listens until the script ends.
func listens(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// found puts a federation file into dir.
func found(dir string) error {
	const name = "nordic.example"
	var keys []*signed.PrivateKey
	for _, n := range []string{name + "/audit", name + "/register", register.OperatorName(name)} {
		k, err := signed.GenerateKeys(n, signed.UseCheckpoint)
		if err != nil {
			return err
		}
		keys = append(keys, k[0])
	}
	ca, _, err := certs.NewBrokerCA(name, time.Now())
	if err != nil {
		return err
	}
	broker := &register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: keys[0].Public, Register: keys[1].Public, Operator: keys[2].Public, BrokerCA: ca.Raw,
	}}
	party := filepath.Join(dir, "party")
	founder, err := authority.CreateFounder(party, "se", nil)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(party, "root", "card"))
	if err != nil {
		return err
	}
	card, err := register.ParseFounderCard(b)
	if err != nil {
		return err
	}
	text, err := authority.DraftFederation(name, 1, []*register.FounderCard{card}, broker)
	if err != nil {
		return err
	}
	made, err := founder.Sign(text)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "federation"), made.Note, 0o644)
}

// exits CODE PROGRAM ARGS: the program ends with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// waitfor DIR: until a process serves the desk there.
func waitfor(ts *testscript.TestScript, _ bool, args []string) {
	c := client.New(ts.MkAbs(args[0]))
	for late := time.Now().Add(30 * time.Second); ; {
		_, err := c.Status(context.Background())
		if err == nil {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("nobody serves %s: %v", args[0], err)
		}
	}
}

// Each problem code has an exit code, and the classes of trouble keep apart.
func TestExitCodes(t *testing.T) {
	for err, want := range map[error]int{
		nil:                                            0,
		errors.New("disk"):                             1,
		fmt.Errorf("flag; %w", errUsage):               2,
		problem.New(problem.BodyInvalid, ""):           3,
		problem.New(problem.NoAgreement, ""):           4,
		problem.New(problem.CertificateRefused, ""):    4,
		problem.New(problem.DeskLocked, ""):            5,
		problem.New(problem.StoreFull, ""):             5,
		fmt.Errorf("ask: %w", client.ErrNotServed):     5,
		problem.New(problem.StatementForged, ""):       6,
		problem.New(problem.LogContradicts, "the log"): 6,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v exits %d, want %d", err, got, want)
		}
	}
	for _, e := range problem.List() {
		if code := exitCode(problem.New(e.Code, "")); code == 0 || code == exitUsage {
			t.Errorf("%s exits %d", e.Code, code)
		}
	}
}

// Nothing that a stranger wrote steers the terminal.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Åland, Ελλάδα, 国際連絡室":           "Åland, Ελλάδα, 国際連絡室",
		"می\u200cروم":                    "می\u200cروم",
		"red \x1b[31m alarm\a":           `red \u001b[31m alarm\u0007`,
		"photo\u202egpj.exe":             `photo\u202egpj.exe`,
		"over\rwritten":                  `over\u000dwritten`,
		"one\ntwo":                       `one\u000atwo`,
		"c1 \u009b31m":                   `c1 \u009b31m`,
		"hidden \u200b\u2066 \U000e0041": `hidden \u200b\u2066 \U000e0041`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}

// Nor does it in JSON, where it is the same string to a program.
func TestWriteJSON(t *testing.T) {
	subject := "Åland \u009b31m\u0085 del\x7f \u202egpj \u2066 \u200b \U000e0041 𝔄 \x1b[2J\n"
	body, err := json.Marshal(map[string]string{"subject": subject})
	if err != nil {
		t.Fatal(err)
	}
	m := &client.Message{Title: subject, Body: body, Attachments: []client.Attachment{{Name: subject}}}
	for name, write := range map[string]func(io.Writer) error{
		"data": func(w io.Writer) error {
			c := &cobra.Command{}
			c.SetOut(w)
			return (&settings{json: true}).print(c, m, nil)
		},
		"a refusal": func(w io.Writer) error {
			(&settings{json: true}).explain(w, problem.New(problem.BodyInvalid, "%s", subject))
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
		var got struct {
			Title       string
			Body        json.RawMessage
			Attachments []struct{ Name string }
		}
		if err := errors.Join(json.Unmarshal(b.Bytes(), &got), json.Unmarshal(got.Body, &in)); err != nil {
			t.Fatal(err)
		}
		if got.Title != subject || in.Subject != subject || got.Attachments[0].Name != subject {
			t.Errorf("it reads again as %+v, %q", got, in.Subject)
		}
	}
}

// A body is an outline, in its own order, with what is inside its strings made
// harmless.
func TestOutline(t *testing.T) {
	var b bytes.Buffer
	outline(&b, []byte(`{"our_reference":"A\u001b[2J","facts":"one\ntwo","persons":[{"id":"P1","names":[{"family":"X"}]}],"list":["a",2,true,null],"none":{}}`))
	want := `our reference: A\u001b[2J
facts: one
    two
persons:
  id: P1
  names:
    family: X
list:
  - a
  - 2
  - true
  - -
none:
`
	if got := strings.ReplaceAll(b.String(), "<nil>", "-"); got != want {
		t.Errorf("the outline is\n%s", got)
	}
}
