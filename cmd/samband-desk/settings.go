package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// settings are the flags that every command has.
type settings struct {
	dir  string
	json bool
}

// maxFile bounds what is read from files.
const maxFile = 2 << 20

// desk is the client of the desk that the folder names. A relative folder is
// made whole: the path of a socket must not depend on where we are later.
func (s *settings) desk() (*client.Client, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return nil, fmt.Errorf("find folder %q: %w", s.dir, err)
	}
	return client.New(dir), nil
}

// print writes data: JSON with --json, else what text makes of it.
func (s *settings) print(c *cobra.Command, data any, text func(io.Writer)) error {
	out := c.OutOrStdout()
	if s.json {
		return writeJSON(out, data)
	}
	var b bytes.Buffer
	text(&b)
	_, err := out.Write(b.Bytes())
	return err
}

func readFile(c *cobra.Command, path string) ([]byte, error) {
	var in io.Reader
	if path == "-" {
		in = c.InOrStdin()
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return b, err
}

// passphraseFlag adds --passphrase-file; what it returns reads the passphrase,
// typed unseen where no file is named.
func passphraseFlag(c *cobra.Command) func(again bool) ([]byte, error) {
	file := c.Flags().String("passphrase-file", "", "file whose first line is the passphrase; - for standard input; else it is typed")
	return func(again bool) ([]byte, error) {
		if *file == "" {
			return typed(c, again)
		}
		b, err := readFile(c, *file)
		if err != nil {
			return nil, fmt.Errorf("read passphrase: %w", err)
		}
		line, _, _ := bytes.Cut(b, []byte("\n"))
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
			return nil, fmt.Errorf("the passphrase in %s is empty", *file)
		}
		return line, nil
	}
}

// typed asks for a passphrase at the terminal, twice for a new one.
func typed(c *cobra.Command, again bool) ([]byte, error) {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("no terminal to type the passphrase at: give --passphrase-file; %w", errUsage)
	}
	ask := func(prompt string) ([]byte, error) {
		fmt.Fprint(c.ErrOrStderr(), prompt)
		defer fmt.Fprintln(c.ErrOrStderr())
		return term.ReadPassword(int(in.Fd()))
	}
	first, err := ask("Passphrase: ")
	if err != nil || !again {
		return first, err
	}
	second, err := ask("The same again: ")
	if err == nil && !bytes.Equal(first, second) {
		err = fmt.Errorf("the two passphrases differ")
	}
	return first, err
}

func parseID(s string) (signed.ID, error) {
	id, err := signed.ParseID(s)
	if err != nil {
		return id, fmt.Errorf("%q is no message id; %w", clean(s), errUsage)
	}
	return id, nil
}

func parseAddresses(values []string) ([]signed.Address, error) {
	var out []signed.Address
	for _, v := range values {
		a, err := signed.ParseAddress(strings.TrimSpace(v))
		if err != nil {
			return nil, fmt.Errorf("%q: %w; %w", clean(v), err, errUsage)
		}
		out = append(out, a)
	}
	return out, nil
}

// need marks flags that a command can't do without.
func need(c *cobra.Command, flags ...string) *cobra.Command {
	inner := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, f := range flags {
			if !c.Flags().Changed(f) {
				return fmt.Errorf("--%s is missing; %w", f, errUsage)
			}
		}
		return inner(c, args)
	}
	return c
}
