package router

import (
	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/monitor"
)

// Outcomes of a message, as samband_messages_total counts them. The kinds of the
// log's events are among them.
const (
	outcomeAccepted = "accepted"
	outcomeRepeated = "repeated" // known already: the first acceptance again
	outcomeRestored = "restored" // known, and its lost bytes taken again
	outcomeRejected = "rejected" // refused for good
)

// Metrics of the broker's traffic. Types are those that were accepted, and so of
// the catalogue.
type Metrics struct {
	messages *prometheus.CounterVec
	delivery *prometheus.HistogramVec
}

// NewMetrics makes and registers the metrics of traffic.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{
		messages: monitor.Counter(r, "samband_messages_total",
			"What became of messages, by type, urgency and outcome.", "type", "urgency", "outcome"),
		delivery: monitor.Histogram(r, "samband_delivery_duration_seconds",
			"Logged time from a message's acceptance until its recipient had it.",
			[]float64{1, 5, 10, 30, 60, 300, 1800, 3600, 28800, 259200}, "urgency"),
	}
}

func (m *Metrics) message(of *journal.Message, outcome string) {
	m.messages.WithLabelValues(of.Type, of.Urgency, outcome).Inc()
}

// TimedOut counts a message that expired or lapsed.
func (m *Metrics) TimedOut(of *journal.Message) { m.message(of, string(of.End.Kind)) }

// rejected counts the entries by which a call's items were refused.
func (m *Metrics) rejected(results []journal.Result) {
	for _, r := range results {
		if r.Err != nil && r.Done.Event != nil && !r.Done.Known {
			m.messages.WithLabelValues("", "", outcomeRejected).Inc()
		}
	}
}

// stated counts an event that a desk stated. A message is delivered with the
// first of them.
func (m *Metrics) stated(of *journal.Message, e *journal.Event) {
	m.message(of, string(e.Kind))
	if of.Accepted != nil && (of.Consigned == nil || of.Consigned == e) {
		m.delivery.WithLabelValues(of.Urgency).Observe(e.Time.Sub(of.Accepted.Time).Seconds())
	}
}
