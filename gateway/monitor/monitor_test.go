package monitor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func serve(t *testing.T, checks ...Check) string {
	t.Helper()
	return serveHandler(t, Handler(prometheus.NewRegistry(), checks, nil))
}

func serveHandler(t *testing.T, h http.Handler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestReadyNamesEachDependency(t *testing.T) {
	well := Check{Name: "journal", Run: func(context.Context) error { return nil }}
	ill := Check{Name: "tiles", Run: func(context.Context) error { return errors.New("behind by 12 leaves") }}
	odd := Check{Name: "clock", Note: true, Run: func(context.Context) error { return errors.New("in doubt") }}

	if code, body := get(t, serve(t, well)+"/readyz"); code != 200 || body != "journal: ok\n" {
		t.Errorf("well: %d %q", code, body)
	}
	if code, body := get(t, serve(t, well, odd)+"/readyz"); code != 200 || body != "journal: ok\nclock: note: in doubt\n" {
		t.Errorf("odd: %d %q", code, body)
	}
	url := serve(t, well, ill)
	if code, body := get(t, url+"/readyz"); code != 503 || body != "journal: ok\ntiles: NOT READY: behind by 12 leaves\n" {
		t.Errorf("ill: %d %q", code, body)
	}
	if code, body := get(t, url+"/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("health does not ask dependencies: %d %q", code, body)
	}
	if code, _ := get(t, url+"/metrics"); code != 200 {
		t.Errorf("metrics: %d", code)
	}
}
