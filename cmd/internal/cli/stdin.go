package cli

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// StandardInput reports whether a word of a command line names standard input.
func StandardInput(word string) bool {
	return slices.Contains([]string{"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}, word)
}

// readsOnce refuses a command line that names standard input twice: whoever reads it second
// would find it empty.
func readsOnce(c *cobra.Command, args []string) error {
	var named []string
	note := func(what string, words ...string) {
		for _, w := range words {
			if StandardInput(w) {
				named = append(named, what)
			}
		}
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		if many, ok := f.Value.(pflag.SliceValue); ok {
			note("--"+f.Name, many.GetSlice()...)
		} else {
			note("--"+f.Name, f.Value.String())
		}
	})
	note("an argument", args...)
	if len(named) > 1 {
		return &inputTwice{fmt.Errorf("standard input can be read once, and %s name it: nothing was read", strings.Join(named, " and "))}
	}
	return nil
}

// An inputTwice is wrong usage that says itself what to do.
type inputTwice struct{ error }

func (e *inputTwice) Unwrap() error { return &usageError{e.error} }
func (e *inputTwice) Next() string  { return "write all but one of them to a file, and name that" }

// Agrees asks a person at the terminal; known is false where nobody can be asked.
func Agrees(c *cobra.Command, question string) (yes, known bool) {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return false, false
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(line), "y"), true
}
