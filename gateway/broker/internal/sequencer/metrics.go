package sequencer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An Alarm is something that an operator must look at.
type Alarm string

// The closed list of alarms; a stop raises that of its kind.
const (
	AlarmHeadAhead       Alarm = "head-ahead"       // a desk signed that it verified more than the log has
	AlarmHeadContradicts Alarm = "head-contradicts" // a desk signed that it verified another log
	AlarmJournalLost     Alarm = "journal-lost"     // NATS lost acknowledged groups
	AlarmJournalBent     Alarm = "journal-bent"     // JOURNAL holds a group that we did not write
	AlarmTiles           Alarm = "tiles-failed"     // tiles can't be written
)

var alarms = []Alarm{AlarmHeadAhead, AlarmHeadContradicts, AlarmJournalLost, AlarmJournalBent, AlarmTiles}

// Metrics are what the writer counts.
type Metrics struct {
	duration prometheus.Histogram
	size     prometheus.Histogram
	alarms   *prometheus.GaugeVec
}

// NewMetrics makes and registers the writer's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "samband_commit_duration_seconds",
			Help:    "Time from the first act of a group until its callers are answered.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "samband_commit_group_size",
			Help:    "Acts that were committed as one group.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}),
		alarms: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "samband_alarm",
			Help: "How often something happened since the start that an operator must look at.",
		}, []string{"kind"}),
	}
	for _, a := range alarms {
		m.alarms.WithLabelValues(string(a))
	}
	for _, k := range StopKinds {
		m.alarms.WithLabelValues(string(k))
	}
	r.MustRegister(m.duration, m.size, m.alarms)
	return m
}

func (m *Metrics) committed(d time.Duration, acts int) {
	m.duration.Observe(d.Seconds())
	m.size.Observe(float64(acts))
}

func (m *Metrics) alarm(a Alarm)         { m.alarms.WithLabelValues(string(a)).Inc() }
func (m *Metrics) stopped(kind StopKind) { m.alarms.WithLabelValues(string(kind)).Inc() }
