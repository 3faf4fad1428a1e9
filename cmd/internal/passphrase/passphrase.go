// Package passphrase asks people for the passphrases of private keys, and scripts too.
//
//	file := passphrase.FileFlag(c.Flags(), passphrase.File, "of the keys")
//	secret, err := passphrase.Existing(c, *file, "the keys in parties/se")
//	defer clear(secret)
//
// A person types it at the terminal, where it never shows. A script gives it in a file or
// by standard input. It never stands on a command line or in the environment, which other
// programs can read. Existing asks for that of keys that are there; [New] asks twice, and
// refuses one that is easy to guess ([Check]).
//
// What is typed goes to package seal as it is: that takes its normal form.
package passphrase

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"samband/cmd/internal/cli"
	"samband/gateway/seal"
)

// The flags by which a script names the file of a passphrase, and of a new one beside it.
const (
	File    = "passphrase-file"
	NewFile = "new-passphrase-file"
)

// maxFile limits how much of a passphrase's file is read.
const maxFile = 64 << 10

// FileFlag adds the flag by which a script names the file of a passphrase.
func FileFlag(flags *pflag.FlagSet, name, of string) *string {
	return flags.String(name, "", "file whose first line is the passphrase "+of+"; - for standard input; else it is typed")
}

// WordsFlag adds the flag by which a person lets the program make the passphrase.
func WordsFlag(flags *pflag.FlagSet) *bool {
	return flags.Bool("words", false, fmt.Sprintf("make a passphrase of %d words, and show it once (%d bits)", wordCount, wordBits))
}

// ErrInterrupted reports that the person who was asked ended the program.
var ErrInterrupted = errors.New("interrupted: no passphrase was typed")

var errNone = errors.New("no passphrase was typed")

// Existing reads the passphrase of keys from a file, or asks a person for it if none is
// named. The caller clears it.
func Existing(c *cobra.Command, file, of string) ([]byte, error) {
	if fromFile(c, file) {
		return read(c, file)
	}
	p, err := at(c)
	if err != nil {
		return nil, err
	}
	defer p.close()
	secret, err := p.ask("Passphrase of " + of + ": ")
	if err == nil && len(secret) == 0 {
		err = errNone
	}
	return secret, err
}

// New is Existing for a passphrase that is to become that of keys. A person types it twice;
// with words, the program makes it, and shows it at the terminal before it is typed. One
// that Check refuses is refused, wherever it comes from.
func New(c *cobra.Command, file string, words bool, of string, known ...string) ([]byte, error) {
	if words && file != "" {
		return nil, cli.Usagef("a passphrase is made or read from a file, not both: give --words or the file")
	}
	if fromFile(c, file) {
		secret, err := read(c, file)
		if err != nil {
			return nil, err
		}
		if err := Check(secret, known...); err != nil {
			clear(secret)
			return nil, err
		}
		return secret, nil
	}
	p, err := at(c)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var first []byte
	if words {
		if first, err = p.show(of); err != nil {
			return nil, err
		}
	} else {
		if first, err = p.ask("New passphrase of " + of + ": "); err != nil {
			return nil, err
		}
		if err := Check(first, known...); err != nil {
			clear(first)
			return nil, err
		}
	}
	second, err := p.ask("The same again: ")
	defer clear(second)
	if err == nil && !same(first, second) {
		err = errors.New("the two passphrases differ: nothing is made or changed")
	}
	if err != nil {
		clear(first)
		return nil, err
	}
	return first, nil
}

// same reports whether two passphrases are the same letters.
func same(a, b []byte) bool {
	one, errOne := seal.NormalForm(a)
	other, errOther := seal.NormalForm(b)
	defer clear(one)
	defer clear(other)
	return errOne == nil && errOther == nil && bytes.Equal(one, other)
}

// fromFile reports whether a file has the passphrase. Standard input that is a terminal is
// none: what is typed there without being asked for shows.
func fromFile(c *cobra.Command, file string) bool {
	_, isTerminal := terminalOf(c)
	return file != "" && !(isTerminal && cli.StandardInput(file))
}

func read(c *cobra.Command, file string) ([]byte, error) {
	b, err := cli.ReadInput(c, file, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	defer clear(b)
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("the passphrase in %s is empty", file)
	}
	return bytes.Clone(line), nil
}

func terminalOf(c *cobra.Command) (*os.File, bool) {
	in, ok := c.InOrStdin().(*os.File)
	return in, ok && term.IsTerminal(int(in.Fd()))
}

// A prompt is a person at a terminal, which shows nothing of what is typed until the prompt
// is closed.
type prompt struct {
	in      *os.File
	out     io.Writer
	signals chan os.Signal
	restore func()
}

func at(c *cobra.Command) (*prompt, error) {
	in, ok := terminalOf(c)
	if !ok {
		return nil, cli.Usagef("%w", noTerminal{})
	}
	restore, err := silence(in)
	if err != nil {
		return nil, fmt.Errorf("have the terminal show nothing of what is typed: %w", err)
	}
	p := &prompt{in, c.ErrOrStderr(), make(chan os.Signal, 1), restore}
	signal.Notify(p.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return p, nil
}

func (p *prompt) close() {
	signal.Stop(p.signals)
	p.restore()
}

// ask shows a question and reads a line. A signal ends it, so that the terminal is left as
// it was found.
func (p *prompt) ask(question string) ([]byte, error) {
	fmt.Fprint(p.out, question)
	defer fmt.Fprintln(p.out)
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := readLine(p.in)
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		switch {
		case errors.Is(a.err, io.EOF):
			return nil, errNone
		case a.err != nil:
			return nil, fmt.Errorf("read passphrase: %w", a.err)
		}
		return a.line, nil
	case <-p.signals:
		return nil, ErrInterrupted
	}
}

// show makes a passphrase of words and shows it, if the terminal is all that sees it.
func (p *prompt) show(of string) ([]byte, error) {
	if out, ok := p.out.(*os.File); !ok || !term.IsTerminal(int(out.Fd())) {
		return nil, cli.Usagef("--words shows the passphrase on the terminal, and standard error goes elsewhere: nothing is made")
	}
	secret := words()
	fmt.Fprintf(p.out, "The new passphrase of %s, of %d words (%d bits). It is shown this once:\n\n    ", of, wordCount, wordBits)
	_, err := p.out.Write(secret)
	fmt.Fprint(p.out, "\n\nWrite it down and keep the paper apart from the keys; then type it.\n")
	return secret, err
}

// noTerminal is wrong usage that says itself what to do.
type noTerminal struct{}

func (noTerminal) Error() string { return "there is no terminal to type the passphrase at" }
func (noTerminal) Next() string {
	return "run it at a terminal; a script gives --" + File + " FILE, or - for standard input"
}
