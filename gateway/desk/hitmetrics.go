package desk

import (
	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/hit"
)

// hitMetrics are what is counted while queries are answered by machine. None tells who
// asks.
type hitMetrics struct {
	answered *prometheus.CounterVec
	limited  prometheus.Counter
	failed   prometheus.Counter
}

func newHitMetrics() *hitMetrics {
	m := &hitMetrics{
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "samband_hits_answered_total", Help: "Queries that a machine answered, by data set and outcome.",
		}, []string{"dataset", "outcome"}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "samband_hits_limited_total", Help: "Queries that had to wait since their sender had used up its limit.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "samband_hits_source_failures_total", Help: "Searches that failed, or took too long.",
		}),
	}
	for _, d := range hit.Datasets() {
		for _, o := range []hit.Outcome{hit.Hit, hit.NoHit, hit.Inconclusive} {
			m.answered.WithLabelValues(string(d), string(o)) // shown from the beginning
		}
	}
	return m
}

var (
	hitsWaiting = prometheus.NewDesc("samband_hits_waiting",
		"Queries that a machine may answer and has not, by what hinders it.", []string{"why"}, nil)
	hitsWaitingSeconds = prometheus.NewDesc("samband_hits_waiting_seconds",
		"How long the oldest of them has waited, as far as this process knows; 0 when none waits.", nil, nil)
)

// Describe is of prometheus.Collector.
func (h *hits) Describe(ch chan<- *prometheus.Desc) {
	ch <- hitsWaiting
	ch <- hitsWaitingSeconds
	h.metrics.answered.Describe(ch)
	h.metrics.limited.Describe(ch)
	h.metrics.failed.Describe(ch)
}

// Collect is of prometheus.Collector.
func (h *hits) Collect(ch chan<- prometheus.Metric) {
	by, oldest := h.count()
	for _, why := range hindrances {
		ch <- prometheus.MustNewConstMetric(hitsWaiting, prometheus.GaugeValue, float64(by[why]), string(why))
	}
	ch <- prometheus.MustNewConstMetric(hitsWaitingSeconds, prometheus.GaugeValue, oldest.Seconds())
	h.metrics.answered.Collect(ch)
	h.metrics.limited.Collect(ch)
	h.metrics.failed.Collect(ch)
}
