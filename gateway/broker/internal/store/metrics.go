package store

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds what one scrape asks of JetStream.
const scrapeTimeout = time.Second

var (
	journalBytes = prometheus.NewDesc("samband_journal_bytes",
		"Bytes of the groups in the JOURNAL.", nil, nil)
	journalLimit = prometheus.NewDesc("samband_journal_limit_bytes",
		"Most bytes that the groups in the JOURNAL may be.", nil, nil)
)

// A Store is a collector of what it measures. A value that can't be had is left out
// of the scrape, so that its absence can raise an alert.
var _ prometheus.Collector = (*Store)(nil)

// Describe and Collect are for the registry.
func (s *Store) Describe(ch chan<- *prometheus.Desc) {
	ch <- journalBytes
	ch <- journalLimit
}

func (s *Store) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if used, limit, err := s.Usage(ctx); err == nil {
		ch <- gauge(journalBytes, used)
		ch <- gauge(journalLimit, limit)
	}
}

func gauge(desc *prometheus.Desc, v int64) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(v))
}
