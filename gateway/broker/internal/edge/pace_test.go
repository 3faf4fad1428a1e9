package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
)

// begins is how a client begins HTTP/2, and settings a frame that changes nothing and is
// answered.
const (
	begins   = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings
	settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
)

// Frames that ask for nothing are read at a pace, over all connections of a desk together,
// and name it. Its calls over connections that have shown the ring do not wait, nor do
// other desks.
func TestFramesThatAskForNothing(t *testing.T) {
	b := newBench(t)
	conf := b.tls("se.spoc")
	conf.NextProtos = []string{"h2"}
	unlocked := b.client("se.spoc")
	b.show(unlocked)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	flood := bytes.Repeat([]byte(settings), 10_000)
	sent := make(chan int)
	const connections = 4
	for range connections {
		c := must(tls.Dial("tcp", strings.TrimPrefix(b.url, "https://"), conf))(t)
		context.AfterFunc(ctx, func() { c.Close() })
		go io.Copy(io.Discard, c)
		go func() {
			n := 0
			_, err := io.WriteString(c, begins)
			for err == nil {
				var wrote int
				wrote, err = c.Write(flood)
				n += wrote
			}
			sent <- n
		}()
	}
	began := time.Now()
	until(t, "the flood is paced", func() bool { return b.metric("samband_edge_faults_total", "se.spoc") > 3 })
	for _, c := range []*api.Client{unlocked, b.client("fi.spoc")} {
		if _, err := c.Consistency(ctx, 1, 2); err != nil {
			t.Errorf("beside the flood: %v", err)
		}
	}
	took := time.Since(began)
	cancel()
	all := 0
	for range connections {
		all += <-sent
	}
	// Beside what was read, some lies in the buffers of the connections.
	if most := maxUnread + int(unreadPace*took.Seconds()) + connections*(8<<20); all > most {
		t.Errorf("in %s the broker took %d bytes of frames, more than %d", took, all, most)
	}
	if !strings.Contains(b.log.String(), `"msg":"a desk sends more than its calls read; it is read more slowly","desk":"se.spoc"`) {
		t.Errorf("the log says %.500s", b.log.String())
	}
}

// What calls read as their bodies is not paced.
func TestBodiesAreNotPaced(t *testing.T) {
	b := newBench(t)
	c := b.client("se.spoc")
	body := bytes.Repeat([]byte("x"), api.MaxEnvelope)
	for range 20 * maxUnread / len(body) {
		if _, err := submit(c, api.Heads{}, body); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.metric("samband_edge_faults_total", "se.spoc"); n != 0 {
		t.Errorf("calls of large bodies are paced %.0f times", n)
	}
}

// A pace is made up for by time, and by calls that read.
func TestPace(t *testing.T) {
	var p pace
	now := time.Now()
	for _, step := range []struct {
		comes, read int
		after, want time.Duration
	}{
		{comes: maxUnread, want: 0},
		{comes: unreadPace / 4, want: 250 * time.Millisecond},
		{comes: unreadPace / 4, after: 250 * time.Millisecond, want: 250 * time.Millisecond},
		{comes: unreadPace, read: unreadPace, want: 218750 * time.Microsecond},
		{comes: 10 * unreadPace, want: maxPause},
		{comes: 1 << 30, want: maxPause},
		{after: 4 * time.Second, want: 0}, // what it owes is bounded
		{after: time.Hour, comes: maxUnread, want: 0},
	} {
		now = now.Add(step.after)
		p.read(step.read)
		if got := p.comes(step.comes, now); (got - step.want).Abs() > 10*time.Millisecond {
			t.Errorf("after %s, %d read and %d more: wait %s, not %s", step.after, step.read, step.comes, got, step.want)
		}
	}
}
