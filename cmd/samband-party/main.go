// Samband-party is the desk drawer of those who make an exchange: founders of
// the root, and the authority of each party. It works on files, offline, and
// speaks to no network.
//
//	samband-party init --dir parties/se --party se --title Sverige --founder
//	samband-party found --dir parties/se --name nordic.example --threshold 2 \
//	    --founder-card no.card --founder-card se.card --broker-card broker.card
//	samband-party sign --dir parties/no parties/se/drafts/federation
//
// Every command says what it made, its hash, and the next step. An entry goes to
// the running broker by `samband-broker enter FILE`; whoever carries it needs no
// key. Keys lie in the folders root and authority below --dir, which may be
// on different machines, under one passphrase for each folder. It is typed, or comes
// from a file or from standard input, never from the command line; shell does several
// acts behind one, passwd changes it.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused, with the code of the
// rule that says no, 5 the passphrase is wrong, 6 a log that was shown is not proved.
package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/cmd/internal/passphrase"
	"samband/gateway/authority"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

func main() { cli.Main(run) }

type program struct {
	cli.Program
	passphraseFile string
	session        *session // of a shell; nil for one act
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{Program: cli.Program{Again: []error{seal.ErrPassphrase}, Next: next}}
	return p.Run(p.root("."), args, stdin, stdout, stderr)
}

// root is the tree of all commands, for a folder unless another is named.
func (p *program) root(dir string) *cobra.Command {
	root := &cobra.Command{Use: "samband-party", Short: "Make an exchange and keep its register, on files"}
	p.Flags(root, dir, "the party's folder")
	root.PersistentFlags().StringVar(&p.passphraseFile, passphrase.File, "", "file whose first line is the passphrase of the keys; - for standard input; else it is typed")
	root.AddCommand(
		newInit(p), newFound(p), newSign(p), newAdmit(p), newBundle(p), newCatalogue(p), newClock(p), newJoin(p),
		newDesk(p), newAgreement(p), newProposals(p), newAccede(p), newRevoke(p), newBroker(p), newFollow(p), newPasswd(p), newShell(p),
	)
	return root
}

func next(err error) string {
	switch {
	case errors.Is(err, seal.ErrPassphrase):
		return "type the passphrase that these keys have since init, or since the last passwd; a script gives it by --passphrase-file FILE, or - for standard input"
	case errors.Is(err, authority.ErrNoFederation):
		return "found an exchange, or join one"
	}
	return ""
}

// maxFile bounds what is read from files that others brought.
const maxFile = 1 << 20

// A result is what a command made.
type result struct {
	Made string   `json:"made"`
	File string   `json:"file,omitempty"`
	Hash string   `json:"hash,omitempty"`
	Note []string `json:"note,omitempty"`
	Next string   `json:"next"`
}

func (p *program) say(c *cobra.Command, r result) error {
	return p.Print(c, r, func(w io.Writer) {
		fmt.Fprintf(w, "Made: %s\n", r.Made)
		if r.File != "" {
			fmt.Fprintf(w, "File: %s\n", r.File)
		}
		if r.Hash != "" {
			fmt.Fprintf(w, "Hash: %s\n", r.Hash)
		}
		for _, n := range r.Note {
			fmt.Fprintf(w, "Note: %s\n", n)
		}
		fmt.Fprintf(w, "Next: %s\n", r.Next)
	})
}

// entry says that an entry was made and where it goes.
func (p *program) entry(c *cobra.Command, what string, m *authority.StoredEntry, notes ...string) error {
	return p.say(c, result{
		Made: what, File: m.File, Hash: m.Hash.String(), Note: notes,
		Next: "bring the file to the broker: samband-broker enter " + m.File + ", or hand it in at any desk: samband-desk enter " + m.File,
	})
}

// parseTime reads a time, or a day at its beginning, in UTC.
func parseTime(s string) (signed.Time, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return signed.At(day), nil
	}
	t, err := signed.ParseTime(s)
	if err != nil {
		return t, cli.Usagef("%q is not a day (2027-01-01) or a time (2027-01-01T08:00:00Z)", s)
	}
	return t, nil
}
