package edge

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/monitor"
	"samband/gateway/signed"
)

// metrics of the edge. Labels come from closed sets: routes of the contract,
// codes of the closed list, desks of the register.
type metrics struct {
	duration    *prometheus.HistogramVec
	rejections  *prometheus.CounterVec
	tlsFailures prometheus.Counter
	turnedAway  *prometheus.CounterVec
	faults      *prometheus.CounterVec
	connected   *prometheus.GaugeVec
	lastSeen    *prometheus.GaugeVec
	yields      *prometheus.CounterVec
	shared      *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	return &metrics{
		duration: monitor.Histogram(r, "samband_http_request_duration_seconds",
			"Time from a request's header lines to its answer; long polls wait on purpose.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}, "route", "class"),
		rejections: monitor.Counter(r, "samband_message_rejections_total",
			"Calls, and items of a sequence, answered with a problem, by the desk that called and the problem's code.",
			"desk", "code"),
		tlsFailures: monitor.Counter(r, "samband_edge_tls_failures_total",
			"Connections that did not become one: no finished handshake of TLS 1.3, or turned away after it.").WithLabelValues(),
		turnedAway: monitor.Counter(r, "samband_edge_turned_away_total",
			"Connections whose handshake was finished and that got one answer, by its problem's code: a key that the register names for no desk, a desk that is barred, no room.", "code"),
		faults: monitor.Counter(r, "samband_edge_faults_total",
			"What the HTTP server reported of a desk's connections, such as a breach of HTTP/2, and pauses of a desk that sends more than its calls read; of no connection where the desk is empty.", "desk"),
		connected: monitor.Gauge(r, "samband_desk_connected", "Open connections of a desk.", "desk"),
		lastSeen:  monitor.Gauge(r, "samband_desk_last_seen_timestamp_seconds", "When a desk last called, in Unix time.", "desk"),
		yields: monitor.Counter(r, "samband_desk_poll_yields_total",
			"Polls of a desk that met an older one of the same desk at the same feed, both over live connections, and calls and connections that other connections of their desk left no room.", "desk"),
		shared: monitor.Counter(r, "samband_desk_ring_shared_total",
			"Alarms that two programs use a desk's online ring: three such yields within a minute.", "desk"),
	}
}

// Expect shows a desk as not connected until it is: one that never came is dark
// too. A desk that is barred is not expected any more.
func (e *Edge) Expect(desk signed.Address) {
	barred := e.cfg.Barred(desk)
	for _, counter := range []*prometheus.CounterVec{e.metrics.yields, e.metrics.shared, e.metrics.faults} {
		counter.WithLabelValues(string(desk)) // shown from the beginning, so that its first step is seen
	}
	e.desks.count(desk, func(n int) {
		if n > 0 || !barred {
			e.metrics.connected.WithLabelValues(string(desk)).Set(float64(n))
			return
		}
		e.metrics.connected.DeleteLabelValues(string(desk))
	})
}

// yielded counts a poll that met another of its desk, and whether it is the alarm.
func (m *metrics) yielded(desk signed.Address, alarm bool) {
	m.yields.WithLabelValues(string(desk)).Inc()
	if alarm {
		m.shared.WithLabelValues(string(desk)).Inc()
	}
}

// observe counts an answer under its route and the first digit of its status.
func (m *metrics) observe(route string, status int, took time.Duration) {
	m.duration.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}
