package edge

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
)

// stranger opens a connection from an address and says nothing.
func (b *bench) stranger(from string) net.Conn {
	b.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c := must(dialer.Dial("tcp", strings.TrimPrefix(b.url, "https://")))(b.t)
	b.t.Cleanup(func() { c.Close() })
	return c
}

// dropped waits until the edge has closed a connection.
func dropped(t *testing.T, c net.Conn, within time.Duration) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(within))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after %s the edge still waits for a stranger: %v", within, err)
	}
}

// Strangers take each other's places, those of one address first, and neither
// that of a desk that is named nor that of one that comes.
func TestStrangersShutNobodyOut(t *testing.T) {
	b := newBench(t)
	named := b.client("se.spoc")
	call := func(c *api.Client) {
		t.Helper()
		if _, err := c.Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
			t.Error(err)
		}
	}
	call(named)
	quiet := b.stranger("127.0.0.2")
	var many []net.Conn
	for range 2 * maxOfSource {
		many = append(many, b.stranger("127.0.0.3"))
	}
	for _, c := range many[:maxOfSource] {
		dropped(t, c, time.Second)
	}
	call(b.client("fi.spoc"))
	for i := range maxHandshakes {
		b.stranger(net.IPv4(127, 0, 1, byte(i/2)).String())
	}
	dropped(t, quiet, time.Second)
	call(b.client("fi.spoc"))
	call(named)
	if got := b.metric("samband_desk_connected", "se.spoc"); got != 1 {
		t.Errorf("the named desk has %v connections", got)
	}
}

// Who doesn't say his name soon is dropped.
func TestSilentHandshake(t *testing.T) {
	t.Parallel()
	dropped(t, newBench(t).stranger("127.0.0.1"), handshakeTimeout+time.Second)
}

func TestSources(t *testing.T) {
	for a, same := range map[string][2]string{
		"an address":      {"192.0.2.1", "::ffff:192.0.2.1"},
		"an IPv6 network": {"2001:db8::1", "2001:db8::2:1"},
	} {
		if sourceOf(&net.TCPAddr{IP: net.ParseIP(same[0])}) != sourceOf(&net.TCPAddr{IP: net.ParseIP(same[1])}) {
			t.Errorf("%s counts as two sources", a)
		}
	}
	if sourceOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.1")}) == sourceOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.2")}) {
		t.Error("two addresses count as one source")
	}
}
