package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"samband/cmd/internal/scripts"
)

// Stories of people who type at a terminal.
func TestAtTerminal(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/terminal",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"at-terminal": scripts.AtTerminal,
			"broker-card": brokerCard,
		},
	})
}
