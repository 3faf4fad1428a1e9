// Package monitor is what an operator watches: metrics, health and the log.
//
// Broker and desk each open one listener for it, apart from the one that serves
// messages:
//
//	/metrics   Prometheus
//	/healthz   200 while the process answers at all
//	/readyz    200 when every dependency is well, else 503; a line for each
//
// Nothing shown here names a message, a case or an officer. Who asks by a host's name
// must ask by one that the settings have, so that no web page reads this through the
// browser of somebody who can reach it.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/term"
)

// Counter, Gauge and Histogram make a metric and register it.
func Counter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	return promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func Gauge(r prometheus.Registerer, name, help string, labels ...string) *prometheus.GaugeVec {
	return promauto.With(r).NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func Histogram(r prometheus.Registerer, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// A Check asks one dependency whether it is well. The error's text is shown to
// the operator.
type Check struct {
	Name string
	Run  func(context.Context) error
	Note bool // what it says is to be known, and takes nothing out of service
}

// checkTime bounds all checks of one /readyz.
const checkTime = 5 * time.Second

// Handler serves the three paths, as they are spelled, to whoever asks by an IP
// address, by localhost, or by one of these hosts.
func Handler(g prometheus.Gatherer, checks []Check, hosts []string) http.Handler {
	metrics := promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			path = ""
		}
		switch {
		case !asked(r, hosts):
			http.Error(w, "this host is not in metrics-hosts of the settings: ask by the IP address, or add it there", http.StatusMisdirectedRequest)
		case path == "/metrics":
			metrics.ServeHTTP(w, r)
		case path == "/healthz":
			fmt.Fprintln(w, "ok")
		case path == "/readyz":
			ctx, cancel := context.WithTimeout(r.Context(), checkTime)
			defer cancel()
			ready(ctx, w, checks)
		default:
			http.Error(w, "only /metrics, /healthz and /readyz are here", http.StatusNotFound)
		}
	})
}

func ready(ctx context.Context, w http.ResponseWriter, checks []Check) {
	status := http.StatusOK
	var lines strings.Builder
	for _, c := range checks {
		switch err := c.Run(ctx); {
		case err == nil:
			fmt.Fprintf(&lines, "%s: ok\n", c.Name)
		case c.Note:
			fmt.Fprintf(&lines, "%s: note: %v\n", c.Name, err)
		default:
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&lines, "%s: NOT READY: %v\n", c.Name, err)
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, lines.String())
}

// Serve answers on ln until ctx ends, then closes it.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, DisableGeneralOptionsHandler: true}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Logger writes text for a person at a terminal and JSON lines for anything else.
func Logger(w *os.File) *slog.Logger {
	if term.IsTerminal(int(w.Fd())) {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}
