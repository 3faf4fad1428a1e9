// Samband-desk runs a desk and is the officers' command line to it.
//
//	samband-desk init --dir DIR --address se.spoc --zone Europe/Stockholm --federation FILE --broker URL
//	samband-desk serve --dir DIR
//	samband-desk unlock
//	samband-desk types INFO_REQUEST
//	samband-desk new INFO_REQUEST --to fi.spoc --out request
//	samband-desk check request
//	samband-desk send --to fi.spoc --urgent --body request
//	samband-desk inbox
//	samband-desk conversations
//	samband-desk read ID
//	samband-desk new ANSWER --reply-to ID --out answer
//	samband-desk answer ID --body answer
//	samband-desk enter ENTRY
//
// serve alone opens the desk's keys and database; every other command but init,
// begin-empty, rotate, passwd, broker, hits import and hits status asks it through the socket in the desk's folder. Where nobody serves
// the desk, types, new and check go by the types that the program was built with.
// Labels are in the language of --lang, or of the environment. The folder is
// --dir, or SAMBAND_DIR, or the current one. Data goes to standard output, as JSON
// with --json; everything else to standard error. A passphrase is typed, or read
// from a file, and never stands on a command line.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the body does not follow its
// schema, 4 refused by the law or by somebody's identity, 5 try again (nobody
// serves, locked, a wrong passphrase, no network), 6 not proved: something is
// forged, missing or altered.
package main

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

func main() {
	nameProcess()
	cli.Main(run)
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{zone: time.Local, types: sync.OnceValue(schema.NewLibrary), Program: cli.Program{
		Settings: "desk.yaml", Setting: func(net.Addr) string { return "metrics" },
		NotServed: client.ErrNotServed, Again: []error{errNotYet, seal.ErrPassphrase},
		Next: next,
	}}
	root := &cobra.Command{Use: "samband-desk", Short: "Run a desk, send and read its messages, and prove them"}
	p.Flags(root, cli.DirOfEnvironment(), "the desk's folder")
	p.speaks(root)
	root.AddCommand(
		newInit(p), newBeginEmpty(p), newServe(p), newUnlock(p), newLock(p), newStatus(p),
		newTypes(p), newNew(p), newCheck(p), newSend(p), newOutbox(p), newWithdraw(p),
		newInbox(p), newConversations(p), newRead(p), newDeclare(p), newAnswer(p), newErase(p), newErased(p), newKeep(p), newLost(p),
		newVerify(p), newLog(p), newRotate(p), newPasswd(p), newEnter(p), newBroker(p), newCatalogue(p), newHits(p),
	)
	return p.Run(root, args, stdin, stdout, stderr)
}

type program struct {
	cli.Program
	lang *language      // of the reader
	zone *time.Location // where the reader is

	types func() *schema.Library // those of this program, and of the bundles that the desk gave; made once asked for
}

// maxFile bounds what is read from files.
const maxFile = 2 << 20

// withClient is the run of a command that needs a client of the desk in the folder. The
// command's first argument, if there is one, is a message id; run gets it too.
func (p *program) withClient(run func(*cobra.Command, *client.Client, signed.ID) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		var id signed.ID
		if len(args) > 0 {
			if id, err = signed.ParseID(args[0]); err != nil {
				return cli.Usagef("%q is no message id", args[0])
			}
		}
		d, err := p.client()
		if err != nil {
			return err
		}
		return run(c, d, id)
	}
}

// A sender is the flag --from: whose message an id stands for, if several desks
// chose it.
type sender signed.Address

func (s *sender) add(c *cobra.Command) {
	c.Flags().Var(s, "from", "the sender, if the id stands for messages of several desks")
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
