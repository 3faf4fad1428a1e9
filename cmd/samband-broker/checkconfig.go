package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"samband/gateway/broker"
)

// shown are the settings under the names that the file gives them. It is
// broker.Settings, field by field, so a new one can't be left out here.
type shown struct {
	Keys         string   `json:"keys"`
	Data         string   `json:"data"`
	Listen       string   `json:"listen"`
	Metrics      string   `json:"metrics"`
	MetricsHosts []string `json:"metrics-hosts"`
	JournalBytes int64    `json:"journal-bytes"`
	ReserveBytes int64    `json:"reserve-bytes"`

	Quotas broker.Quotas `json:"quotas"` // the defaults too
}

func newCheckConfig(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "check-config", Short: "Read and check the settings without starting, and say each", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := broker.ReadSettings(p.Dir)
			if err != nil {
				return err
			}
			settings.Quotas = settings.Quotas.Filled()
			return p.Print(c, shown(settings), func(w io.Writer) { showSettings(w, shown(settings)) })
		},
	}
}

// showSettings says what runs, the defaults too.
func showSettings(w io.Writer, s shown) {
	journal := "40 % of the disk"
	if s.JournalBytes != 0 {
		journal = fmt.Sprintf("%d bytes", s.JournalBytes)
	}
	reserve := "a sixteenth of it, from 32 MiB to 1 GiB,"
	if s.ReserveBytes != 0 {
		reserve = fmt.Sprintf("%d bytes", s.ReserveBytes)
	}
	fmt.Fprintln(w, "The settings are in order.")
	for _, line := range [][2]string{
		{"keys", "keys and federation file lie in " + s.Keys},
		{"data", "everything else lies in " + s.Data},
		{"listen", "desks connect at " + s.Listen},
		{"metrics", "metrics and health are at " + cmp.Or(s.Metrics, "no address: nobody can watch this broker")},
		{"metrics-hosts", "they are asked by IP address, or as " + strings.Join(append([]string{"localhost"}, s.MetricsHosts...), ", ")},
		{"journal-bytes", "JOURNAL holds at most " + journal + "; at four fifths nothing new is accepted"},
		{"reserve-bytes", "of each disk with data, " + reserve + " only ends may use"},
		{"quotas", fmt.Sprintf("a desk sends at most %d messages of %d bytes in one go, and %d of %d bytes each second; a party %d times as much",
			s.Quotas.Messages, s.Quotas.Bytes, s.Quotas.MessagesASecond, s.Quotas.BytesASecond, s.Quotas.Party)},
	} {
		fmt.Fprintf(w, "%-14s %s\n", line[0]+":", line[1])
	}
}
