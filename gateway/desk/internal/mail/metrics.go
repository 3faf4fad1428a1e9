package mail

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what the room counts while it works.
type Metrics struct {
	verified prometheus.Gauge
	failures prometheus.Counter
	sealed   prometheus.Counter
	offset   prometheus.Gauge
	yielded  prometheus.Counter
}

func NewMetrics() *Metrics {
	return &Metrics{
		verified: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "samband_audit_last_verified_timestamp_seconds",
			Help: "When this desk last verified that both logs only grew.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "samband_audit_verification_failures_total",
			Help: "Answers of the broker that could not be verified against the logs known before.",
		}),
		sealed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "samband_envelopes_sealed_total",
			Help: "Envelopes that this desk sealed: one for each recipient that the law permits, and one for each text made anew.",
		}),
		yielded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "samband_polls_yielded_total",
			Help: "Polls of this desk whose place at the broker a newer one in its name took.",
		}),
		offset: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "samband_clock_offset_seconds",
			Help: "Logged time minus this desk's, as far as the last call could tell; 0 within its duration.",
		}),
	}
}

// Collectors are the metrics for a registry.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.verified, m.failures, m.sealed, m.offset, m.yielded}
}
