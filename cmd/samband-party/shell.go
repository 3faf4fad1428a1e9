package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"samband/cmd/internal/cli"
	"samband/cmd/internal/passphrase"
	"samband/gateway/authority"
	"samband/gateway/durable"
	"samband/gateway/seal"
)

// idle is after how long a shell ends at which nobody types: somebody left an open door.
const idle = 10 * time.Minute

func newShell(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "shell",
		Short: "Do several acts behind one passphrase",
		Long: `Do several acts behind one passphrase.

The keys of the folder are opened once. Then each line is a command as after
"samband-party", until "exit" or the end of the input; or until nobody has typed
for ten minutes. The keys are nowhere but in this process, and end with it.

In a line, words with spaces stand between ' or ". A script gives its lines on
standard input, and its passphrase by --passphrase-file FILE: at the first line
that fails it ends, with that line's exit code.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.session != nil {
				return cli.Usagef("this is the shell already")
			}
			if cli.StandardInput(p.passphraseFile) {
				return cli.Usagef("standard input has the lines of the shell: name another file of the passphrase")
			}
			p.session = newSession()
			name, err := p.openAll(c)
			if err != nil {
				return err
			}
			in, ok := c.InOrStdin().(*os.File)
			return p.lines(c, name, ok && term.IsTerminal(int(in.Fd())))
		},
	}
}

// A session is what the acts of a shell share: keys that are open. Nil is none.
type session struct {
	keys map[string]any // by their folder and kind
	over bool           // the person ended it where a passphrase was asked for
}

func newSession() *session { return &session{keys: map[string]any{}} }

// kind names keys in a session.
func kind(keys any, dir string) string { return fmt.Sprintf("%T of %s", keys, dir) }

func keysOf[T any](s *session, dir string) (keys T, ok bool) {
	if s != nil {
		keys, ok = s.keys[kind(keys, dir)].(T)
	}
	return keys, ok
}

func (s *session) keep(dir string, keys any) {
	if s != nil {
		s.keys[kind(keys, dir)] = keys
	}
}

// heed notes that a person ended the program where it asked for a passphrase.
func (s *session) heed(err error) error {
	if s != nil && errors.Is(err, passphrase.ErrInterrupted) {
		s.over = true
	}
	return err
}

// openAll opens a party's keys and a founder's by one passphrase, and returns the party's
// name. Keys that it does not open are asked for when an act needs them.
func (p *program) openAll(c *cobra.Command) (name string, err error) {
	if err := durable.CheckWriter(p.Dir); err != nil {
		return "", err
	}
	secret, err := p.passphrase(c)
	if err != nil {
		return "", err
	}
	defer clear(secret)
	party, partyErr := authority.OpenParty(p.Dir, secret)
	founder, founderErr := authority.OpenFounder(p.Dir, secret)
	if partyErr == nil {
		p.session.keep(p.Dir, party)
		name = party.Name
	}
	if founderErr == nil {
		p.session.keep(p.Dir, founder)
		name = founder.Party
	}
	noParty, noFounder := errors.Is(partyErr, fs.ErrNotExist), errors.Is(founderErr, fs.ErrNotExist)
	switch {
	case noParty && noFounder:
		return "", fmt.Errorf("%s has the keys of no party and no founder", p.Dir)
	case partyErr != nil && noFounder:
		return "", partyErr
	case founderErr != nil && (noParty || partyErr != nil):
		return "", founderErr
	}
	for _, err := range []error{partyErr, founderErr} {
		if errors.Is(err, seal.ErrPassphrase) {
			fmt.Fprintf(c.ErrOrStderr(), "%v: it is asked for when an act needs these keys\n", err)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return name, nil
}

// lines does the acts of lines. With a person, who can read what went wrong, it goes on
// after one that fails.
func (p *program) lines(c *cobra.Command, name string, person bool) error {
	type line struct {
		text string
		ok   bool
		err  error
	}
	next, lines := make(chan struct{}), make(chan line, 1)
	defer close(next)
	go func() {
		s := bufio.NewScanner(c.InOrStdin())
		for range next { // not before: a passphrase may be asked for at the same terminal
			ok := s.Scan()
			lines <- line{s.Text(), ok, s.Err()}
		}
	}()
	for n := 1; ; n++ {
		var late <-chan time.Time
		if person {
			fmt.Fprintf(c.ErrOrStderr(), "%s> ", name)
			late = time.After(idle)
		}
		next <- struct{}{}
		var l line
		select {
		case l = <-lines:
		case <-late:
			fmt.Fprintf(c.ErrOrStderr(), "\nNobody typed for %d minutes: the shell ends, and the keys with it.\n", idle/time.Minute)
			return nil
		}
		if !l.ok {
			if person {
				fmt.Fprintln(c.ErrOrStderr())
			}
			return l.err
		}
		args, err := split(l.text)
		if err == nil && len(args) > 0 && args[0] == "exit" {
			return nil
		}
		act := &program{Program: p.Program, session: p.session}
		if err == nil {
			err = besideLines(args)
		}
		if err == nil && len(args) > 0 {
			in := c.InOrStdin() // of a person, who may be asked
			if !person {
				in = strings.NewReader("")
			}
			err = act.Try(act.root(p.Dir), args, in, c.OutOrStdout(), c.ErrOrStderr())
		}
		switch {
		case err == nil:
		case p.session.over:
			return err
		case person:
			act.Explain(c.ErrOrStderr(), err)
		default:
			return fmt.Errorf("line %d of the shell: %w", n, err)
		}
	}
}

// besideLines refuses an act that reads standard input, where the lines are.
func besideLines(args []string) error {
	for _, a := range args {
		if _, value, _ := strings.Cut(a, "="); cli.StandardInput(a) || cli.StandardInput(value) {
			return cli.Usagef("standard input has the lines of the shell: name a file")
		}
	}
	return nil
}

// split splits a line into words at spaces. What stands between ' or " is of one word, as it
// is. A line that begins with # is a remark; samband-party in front is left out, so that a
// line may be one that the program printed.
func split(line string) (words []string, err error) {
	if strings.HasPrefix(strings.TrimSpace(line), "#") {
		return nil, nil
	}
	if !utf8.ValidString(line) {
		return nil, cli.Usagef("the line is no text in UTF-8")
	}
	var word strings.Builder
	var quote rune
	in := false // a word
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case unicode.IsSpace(r):
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		case r == '\\':
			return nil, cli.Usagef("a line has no \\: put words with spaces between ' or \"")
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 {
		return nil, cli.Usagef("the line ends within %c", quote)
	}
	if in {
		words = append(words, word.String())
	}
	if len(words) > 0 && words[0] == "samband-party" {
		words = words[1:]
	}
	return words, nil
}
