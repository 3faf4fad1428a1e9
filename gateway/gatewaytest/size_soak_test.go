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
