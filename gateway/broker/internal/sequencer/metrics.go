package sequencer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/monitor"
	"samband/gateway/signed"
)

// An alarmKind is one of the closed list below, or a stopKind: an operator must look.
type alarmKind string

const (
	alarmHeadAhead       alarmKind = "head-ahead"       // a desk signed that it verified more than the log has
	alarmHeadContradicts alarmKind = "head-contradicts" // a desk signed that it verified another log
	alarmJournalLost     alarmKind = "journal-lost"     // NATS lost acknowledged groups
	alarmJournalBent     alarmKind = "journal-bent"     // JOURNAL has a group that we did not write
	alarmTiles           alarmKind = "tiles-failed"     // tiles can't be written
	alarmTileDamaged     alarmKind = "tile-damaged"     // a file of a log was damaged
	alarmUnproven        alarmKind = "unproven"         // something can't be shown to a desk
	alarmAlarmsDamaged   alarmKind = "alarms-damaged"   // a file of the alarms that stand was damaged
)

// Metrics are what the writer counts.
type Metrics struct {
	duration prometheus.Observer
	size     prometheus.Observer
	alarms   *prometheus.GaugeVec
}

// NewMetrics makes and registers the writer's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		duration: monitor.Histogram(r, "samband_commit_duration_seconds",
			"Time from the first act of a group until its callers are answered.",
			prometheus.ExponentialBuckets(0.00025, 2, 14)).WithLabelValues(),
		size: monitor.Histogram(r, "samband_commit_group_size", "Acts that were committed as one group.",
			prometheus.ExponentialBuckets(1, 2, 13)).WithLabelValues(),
		alarms: monitor.Gauge(r, "samband_alarm",
			"How often something was seen, since the start, of which an alarm stands that an operator must look at; 0 once it is settled. desk caused it.", "desk", "kind"),
	}
	for _, a := range []alarmKind{alarmHeadAhead, alarmHeadContradicts, alarmJournalLost, alarmJournalBent, alarmTiles, alarmTileDamaged, alarmUnproven, alarmAlarmsDamaged} {
		m.alarms.WithLabelValues("", string(a))
	}
	for _, k := range stopKinds {
		m.alarms.WithLabelValues("", string(k))
	}
	return m
}

func (m *Metrics) committed(d time.Duration, acts int) {
	m.duration.Observe(d.Seconds())
	m.size.Observe(float64(acts))
}

func (m *Metrics) alarm(kind alarmKind, desk signed.Address) {
	m.alarms.WithLabelValues(string(desk), string(kind)).Inc()
}

// settled takes the series of a desk away: the counters of refusals by desk stay.
func (m *Metrics) settled(kind alarmKind, desk signed.Address) {
	if desk == "" {
		m.alarms.WithLabelValues("", string(kind)).Set(0)
		return
	}
	m.alarms.DeleteLabelValues(string(desk), string(kind))
}
