package gatewaytest

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// A Cable carries bytes between a desk and its broker, on loopback. While it is
// cut no call gets through, and calls under way are lost.
type Cable struct {
	listener net.Listener
	to       string
	carrying sync.WaitGroup

	mu    sync.Mutex // guards what follows
	cut   bool
	conns map[net.Conn]bool
}

func lay(to string) (*Cable, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lay a cable: %w", err)
	}
	c := &Cable{listener: l, to: to, conns: map[net.Conn]bool{}}
	c.carrying.Go(c.accept)
	return c, nil
}

func (c *Cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.carrying.Go(func() { c.carry(near) })
	}
}

// carry copies both ways until one side ends or the cable is cut.
func (c *Cable) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return // the broker is away
	}
	defer far.Close()
	if !c.keep(near, far) {
		return
	}
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		ways.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // ends when either side does, which is no fault
			near.Close()
			far.Close()
		})
	}
	ways.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, near)
	delete(c.conns, far)
}

// keep notes connections that a cut is to end. Through a cable that is cut none
// goes.
func (c *Cable) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return false
	}
	for _, conn := range conns {
		c.conns[conn] = true
	}
	return true
}

// Cut cuts the cable; Mend mends it.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.conns {
		conn.Close()
	}
	clear(c.conns)
}

func (c *Cable) Mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

// Close takes the cable away.
func (c *Cable) Close() error {
	err := c.listener.Close()
	c.Cut()
	c.carrying.Wait()
	return err
}
