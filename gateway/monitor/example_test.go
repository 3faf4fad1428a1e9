package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/monitor"
)

// What an operator sees while one dependency is ill.
func Example() {
	handler := monitor.Handler(prometheus.NewRegistry(), []monitor.Check{
		{Name: "journal", Run: func(context.Context) error { return nil }},
		{Name: "tiles", Run: func(context.Context) error { return errors.New("behind by 12 leaves") }},
		{Name: "clock", Run: func(context.Context) error { return errors.New("in doubt") }, Note: true},
	}, nil)
	for _, path := range []string{"/healthz", "/readyz"} {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest("GET", path, nil)
		request.Host = "127.0.0.1:9464"
		handler.ServeHTTP(answer, request)
		fmt.Print(answer.Code, "\n", answer.Body)
	}
	// Output:
	// 200
	// ok
	// 503
	// journal: ok
	// tiles: NOT READY: behind by 12 leaves
	// clock: note: in doubt
}
