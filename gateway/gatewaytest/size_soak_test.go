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

// Lines of the test of slow ones: as a satellite gives, or a radio network.
var slowCases = []slowCase{
	{rate: 12e3, loss: 0.01, files: 1, bytes: 600e3},
	{rate: 30e3, loss: 0.01, files: 1, bytes: 950e3, cut: true},
	{rate: 60e3, loss: 0.01, files: 6, bytes: 700e3},
}

const slowPatience = 15 * time.Minute
