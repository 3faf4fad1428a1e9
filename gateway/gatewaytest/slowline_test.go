package gatewaytest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// A slowLine carries bytes between a desk and its broker, so many a second each way,
// which all connections share packet by packet. A packet that is lost holds up its
// connection for a while, longer each time. While it is cut nobody connects.
type slowLine struct {
	*Cable
	up, down *direction
}

// A direction is one of the two of a slow line.
type direction struct {
	rate float64 // bytes a second
	loss float64 // of 1

	mu    sync.Mutex
	free  time.Time // from when on the next packet goes
	moved int
	at    map[int]func() // called once so many bytes were moved
}

const packet = 1400

// slowly puts a slow line between a desk and the broker, from the desk's next start.
func slowly(t *testing.T, x *Exchange, address signed.Address, rate, loss float64) *slowLine {
	t.Helper()
	listener := got(net.Listen("tcp", "127.0.0.1:0"))(t)
	l := &slowLine{
		Cable: &Cable{listener: listener, to: x.Listen, conns: map[net.Conn]bool{}},
		up:    &direction{rate: rate, loss: loss, at: map[int]func(){}}, down: &direction{rate: rate, loss: loss, at: map[int]func(){}},
	}
	l.carrying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.carrying.Go(func() { l.carry(near) })
		}
	})
	t.Cleanup(func() { l.Close() })
	if err := replace(filepath.Join(x.DeskDir(address), "desk.yaml"), x.Listen, listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *slowLine) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !l.keep(near, far) {
		return
	}
	for _, c := range []net.Conn{near, far} { // what lies in the line is little
		c.(*net.TCPConn).SetReadBuffer(64 << 10)
		c.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	var ways sync.WaitGroup
	carry := func(w *direction, to, from net.Conn) {
		ways.Go(func() {
			w.copy(to, from)
			near.Close()
			far.Close()
		})
	}
	carry(l.up, far, near)
	carry(l.down, near, far)
	ways.Wait()
}

// copy carries packets until either side ends.
func (w *direction) copy(to io.Writer, from io.Reader) {
	b := make([]byte, packet)
	for lost := time.Duration(0); ; {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		pause := w.pass(n)
		if mathrand.Float64() < w.loss {
			lost = min(max(2*lost, 200*time.Millisecond), 3*time.Second)
			pause += lost
		} else {
			lost = 0
		}
		<-time.After(pause) // the line's own time
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// pass gives a packet its turn, and says how long it takes until it is over.
func (w *direction) pass(n int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(float64(n) / w.rate * float64(time.Second)))
	w.moved += n
	for at, f := range w.at {
		if w.moved >= at {
			delete(w.at, at)
			go f()
		}
	}
	return w.free.Sub(now)
}

// carried is how many bytes were moved.
func (w *direction) carried() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved
}

// after calls a function when so many more bytes were moved.
func (w *direction) after(n int, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[w.moved+n] = f
}

// file is a draft with a file of so many bytes.
func file(to signed.Address, bytes int) client.Draft {
	data := make([]byte, bytes)
	rand.Read(data)
	d := notice(to)
	d.Attachments = []client.Attachment{{Name: "kartta.bin", MediaType: "application/octet-stream", Data: data}}
	return d
}

// A slowCase is large files on a slow line, and one short urgent message beside them.
type slowCase struct {
	rate  float64 // bytes a second
	loss  float64
	files int
	bytes int // of each
	cut   bool
}

func (c slowCase) String() string {
	return fmt.Sprintf("%d kB a second, %.0f%% lost, %d of %d kB", int(c.rate)/1000, 100*c.loss, c.files, c.bytes/1000)
}

// TestSlowLines has a desk on a slow line send and receive large files, and a short
// urgent message beside them, which is queued while these move: it is handed over before
// they are. A line that is cut in the midst of a file resumes.
func TestSlowLines(t *testing.T) {
	made := got(Make(t.TempDir(), inPairs(1)))(t)
	for _, c := range slowCases {
		t.Run(c.String(), func(t *testing.T) {
			x := got(made.Copy(t.TempDir()))(t)
			r := x.Still(t.Context())
			t.Cleanup(func() {
				if err := r.Stop(); err != nil {
					t.Error(err)
				}
			})
			if err := r.StartBroker(broker.Config{}); err != nil {
				t.Fatal(err)
			}
			if err := x.EnterAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			slow, fast := pair(0)
			line := slowly(t, x, slow, c.rate, c.loss)
			for _, d := range []signed.Address{slow, fast} {
				if err := r.startUnlocked(d, desk.Config{}, nil); err != nil {
					t.Fatal(err)
				}
			}
			c.send(t, r.Desks[slow], fast, line, line.up)
			c.send(t, r.Desks[fast], slow, line, line.down)
		})
	}
}

// send sends the files, and the short message when the first of them moves.
func (c slowCase) send(t *testing.T, from *desk.Desk, to signed.Address, line *slowLine, way *direction) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), slowPatience)
	defer cancel()
	moves := make(chan struct{})
	way.after(64<<10, func() { close(moves) })
	if c.cut {
		way.after(c.bytes/2, func() { line.Cut(); line.Mend() })
	}
	began, before := time.Now(), way.carried()
	var files []signed.ID
	for range c.files {
		files = append(files, got(from.Send(ctx, file(to, c.bytes)))(t).Messages[0].ID)
	}
	select {
	case <-moves:
	case <-ctx.Done():
		t.Fatal("the file does not move")
	}
	asked := time.Now()
	short := notice(to)
	short.Urgent = true
	if err := handedOver(ctx, from, got(from.Send(ctx, short))(t).Messages[0].ID); err != nil {
		t.Errorf("the short message: %v", err)
		return
	}
	took, moved := time.Since(asked), way.carried()-before
	if moved > c.bytes {
		t.Errorf("the short message was handed over behind %d kB", moved/1000)
	}
	left := 0
	now, stop := context.WithCancel(ctx)
	stop()
	for _, id := range files {
		if seen := got(from.Wait(now, client.Watch{Sent: id}))(t); seen.Sent.State != client.HandedOver {
			left++
		}
	}
	if left == 0 {
		t.Errorf("the short message was handed over behind %d files", c.files)
	}
	for _, id := range files {
		if err := handedOver(ctx, from, id); err != nil {
			t.Errorf("a file: %v", err)
			return
		}
	}
	t.Logf("to %s: short and urgent in %s, when %d kB had moved; %d files beside it, all in %s",
		to, took.Round(10*time.Millisecond), moved/1000, left, time.Since(began).Round(100*time.Millisecond))
}
