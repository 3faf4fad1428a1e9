package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// The stories of testdata/conversations, each a conversation as its officers have it.
// One exchange, a process for its broker and each of its desks, runs for all of them.
func TestConversations(t *testing.T) {
	x := serve(t, continent())
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "conversations"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for _, p := range x.Plan.Parties {
				env.Setenv(strings.ToUpper(p.Name), x.DeskDir(p.Desks[0].Address))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"keep":   keepValue,
			"has":    has,
			"moment": moment,
			"ends":   ends,
			"comes":  comes,
		},
	})
}

// continent are the parties of the stories, each with one desk, and what they agreed on.
func continent() gatewaytest.Plan {
	plan := gatewaytest.Plan{Name: "continent.example", Founders: []string{"se"}, Threshold: 1}
	for _, d := range []struct {
		party, title string
		address      signed.Address
		zone         register.Zone
		function     register.Function
		languages    []string
	}{
		{"se", "Sverige", "se.spoc", "Europe/Stockholm", "spoc", []string{"sv", "en"}},
		{"fi", "Suomi / Finland", "fi.spoc", "Europe/Helsinki", "spoc", []string{"fi", "sv", "en"}},
		{"gr", "Ελλάδα", "gr.spoc", "Europe/Athens", "spoc", []string{"el", "en"}},
		{"icpb", "International Co-operation Bureau", "icpb.command", "Europe/Paris", "organisation", []string{"ar", "en", "es", "fr"}},
		{"eucom", "European Commission", "eucom.statistics", "Europe/Brussels", "organisation", []string{"en"}},
	} {
		plan.Parties = append(plan.Parties, gatewaytest.Party{Name: d.party, Title: d.title, Desks: []gatewaytest.Desk{{
			Address: d.address, Zone: d.zone, Directory: register.Directory{
				Title: d.title, Functions: []register.Function{d.function}, Languages: d.languages, Hours: "24/7", Telephone: "+00 0000 0000",
			},
		}}})
	}
	var types []string
	for _, t := range schema.Embedded().Types() {
		if t.Name != "STATS_REPORT" {
			types = append(types, t.Name)
		}
	}
	const year = 365 * 24 * time.Hour // they are so old that on 1 March they were in force
	agree := func(title string, types, purposes []string, parties ...string) {
		plan.Agreements = append(plan.Agreements, gatewaytest.Agreement{
			Title: title, Parties: parties, Types: types, Purposes: purposes, Ceiling: envelope.BPL, Age: year, Lasts: 2 * year,
		})
	}
	agree("Police co-operation of three states", types, []string{"INVESTIGATE_CRIME", "IDENTIFY_OBJECT", "CROSS_BORDER_OPERATION"}, "se", "fi", "gr")
	agree("Notices of the bureau", types, []string{"LOCATE_WANTED"}, "icpb", "se", "fi", "gr")
	agree("Statistics under Directive (EU) 2023/977 Art. 18", []string{"STATS_REPORT", "ACK", "CLARIFY", "CORRECTION"}, []string{"REPORTING"}, "se", "eucom")
	return plan
}

// serve makes an exchange and runs its broker and its desks, unlocked, until the test ends.
func serve(t *testing.T, plan gatewaytest.Plan) *gatewaytest.Exchange {
	t.Helper()
	x, err := gatewaytest.Make(t.TempDir(), plan)
	if err != nil {
		t.Fatal(err)
	}
	passphrase := filepath.Join(x.Dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte(gatewaytest.Passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, "samband-broker", "serve", "--dir", x.BrokerDir())
	eventually(t, "the broker", func() error { return x.EnterAll(t.Context()) })
	for _, p := range plan.Parties {
		dir := x.DeskDir(p.Desks[0].Address)
		background(t, "samband-desk", "serve", "--dir", dir, "--unlock", "--passphrase-file", passphrase)
	}
	for _, p := range plan.Parties {
		address := p.Desks[0].Address
		eventually(t, string(address), func() error {
			s, err := client.New(x.DeskDir(address)).Status(t.Context())
			if err == nil && (s.Locked || s.Register <= int64(len(x.Entries))) {
				err = fmt.Errorf("it is locked, or knows %d entries of the register", s.Register)
			}
			return err
		})
	}
	return x
}

// background runs a program until the test ends; then it must end well.
func background(t *testing.T, program string, args ...string) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer said.Close()
		err := c.Process.Signal(syscall.SIGINT)
		if err == nil {
			err = c.Wait()
		}
		words, _ := os.ReadFile(said.Name())
		if err != nil || t.Failed() {
			t.Logf("%s %v: %v\n%s", program, args, err, words)
		}
		if err != nil {
			t.Fail()
		}
	})
}

