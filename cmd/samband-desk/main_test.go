package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/gateway/authority"
	"samband/gateway/desk/client"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"samband-desk": main, "count-in-memory": countInMemory})
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
	broker := &register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: keys[0].Public, Register: keys[1].Public, Operator: keys[2].Public, ServerKeys: register.ServerKeys{InUse: signed.HashOf("TLS key in use"), Offline: signed.HashOf("TLS key offline")},
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
