package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/cmd/internal/scripts"
	"samband/gateway/broker"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

func TestMain(m *testing.M) {
	syscall.Umask(0) // the programs set the modes themselves
	testscript.Main(m, map[string]func(){"samband-broker": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"found":   foundExchange,
			"served":  served,
			"listens": listens,
			"bundle":  bundle,
			"private": scripts.Private,
			"open":    scripts.Open,
		},
	})
}

// foundExchange is the command found: it makes an exchange of the card in a folder: the file federation, and the
// entries party and twice, of which only the first can enter.
func foundExchange(ts *testscript.TestScript, _ bool, args []string) {
	note, err := os.ReadFile(ts.MkAbs(filepath.Join(args[0], "keys", "card")))
	ts.Check(err)
	card, err := register.ParseBrokerCard(note)
	ts.Check(err)
	root, err := signed.GenerateKeys("se/root", signed.UseEntry)
	ts.Check(err)
	federation := &register.Federation{
		Name: card.Name, Nonce: signed.NewID(), Threshold: 1,
		Founders: []register.Founder{{Party: "se", Keys: signed.PublicKeys(root)}},
		Broker:   card.Broker, Policy: register.PolicyLogged,
	}
	sign(ts, "federation", federation.Text(), root)
	keys, err := signed.GenerateKeys("se", signed.UseEntry)
	ts.Check(err)
	link := register.Link{Exchange: federation.Hash(), Previous: federation.Hash(), Signers: []string{"se/root"}}
	party := &register.Party{Link: link, Name: "se", Title: "Sverige", Keys: signed.PublicKeys(keys)}
	sign(ts, "party", party.Text(), root)
}

// bundle FILE writes a catalogue bundle that no program was built with.
func bundle(ts *testscript.TestScript, _ bool, args []string) {
	b, err := schema.NewBundle(fstest.MapFS{"codes/colour-1.json": {Data: []byte("{}")}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Zip, 0o644))
}

func sign(ts *testscript.TestScript, name, text string, keys []*signed.PrivateKey) {
	n, err := signed.Sign(text, keys...)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(name), n.Bytes(), 0o644))
}

// listens NAME keeps an address on which somebody listens until the script ends.
func listens(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// A stopped broker says what to do next, for every reason that the runbook
// knows, in the runbook's words; the runbook's own test compares them with the writer's.
func TestEveryStopHasItsNextStep(t *testing.T) {
	b, err := os.ReadFile("../../deploy/RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "| stopped as |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|.*\\| (.*) \\|$").FindAllStringSubmatch(table, -1)
	if len(rows) < 9 || len(rows) != len(afterStop) {
		t.Fatalf("the runbook knows %d reasons, the program %d", len(rows), len(afterStop))
	}
	for _, row := range rows {
		var out bytes.Buffer
		showStatus(&out, &broker.Status{Stopped: row[1] + ": what it found"})
		if want := "Then: " + strings.ReplaceAll(row[2], "`", "") + ".\n"; !strings.Contains(out.String(), want) {
			t.Errorf("stopped as %s it does not say %q:\n%s", row[1], want, &out)
		}
	}
}

// Who looks at the broker's standing sees what desks ask for in vain.
func TestStandingNamesWhatTheBrokerLacks(t *testing.T) {
	var whole, lacking bytes.Buffer
	showStatus(&whole, &broker.Status{Accepting: true})
	hash := schema.EmbeddedBundle().Hash
	showStatus(&lacking, &broker.Status{Accepting: true, Lacks: []schema.BundleHash{hash}})
	want := "LACKS the catalogue bundle " + hash.String() + ": desks can't fetch it\nNext:     ask the root's parties for its file, then: samband-broker catalogue FILE\n"
	if !strings.Contains(lacking.String(), want) || strings.Contains(whole.String(), "LACKS") {
		t.Errorf("it says\n%s\nand\n%s", &lacking, &whole)
	}
}

// served DIR waits until a process serves the broker.
func served(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := broker.NewClient(ts.MkAbs(args[0]))
	ts.Check(err)
	for {
		if _, err = client.Status(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("nobody serves: %v", err)
		case <-time.After(20 * time.Millisecond): // another process' start
		}
	}
}
