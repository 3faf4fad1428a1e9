package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
)

func newStatus(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the broker stands", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := broker.NewClient(p.Dir)
			if err != nil {
				return err
			}
			st, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			return p.Print(c, st, func(w io.Writer) { showStatus(w, st) })
		},
	}
}

// findingText says what a start found, and what it did about it.
var findingText = map[string]string{
	"journal-ahead": "killed between JOURNAL and records: the records were completed",
	"journal-lost":  "NATS LOST ACKNOWLEDGED GROUPS: they were written back from the records, and senders are asked for open messages",
	"tiles-behind":  "leaves had no tiles yet: they are written now",
	"tiles-gone":    "tiles were missing or damaged: they were made anew from the records",
	"index-behind":  "the index was brought up",
	"index-lost":    "the index was of another past: it was made anew",
}

func showStatus(w io.Writer, st *broker.Status) {
	fmt.Fprintf(w, "Exchange: %s\n", st.Exchange)
	fmt.Fprintf(w, "Desks:    https://%s\n", st.Desks)
	if st.Metrics != "" {
		fmt.Fprintf(w, "Metrics:  http://%s/metrics, also /healthz and /readyz\n", st.Metrics)
	}
	if st.Audit.Origin != "" { // a start that stopped has read no log
		fmt.Fprintf(w, "Logs:     %d entries of audit, %d of register\n", st.Audit.Size, st.Register.Size)
	}
	showClock(w, st.Clock)
	if len(st.Found) == 0 && st.Stopped == "" {
		fmt.Fprintln(w, "Start:    records, JOURNAL, tiles and index end together")
	}
	for _, f := range st.Found {
		fmt.Fprintf(w, "Start:    %s\n", findingText[f])
	}
	for _, a := range st.Alarms {
		who := ""
		if a.Desk != "" {
			who = " by " + string(a.Desk)
		}
		fmt.Fprintf(w, "ALARM:    %s%s since %s: %s\n", a.Kind, who, a.Since, cli.Clean(a.Detail))
		fmt.Fprintf(w, "Next:     see the runbook under Alarm. Once it is settled: samband-broker settle %s %s\n", a.Kind, a.Desk)
	}
	for _, why := range st.Damaged {
		fmt.Fprintf(w, "DAMAGED:  %s\n", cli.Clean(why))
	}
	for _, hash := range st.Lacks {
		fmt.Fprintf(w, "LACKS the catalogue bundle %s: desks can't fetch it\n", hash)
		fmt.Fprintln(w, "Next:     ask the root's parties for its file, then: samband-broker catalogue FILE")
	}
	switch {
	case st.Stopped != "":
		fmt.Fprintf(w, "ACCEPTS NOTHING: %s\n", st.Stopped)
		fmt.Fprintf(w, "Next:     copy the whole data folder; it has deleted nothing. Then: %s.\n", nextOf(st.Stopped))
	case st.Waits != "":
		fmt.Fprintf(w, "Accepts no messages for now: %s\n", st.Waits)
	default:
		fmt.Fprintln(w, "Accepts messages")
	}
}

// putBack says how to restore records that the disk lost.
const putBack = "stop; samband-broker mend --from BACKUP, which joins what is whole of the records, of the newest backup and of the journal; start. If it says that groups are whole nowhere, take a newer backup. There is none: it stays stopped"

// mendIt says what to do about records that the disk damaged.
const mendIt = "a disk fault, or a hand in the folder: test the disk; stop; samband-broker mend --from BACKUP; start"

// afterStop says what to do about each reason for which the writer stops. The
// runbook has the same words, with what is so, under "When it runs and accepts
// nothing".
var afterStop = map[string]string{
	"fenced-out":      "find the second broker and stop it; find out who started it; restart this one",
	"archive-failed":  "look at the disk (dmesg, df); mend it; restart",
	"index-failed":    "look at the disk; delete index.db with its -wal and -shm; restart. If it stops again with the same words, the records are wrong, by a fault of the program: send the log lines to the makers",
	"records-lost":    putBack,
	"journal-hole":    putBack,
	"group-bent":      mendIt,
	"records-damaged": mendIt,
	"log-contradicts": "wrong folders put together? If not, treat it as an attack: call the auditors",
	"checkpoint-bent": "test the disk; ask who was in the folder. If the rest of data/ is sound, delete this one file, in the folder that the log line names, and restart: it is made anew from the records. If they lack the newest entries, the first desk that calls shows it, as tail-lost",
	"tail-lost":       "an old data/ was put back, or acknowledged entries were lost. Put the newest data/ back if there is a newer one. If there is none, this exchange can't go on here: call the root's parties. Do not make a new log in its place",
	"fault":           "restart; send the log lines to the makers",
}

// nextOf is what to do about a broker that has stopped.
func nextOf(stopped string) string {
	kind, _, _ := strings.Cut(stopped, ":")
	return afterStop[kind]
}
