package local

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// Callers who connect and say nothing, or have called once, take no place from those who
// come later.
func TestIdleCallersLetTheNewestIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	c := serve(t, path)
	for range 2 * maxCallers {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	for range 2 * maxCallers {
		other := NewClient("test", filepath.Dir(path), path)
		if _, err := Ask[echo](t.Context(), other, "echo", echo{"x"}); err != nil {
			t.Fatal(err)
		}
		defer other.Close()
	}
	if _, err := Ask[echo](t.Context(), c, "echo", echo{"x"}); err != nil {
		t.Error(err)
	}
}

// The place that goes is the least used one.
func TestPlaces(t *testing.T) {
	p := newPlaces(3)
	conn := func() net.Conn { c, _ := net.Pipe(); return c }
	idle, silent, active, newest := conn(), conn(), conn(), conn()
	for _, step := range []struct {
		of    net.Conn
		state int
	}{{active, 0}, {active, 1}, {silent, 0}, {idle, 0}, {idle, 1}, {idle, 2}} {
		p.changed(step.of, states[step.state])
	}
	for n, goes := range []net.Conn{idle, silent, active} {
		p.changed(newest, states[0])
		if _, there := p.all[goes]; there || len(p.all) != 3 {
			t.Fatalf("after %d: %d places, and the least used has one still", n, len(p.all))
		}
		p.changed(newest, states[1])
		newest = conn()
	}
}

var states = []http.ConnState{http.StateNew, http.StateActive, http.StateIdle}
