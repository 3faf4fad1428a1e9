package edge

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/problem"
)

// A withholder sends so many TLS records and keeps back all that follow.
type withholder struct {
	net.Conn
	records int
	rest    int // bytes of the record that is being sent
	head    []byte
}

func (w *withholder) Write(b []byte) (int, error) {
	for i := range b {
		if w.rest == 0 {
			if w.head = append(w.head, b[i]); len(w.head) < 5 {
				continue
			}
			if w.records == 0 {
				return len(b), nil
			}
			w.records--
			w.rest = int(binary.BigEndian.Uint16(w.head[3:]))
			if _, err := w.Conn.Write(w.head); err != nil {
				return 0, err
			}
			w.head = nil
			continue
		}
		n := min(w.rest, len(b)-i)
		if _, err := w.Conn.Write(b[i : i+1]); err != nil {
			return 0, err
		}
		w.rest -= min(n, 1)
	}
	return len(b), nil
}

// claim shows a desk's certificate in a handshake, and stops before it signs.
func (b *bench) claim(from string, conf *tls.Config) {
	b.t.Helper()
	conf = conf.Clone()
	conf.ServerName = "127.0.0.1"
	// What is sent: the hello, a change of cipher, the certificate.
	c := tls.Client(&withholder{Conn: b.stranger(from), records: 3}, conf)
	if err := c.Handshake(); err != nil { // a client is done when it has sent its part
		b.t.Fatal(err)
	}
}

func (s *strangers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Len()
}

// until waits for what other goroutines do.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !met(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

// Guards finding: with another desk's certificate and no key, one stranger took all
// places of that desk.
func TestACertificateWithoutItsKeyIsNobody(t *testing.T) {
	b := newBench(t)
	conf := b.tls("se.spoc")
	const claims = maxOfDesk + 16
	for i := range claims {
		b.claim(net.IPv4(127, 0, 2, byte(i%8+1)).String(), conf)
	}
	for _, name := range []string{"samband_desk_connected", "samband_desk_last_seen_timestamp_seconds"} {
		if n := b.metric(name, "se.spoc"); n != 0 {
			t.Errorf("%s of the desk is %v", name, n)
		}
	}
	if n := b.edge.handshakes.count(); n != claims {
		t.Errorf("%d of %d claims are still strangers", n, claims)
	}
	if _, err := b.client("se.spoc").Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
		t.Errorf("the desk itself: %v", err)
	}
	if n := b.metric("samband_desk_connected", "se.spoc"); n != 1 {
		t.Errorf("the desk has %v connections", n)
	}
	until(t, "the claims are dropped", func() bool { return b.edge.handshakes.count() == 0 })
	if n := b.metric("samband_edge_tls_failures_total"); n != claims {
		t.Errorf("%v failures were counted of %d", n, claims)
	}
}

// A signature by another key is no handshake.
func TestAnotherKeyThanTheCertificates(t *testing.T) {
	b := newBench(t)
	stolen := b.pair("se.spoc")
	stolen.PrivateKey = must(certs.NewKey())(t)
	conf := b.shows(stolen)
	if _, err := b.clientOf(conf).Progress(context.Background(), api.Heads{}, api.Page{}); !errors.Is(err, api.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if n := b.metric("samband_desk_last_seen_timestamp_seconds", "se.spoc"); n != 0 {
		t.Error("the desk was seen")
	}
}

// What a caller sends before it is named is bounded; a chain of some certificates passes.
func TestHandshakeBytes(t *testing.T) {
	b := newBench(t)
	pair := b.pair("se.spoc")
	leaf := pair.Certificate[0]
	conf := b.shows(pair)
	for range 8 {
		pair.Certificate = append(pair.Certificate, leaf)
	}
	if _, err := b.clientOf(conf).Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
		t.Errorf("with a chain of %d bytes: %v", len(leaf)*len(pair.Certificate), err)
	}
	for len(leaf)*len(pair.Certificate) < maxHandshakeBytes {
		pair.Certificate = append(pair.Certificate, leaf)
	}
	if _, err := b.clientOf(conf).Progress(context.Background(), api.Heads{}, api.Page{}); !errors.Is(err, api.ErrUnreachable) {
		t.Errorf("with a chain of %d bytes: %v", len(leaf)*len(pair.Certificate), err)
	}
}

