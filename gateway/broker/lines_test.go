package broker_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"samband/gateway/broker"
)

type sharedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *sharedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// A desk that breaks HTTP/2 again and again is counted by its name, and makes few lines,
// each of which names it; strangers that do the same make none.
func TestLinesThatADeskCauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var out sharedBuffer
	b := w.start(func(c *broker.Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
	se := w.desks["se.spoc"]
	conf := se.TLSConfig(w.register.Federation())
	stranger := conf.Clone()
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
	const faults = 62 // connections of one desk; it may have no more at once
	for range faults {
		breakHTTP2(t, b.Address(), conf)
		breakHTTP2(t, b.Address(), stranger)
	}
	if _, metrics := b.get(t, "/metrics"); !strings.Contains(metrics, fmt.Sprintf("samband_edge_faults_total{desk=\"se.spoc\"} %d\n", faults)) {
		t.Error("the faults are not counted")
	}
	b.stop()
	lines := out.String()
	if n := strings.Count(lines, `msg="http server"`); n == 0 || n >= faults || n != strings.Count(lines, "desk=se.spoc") {
		t.Errorf("%d lines of %d faults: %.1000s", n, faults, lines)
	}
}

// breakHTTP2 makes a connection, breaks a rule of HTTP/2, and ends it when the broker has
// said so.
func breakHTTP2(t *testing.T, address string, conf *tls.Config) {
	t.Helper()
	c, err := tls.Dial("tcp", address, conf)
	check(t, err)
	defer c.Close()
	// SETTINGS; then WINDOW_UPDATE by 0, which is an error of the connection.
	_, err = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	check(t, err)
	for kind := byte(0); kind != 7; { // until it says GOAWAY
		var head [9]byte
		_, err := io.ReadFull(c, head[:])
		check(t, err)
		_, err = io.CopyN(io.Discard, c, int64(head[1])<<8|int64(head[2]))
		check(t, err)
		kind = head[3]
	}
}
