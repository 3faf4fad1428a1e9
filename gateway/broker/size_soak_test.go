//go:build soak

package broker_test

const (
	soakKills       = 60
	soakSubmissions = 3000
	fullDiskKills   = 6
	fullDiskParts   = 7

	restDamages, restRounds, restColumns = 450, 6, 1000
)