// eventually asks again until it gets no error.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // another process; there is nothing to wait on
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// moment NAME OFFSET FILE... names a moment, so long after now or, with -, before it,
// and writes it into the files for $NAME.
func moment(ts *testscript.TestScript, _ bool, args []string) {
	offset, err := time.ParseDuration(args[1])
	ts.Check(err)
	at := signed.At(time.Now().Add(offset)).String()
	ts.Setenv(args[0], at)
	for _, name := range args[2:] {
		text := ts.ReadFile(name)
		if !strings.Contains(text, "$"+args[0]) {
			ts.Fatalf("%s has no $%s", name, args[0])
		}
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(strings.ReplaceAll(text, "$"+args[0], at)), 0o600))
	}
}

// keep NAME=PATH... keeps values of the last command's JSON.
func keepValue(ts *testscript.TestScript, _ bool, args []string) {
	printed := printedJSON(ts)
	for _, a := range args {
		name, path, _ := strings.Cut(a, "=")
		v := at(printed, path)
		if v == "" {
			ts.Fatalf("nothing stands at %s", path)
		}
		ts.Setenv(name, v)
	}
}

// has PATH=VALUE... compares values of the last command's JSON; nothing, false and what
// is not there are one.
func has(ts *testscript.TestScript, _ bool, args []string) {
	printed := printedJSON(ts)
	for _, a := range args {
		path, want, _ := strings.Cut(a, "=")
		if got := at(printed, path); got != want {
			ts.Fatalf("%s is %q, not %q, in:\n%s", path, got, want, ts.ReadFile("stdout"))
		}
	}
}

// comes PATH=VALUE PROGRAM ARG... runs a program until its JSON has that value: what time
// alone brings, no desk tells.
func comes(ts *testscript.TestScript, _ bool, args []string) {
	path, want, _ := strings.Cut(args[0], "=")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if at(printedJSON(ts), path) == want {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s did not become %s:\n%s", path, want, ts.ReadFile("stdout"))
		}
	}
}

func printedJSON(ts *testscript.TestScript) (v any) {
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	if list, ok := v.([]any); ok && len(list) == 1 {
		return list[0]
	}
	return v
}

// at is the value at a path of names and numbers, such as messages.0.id.
func at(v any, path string) string {
	for _, step := range strings.Split(path, ".") {
		switch of := v.(type) {
		case map[string]any:
			v = of[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(of) {
				return ""
			}
			v = of[n]
		default:
			return ""
		}
	}
	if v == nil || v == false {
		return ""
	}
	return fmt.Sprint(v)
}

// ends TERM FROM compares the deadline in the last command's JSON: it lies so long after
// the moment FROM or, for the word received, after its desk had the message. Days may
// have an hour more or less.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	printed := printedJSON(ts)
	from := args[1]
	if from == "received" {
		from = cmp.Or(at(printed, "consigned"), at(printed, "ended"))
	}
	term, slack := strings.TrimSuffix(args[0], "d"), time.Duration(0)
	if term != args[0] {
		days, err := strconv.Atoi(term)
		ts.Check(err)
		term, slack = strconv.Itoa(24*days)+"h", time.Hour
	}
	length, err := time.ParseDuration(term)
	ts.Check(err)
	start, err := signed.ParseTime(from)
	ts.Check(err)
	due, err := signed.ParseTime(at(printed, "deadline.due"))
	ts.Check(err)
	if off := due.AsTime().Sub(start.AsTime()) - length; off.Abs() > slack {
		ts.Fatalf("it ends %s after %s, not %s", length+off, from, length)
	}
}
