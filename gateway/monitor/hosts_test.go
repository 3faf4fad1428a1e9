package monitor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// ask writes a request line and a Host as they are; "-" is no Host at all.
func ask(t *testing.T, url, line, host string) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n", line)
	if host != "-" {
		fmt.Fprintf(conn, "Host: %s\r\n", host)
	}
	fmt.Fprint(conn, "Connection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s of %s: %v", line, host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A name that nobody configured gets nothing of any path: a web page could have made
// it lead here.
func TestHosts(t *testing.T) {
	url := serveFor(t, []string{"monitor.nordic.example"})
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/none", "*"} {
		for host, answers := range map[string]bool{
			"127.0.0.1": true, "127.0.0.1:9464": true, "10.0.0.1:80": true, "[::1]:9464": true, "[::1]": true, "localhost": true, "LOCALHOST:1": true,
			"monitor.nordic.example": true, "Monitor.Nordic.Example:9464": true,
			"": false, "attacker.example": false, "attacker.example:9464": false, "127.0.0.1.attacker.example": false,
			"localhost.attacker.example": false, "xmonitor.nordic.example": false, "localhost.": false, "0x7f000001": false, "2130706433": false, "127.1": false,
		} {
			code, body := ask(t, url, "GET "+path+" HTTP/1.1", host)
			if (code != http.StatusMisdirectedRequest) != answers || !answers && !strings.Contains(body, "metrics-hosts") {
				t.Errorf("%s of %q: %d %.60q", path, host, code, body)
			}
		}
	}
	if code, _ := ask(t, url, "GET /metrics HTTP/1.0", "-"); code != http.StatusMisdirectedRequest {
		t.Errorf("without a host: %d", code)
	}
	if code, _ := ask(t, url, "GET http://attacker.example/metrics HTTP/1.1", "127.0.0.1"); code != http.StatusMisdirectedRequest {
		t.Errorf("absolute form: %d", code)
	}
}

// Only the three paths are here, as they are spelled.
func TestPathsAreExact(t *testing.T) {
	url := serveFor(t, nil)
	for _, line := range []string{
		"GET /", "GET //metrics", "GET /metrics/", "GET /x/../metrics", "GET /%6detrics", "POST /metrics", "OPTIONS *", "CONNECT 127.0.0.1:1", "OPTIONS /metrics",
	} {
		if code, body := ask(t, url, line+" HTTP/1.1", "127.0.0.1:1"); code != http.StatusNotFound || !strings.HasPrefix(body, "only ") {
			t.Errorf("%s: %d %q", line, code, body)
		}
	}
	if code, _ := ask(t, url, "GET /healthz?x=1 HTTP/1.1", "127.0.0.1"); code != http.StatusOK {
		t.Errorf("with a query: %d", code)
	}
	if resp, err := http.Head(url + "/healthz"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %v, %v", resp, err)
	}
}

func TestCheckHosts(t *testing.T) {
	if err := CheckHosts([]string{"monitor.nordic.example", "broker"}); err != nil {
		t.Error(err)
	}
	for _, host := range []string{"", "broker:9464", "http://broker", "a b"} {
		if err := CheckHosts([]string{host}); err == nil || !strings.Contains(err.Error(), "metrics-hosts") {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func serveFor(t *testing.T, hosts []string) string {
	return serveHandler(t, Handler(prometheus.NewRegistry(), nil, hosts))
}
