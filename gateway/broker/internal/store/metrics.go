package store

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds what one scrape asks of JetStream.
const scrapeTimeout = time.Second

var (
	freeBytes = prometheus.NewDesc("samband_storage_free_bytes",
		"Bytes left on the disk of the JOURNAL.", nil, nil)
	journalBytes = prometheus.NewDesc("samband_journal_bytes",
		"Bytes of the groups in the JOURNAL.", nil, nil)
	journalLimit = prometheus.NewDesc("samband_journal_limit_bytes",
		"Most bytes that the groups in the JOURNAL may be.", nil, nil)
)

// Collectors returns what the store measures. A value that can't be had is left
// out of the scrape, so that its absence can raise an alert.
func (s *Store) Collectors() []prometheus.Collector {
	return []prometheus.Collector{gauges{s}}
}

type gauges struct{ store *Store }

func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- freeBytes
	ch <- journalBytes
	ch <- journalLimit
}

func (g gauges) Collect(ch chan<- prometheus.Metric) {
	if d, err := diskOf(g.store.dir); err == nil {
		ch <- gauge(freeBytes, d.free)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if used, limit, err := g.store.Usage(ctx); err == nil {
		ch <- gauge(journalBytes, used)
		ch <- gauge(journalLimit, limit)
	}
}

func gauge(desc *prometheus.Desc, v int64) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(v))
}
