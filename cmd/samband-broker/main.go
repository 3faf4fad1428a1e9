// Samband-broker runs an exchange's broker and brings register entries into it.
//
//	samband-broker init --dir DIR --name nordic.example --host broker.nordic.example
//	samband-broker init --dir DIR --federation FILE
//	samband-broker serve --dir DIR
//	samband-broker catalogue --dir DIR FILE
//	samband-broker enter --dir DIR FILE...
//	samband-broker clock --dir DIR [TIME]
//	samband-broker mend --dir DIR --from BACKUP | --journal
//	samband-broker status --dir DIR
//	samband-broker settle --dir DIR KIND [DESK]
//	samband-broker check-config --dir DIR
//
// init runs twice: first it makes the broker's keys and the card that the
// founders of the exchange need; then it takes the federation file that they
// signed and makes the data folder, once and never again. serve alone locks the
// folder; mend needs it stopped; enter, clock, status and settle ask it through the socket in its data. The folder is
// --dir, or SAMBAND_DIR, or the current one. Data goes to standard output, as JSON
// with --json; everything else to standard error.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused, 5 try again.
package main

import (
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

type program struct{ cli.Program }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{cli.Program{Settings: "broker.yaml", NotServed: broker.ErrNotServed}}
	p.Setting = p.settingOf
	root := &cobra.Command{Use: "samband-broker", Short: "The broker of an exchange"}
	p.Flags(root, cli.DirOfEnvironment(), "the broker's folder")
	root.AddCommand(newInit(p), newServe(p), newEnter(p), newTLSKeys(p), newClock(p), newCatalogue(p), newMend(p), newStatus(p), newSettle(p), newCheckConfig(p))
	return p.Run(root, args, stdin, stdout, stderr)
}

// settingOf is the setting that an address stands in.
func (p *program) settingOf(a net.Addr) string {
	s, err := broker.ReadSettings(p.Dir)
	if err != nil {
		return "listen"
	}
	if metrics, err := net.ResolveTCPAddr("tcp", s.Metrics); err == nil && metrics.String() == a.String() {
		return "metrics"
	}
	return "listen"
}
