package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/cmd/internal/scripts"
)

// Stories of people who type at a terminal.
func TestAtTerminal(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/terminal",
		Setup: func(e *testscript.Env) error { return found(e.WorkDir) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"at-terminal": scripts.AtTerminal,
			"waitfor":     waitfor,
		},
	})
}
