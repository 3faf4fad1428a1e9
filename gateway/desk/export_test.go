package desk

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// RowsRead is what the desk's database has given since it was opened.
func (d *Desk) RowsRead() int64 { return d.room.Store.RowsRead() }

// Metrics are the desk's own.
func (d *Desk) Metrics() prometheus.Gatherer { return d.metrics.registry }

// Ready is what a line of /readyz says; nil: it is well.
func (d *Desk) Ready(line string) error {
	for _, c := range d.checks() {
		if c.Name == line {
			return c.Run(context.Background())
		}
	}
	panic("no such line: " + line)
}
