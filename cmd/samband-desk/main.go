// Samband-desk runs a desk and is the officers' command line to it.
//
//	samband-desk init --dir DIR --address se.spoc --federation FILE --broker URL
//	samband-desk init --dir DIR --certificate FILE
//	samband-desk serve --dir DIR
//	samband-desk unlock
//	samband-desk send --to fi.spoc --type INFO_REQUEST --urgent --body request.json
//	samband-desk inbox
//	samband-desk conversations
//	samband-desk read ID
//	samband-desk answer ID --type ANSWER --body answer.json
//
// serve alone opens the desk's keys and database; every other command but init
// and rotate asks it through the socket in the desk's folder. The folder is
// --dir, or SAMBAND_DIR, or where you are. Data goes to standard output, as JSON
// with --json; everything else to standard error. A passphrase is typed, or read
// from a file, and never stands on a command line.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the body does not follow its
// schema, 4 refused by the law or by somebody's identity, 5 try again (nobody
// serves, locked, a wrong passphrase, no network), 6 not proved: something is
// forged, missing or bent.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{cli.Program{
		Settings: "desk.yaml", Setting: func(net.Addr) string { return "metrics" },
		NotServed: client.ErrNotServed, Again: []error{errNotYet, seal.ErrPassphrase},
	}}
	root := &cobra.Command{Use: "samband-desk", Short: "Run a desk, send and read its messages, and prove them"}
	p.Flags(root, cli.DirOfEnvironment(), "the desk's folder")
	root.AddCommand(
		newInit(p), newServe(p), newUnlock(p), newLock(p), newStatus(p),
		newSend(p), newOutbox(p), newWithdraw(p),
		newInbox(p), newConversations(p), newRead(p), newDeclare(p), newAnswer(p), newErase(p),
		newVerify(p), newLog(p), newRotate(p),
	)
	return p.Run(root, args, stdin, stdout, stderr)
}

type program struct{ cli.Program }

// maxFile bounds what is read from files.
const maxFile = 2 << 20

// ask is the run of a command that asks the desk which serves the folder, about the
// message whose id is the first argument where there is one.
func (p *program) ask(run func(*cobra.Command, *client.Client, signed.ID) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		var id signed.ID
		if len(args) > 0 {
			if id, err = signed.ParseID(args[0]); err != nil {
				return cli.Usagef("%q is no message id", args[0])
			}
		}
		// The path of a socket must not depend on where we are later.
		dir, err := filepath.Abs(p.Dir)
		if err != nil {
			return fmt.Errorf("find folder %q: %w", p.Dir, err)
		}
		return run(c, client.New(dir), id)
	}
}

// A sender is the flag --from: whose message an id stands for, where several desks
// chose it.
type sender signed.Address

func (s *sender) add(c *cobra.Command) {
	c.Flags().Var(s, "from", "the sender, where the id stands for messages of several desks")
}

func (s *sender) of(id signed.ID) client.Ref {
	return client.Ref{From: signed.Address(*s), ID: id}
}

func (s *sender) String() string { return string(*s) }
func (s *sender) Type() string   { return "address" }
func (s *sender) Set(v string) error {
	a, err := signed.ParseAddress(v)
	*s = sender(a)
	return err
}