// Who is turned away learns why in the contract's words.
func TestWordsForWhoIsTurnedAway(t *testing.T) {
	b := newBench(t)
	b.mu.Lock()
	b.barred["fi.spoc"] = true
	b.mu.Unlock()
	for name, c := range map[string]struct {
		conf *tls.Config
		code problem.Code
		says string
	}{
		"no certificate": {b.shows(&tls.Certificate{}), problem.CertificateRefused, "no certificate was shown"},
		"unknown key":    {b.unknown("no.spoc"), problem.CertificateRefused, "names this TLS key for no desk"},
		"barred":         {b.tls("fi.spoc"), problem.DeskBarred, "the online ring of fi.spoc is revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := state(b.clientOf(c.conf), []byte("a note"))
			if p, ok := problem.Of(err); !ok || p.Code != c.code || !strings.Contains(p.Detail, c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	if n := b.metric("samband_desk_connected", "fi.spoc") + b.metric("samband_desk_last_seen_timestamp_seconds", "fi.spoc"); n != 0 {
		t.Error("a barred desk has a place")
	}
	for code, want := range map[problem.Code]float64{problem.CertificateRefused: 2, problem.DeskBarred: 1} {
		if n := b.metric("samband_edge_turned_away_total", string(code)); n != want {
			t.Errorf("%v were turned away with %s", n, code)
		}
	}
	if strings.Contains(b.log.String(), "no certificate was shown") || !strings.Contains(b.log.String(), "fi.spoc is revoked") {
		t.Errorf("the log has %s", b.log.String())
	}
}

// Who is turned away has few places, one answer and little time, and its body is not read.
func TestTurnedAwayAreFew(t *testing.T) {
	b := newBench(t)
	conf := b.unknown("no.spoc")
	conf.ServerName = "127.0.0.1"
	open := func(from string) *tls.Conn {
		c := tls.Client(b.stranger(from), conf)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	quiet := open("127.0.0.9")
	until(t, "the first is turned away", func() bool { return b.edge.refused.count() == 1 })
	for i := range maxRefused * 3 {
		open(net.IPv4(127, 0, 3, byte(i/maxRefusedOf+1)).String())
	}
	ended(t, quiet)
	if n := b.edge.refused.count(); n > maxRefused {
		t.Errorf("%d are turned away at once", n)
	}
	req := must(http.NewRequest("POST", b.url+"/v1/envelopes", io.MultiReader(strings.NewReader("x"), endlessReader{})))(t)
	resp := must(b.raw(conf).Do(req))(t)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an endless body is answered with %d", resp.StatusCode)
	}
	if _, err := b.client("se.spoc").Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
		t.Errorf("a desk beside them: %v", err)
	}
	until(t, "all are dropped", func() bool { return b.edge.refused.count() == 0 })
}

// A connection that is let in and says nothing does not keep the ones before it.
func TestSilentAfterTheHandshake(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	conf := b.unknown("no.spoc")
	conf.ServerName = "127.0.0.1"
	c := tls.Client(b.stranger("127.0.0.1"), conf)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(refusalTime + time.Second))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %s it is still there", refusalTime+time.Second)
	}
}

// BenchmarkHandshake is a desk's new connection with one call.
func BenchmarkHandshake(bench *testing.B) {
	b := newBench(bench)
	conf := b.tls("se.spoc")
	for bench.Loop() {
		c := must(api.New(api.Config{URL: b.url, TLS: conf}))(bench)
		if _, err := c.Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
			bench.Fatal(err)
		}
		c.Close()
	}
}
