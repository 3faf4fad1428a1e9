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
	faults      *prometheus.CounterVec
	connected   *prometheus.GaugeVec
	lastSeen    *prometheus.GaugeVec
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
			"Connections that did not become one: no certificate, one that was refused, or no TLS 1.3.").WithLabelValues(),
		faults: monitor.Counter(r, "samband_edge_faults_total",
			"What the HTTP server reported of a desk's connections, such as a breach of HTTP/2; of no connection where the desk is empty.", "desk"),
		connected: monitor.Gauge(r, "samband_desk_connected", "Open connections of a desk.", "desk"),
		lastSeen:  monitor.Gauge(r, "samband_desk_last_seen_timestamp_seconds", "When a desk last called, in Unix time.", "desk"),
	}
}

// Expect shows a desk as not connected until it is: one that never came is dark
// too. A desk that is barred is not expected any more.
func (e *Edge) Expect(desk signed.Address) {
	barred := e.cfg.Barred(desk)
	e.desks.count(desk, func(n int) {
		if n > 0 || !barred {
			e.metrics.connected.WithLabelValues(string(desk)).Set(float64(n))
			return
		}
		e.metrics.connected.DeleteLabelValues(string(desk))
	})
}

// observe counts an answer under its route and the first digit of its status.
func (m *metrics) observe(route string, status int, took time.Duration) {
	m.duration.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}
