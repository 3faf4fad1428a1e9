// Package gatewaytest makes a whole exchange: founders, parties, a broker and
// desks, each with keys of its own, by the same steps as people take.
//
//	x, err := gatewaytest.Make(dir, gatewaytest.Nordic())
//	run, err := x.Start(ctx, nil)          // broker and desks in this process
//	defer run.Stop()
//	sending, err := run.Desks["se.spoc"].Send(ctx, draft)
//
// Tests that need more take it apart: an exchange that was made once is copied for
// each test ([Exchange.Copy]), broker and desks start and stop alone
// ([Exchange.Still]), a desk is cut off from the broker and comes back ([Cable]),
// and time passes when the test says so ([Clock]).
//
// Everything in it is the real thing: NATS, TLS on loopback, files, both
// databases. It serves the tests of whoever writes a client or a case-management
// system, our own, and the demonstration. A desk may also be driven by hand: a
// [KeyedDesk] has its keys in the open, so that a test can say what no desk would; with
// [Exchange.LogKeys] a test says what no broker would.
//
// It makes no exchange for real use: its passphrase is published below.
package gatewaytest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Passphrase unlocks every ring that Make makes. It protects synthetic data.
const Passphrase = "winter ferry lighthouse"

// Ports of exchanges lie below those that systems give to outgoing connections,
// so a broker that was killed finds its own free again.
const (
	firstPort = 20000
	ports     = 12000
)

// freeAddress finds a port on loopback that nobody listens on now.
func freeAddress() (string, error) {
	var err error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(ports))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}
