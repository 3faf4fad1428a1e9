package desk

import "github.com/prometheus/client_golang/prometheus"

// RowsRead is what the desk's database has given since it was opened.
func (d *Desk) RowsRead() int64 { return d.room.Store.RowsRead() }

// Metrics are the desk's own.
func (d *Desk) Metrics() prometheus.Gatherer { return d.metrics.registry }
