//go:build soak

package gatewaytest

import "time"

const (
	soakMessages    = 2100
	soakBrokerKills = 40
	soakDeskKills   = 6
	soakTwoDesks    = false
	soakPatience    = 25 * time.Minute
)

// Sizes of the test of one desk at its worst: an hour for each way, beside honest desks:
//
//	go test -tags soak -timeout 60m -run TestWorstDesk -v ./gateway/gatewaytest
const (
	worstHonest   = 20
	worstSteps    = 12
	worstStep     = 5 * time.Minute
	worstQuiet    = 4
	worstGoes     = 4
	worstMost     = 8
	worstMessages = 300 // of the hostile desk in one go: the other quotas go by it
)
