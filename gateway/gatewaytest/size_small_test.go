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

// Sizes of the test of one desk at its worst in CI, where each way has a moment. The
// full ones, an hour for each way beside 20 honest desks:
//
//	go test -tags soak -timeout 60m -run TestWorstDesk -v ./gateway/gatewaytest
const (
	worstHonest   = 4 // desks
	worstSteps    = 1 // of each way
	worstStep     = 5 * time.Minute
	worstQuiet    = 1  // rounds of honest messages before each way
	worstGoes     = 1  // of each of its workers in a step, at least
	worstMost     = 2  // of all of them in a step, where a way is bounded
	worstMessages = 60 // of the hostile desk in one go: the other quotas go by it
)
