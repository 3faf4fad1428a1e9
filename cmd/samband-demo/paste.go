package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"samband/gateway/gatewaytest"
)

// toPaste are lines for a second terminal, while the exchange stays up.
func toPaste(x *gatewaytest.Exchange) string {
	broker := x.BrokerDir()
	return fmt.Sprintf(`
The exchange stays up until Ctrl-C. In a second terminal, from this repository:

  Search the broker's folder for the suspect (it finds nothing):
    grep -ra %[1]q %[2]s | wc -l

  Read who wrote to whom, under which law; the rest is age:
    head -n 20 %[3]s

  Verify both logs, then flip a byte in a copy and let the tool name the place:
    go run ./cmd/samband-audit verify --federation %[4]s %[5]s %[6]s
    cp -r %[5]s %[7]s
    printf '\377' | dd of=%[7]s/$(cd %[7]s; find tile/entries -type f | sort | tail -n 1) bs=1 seek=40 conv=notrunc
    go run ./cmd/samband-audit verify --federation %[4]s %[7]s

  Watch what an operator watches:
    curl -s http://%[8]s/metrics | grep ^samband_
    curl -s http://%[8]s/readyz
`, "Åkerblåst", broker, filepath.Join(x.Dir, "sample", "envelope"), x.FederationFile(),
		filepath.Join(broker, "data", "log", "audit"), filepath.Join(broker, "data", "log", "register"),
		filepath.Join(x.Dir, "audit-copy"), x.Metrics)
}

// printProcesses prints how to start each process of the exchange, and a first
// message to send by command line.
func printProcesses(p *printer, x *gatewaytest.Exchange) error {
	passphrase, body := filepath.Join(x.Dir, "passphrase"), filepath.Join(x.Dir, "sample", "spontaneous.json")
	b, err := caseFile("07-spontaneous.json")
	err = errors.Join(err, writeFile(passphrase, []byte(gatewaytest.Passphrase+"\n"), 0o600), writeFile(body, b, 0o644))
	if err != nil {
		return err
	}
	var out, unlock strings.Builder
	fmt.Fprintf(&out, "# The broker, and each desk, in a terminal of its own:\ngo run ./cmd/samband-broker serve --dir %s\n", x.BrokerDir())
	for _, party := range x.Plan.Parties {
		for _, d := range party.Desks {
			fmt.Fprintf(&out, "go run ./cmd/samband-desk serve --dir %s\n", x.DeskDir(d.Address))
			fmt.Fprintf(&unlock, "go run ./cmd/samband-desk unlock --dir %s --passphrase-file %s\n", x.DeskDir(d.Address), passphrase)
		}
	}
	fmt.Fprintf(&out, "\n# A desk starts locked: it stores and consigns. Unlocked, it sends and opens:\n%s", &unlock)
	fmt.Fprintf(&out, `
# Finland sends, Sweden reads. In between press Ctrl-\ in the broker's terminal, if you like, and start it
# again: that ends it at once, as a power cut would, and no other broker of this machine:
go run ./cmd/samband-desk send --dir %[1]s --to se.spoc --type SPONTANEOUS --body %[2]s
go run ./cmd/samband-desk outbox --dir %[1]s
go run ./cmd/samband-desk inbox --dir %[3]s

# What an operator watches, and what an outsider proves:
curl -s http://%[4]s/readyz
go run ./cmd/samband-audit verify --federation %[5]s %[6]s
`, x.DeskDir(finland), body, x.DeskDir(sweden), x.Metrics, x.FederationFile(), filepath.Join(x.BrokerDir(), "data", "log", "audit"))
	_, err = fmt.Fprint(p.out, out.String())
	return err
}
