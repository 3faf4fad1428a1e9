// Package client is what people and programs ask of a desk: the [Service], the
// types that it speaks, and the [Client] by which a case-management system on the
// same machine asks the process that serves the desk, as the command line does.
//
//	c := client.New("/var/lib/samband/se.spoc")
//	items, err := c.Inbox(ctx, client.Query{})
//	for _, i := range items {
//		if i.State == client.HandedOver {
//			m, err := c.Read(ctx, client.Ref{From: i.From, ID: i.ID})
//			fmt.Println(m.Title, string(m.Body), err)
//		}
//	}
//
// There is one way to wait: look, wait with what the last wait saw, look again.
// [Await] does that.
//
// Other languages speak to the socket in the desk's folder as openapi.json says.
package client

import (
	"path/filepath"

	"samband/gateway/local"
)

// Why a call reaches nobody: no process serves the desk (start samband-desk serve), the
// folder is no desk's, which is a kind of the first, or it is another account's.
var (
	ErrNotServed = local.ErrNotServed
	ErrNoFolder  = local.ErrNoFolder
	ErrNoRight   = local.ErrNoRight
)

// Socket is the name of the socket in a desk's folder.
const Socket = "socket"

// A Client asks the process that serves a desk's folder, through its socket.
type Client struct{ local *local.Client }

var _ Service = (*Client)(nil)

// New makes a Client of a desk's folder. It connects at the first call.
func New(dir string) *Client {
	return &Client{local.NewClient("desk", dir, filepath.Join(dir, Socket))}
}

// Close closes the connections that no call uses. A program that makes a Client now and
// then closes it, since the desk has few places.
func (c *Client) Close() { c.local.Close() }
