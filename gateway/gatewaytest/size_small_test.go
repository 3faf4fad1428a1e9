//go:build !soak

package gatewaytest

import "time"

// Sizes of the kill test in CI. The full ones:
//
//	go test -tags soak -timeout 30m -run TestKill9 -v ./gateway/gatewaytest
//
// SAMBAND_SEED repeats the same kills; the moments within them stay the machine's.
const (
	soakMessages    = 60
	soakBrokerKills = 3
	soakDeskKills   = 1    // of each desk
	soakTwoDesks    = true // the third stands still: each one costs seconds of scrypt
	soakPatience    = 8 * time.Minute
)
