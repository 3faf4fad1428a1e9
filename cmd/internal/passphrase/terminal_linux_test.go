package passphrase

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/cmd/internal/scripts"
)

// People type at a terminal.
func TestTyped(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"at-terminal": scripts.AtTerminal},
	})
}
