package store

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestCollectors(t *testing.T) {
	s := create(t)
	fill(t, s, 1)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(s)
	got := gather(t, reg)
	if got["samband_journal_bytes"] < 1000 || got["samband_journal_limit_bytes"] != testLimit {
		t.Errorf("measured %v", got)
	}
	s.Close()
	if got := gather(t, reg); len(got) != 0 {
		t.Errorf("a closed store measures %v", got)
	}
}

func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	return values
}
