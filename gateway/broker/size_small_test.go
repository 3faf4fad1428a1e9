//go:build !soak

package broker_test

// Sizes of the tests in CI; `go test -tags soak ./gateway/broker` has the full
// ones.
const (
	soakKills       = 4
	soakSubmissions = 200
	fullDiskKills   = 2
	fullDiskParts   = 1

	restDamages, restRounds, restColumns = 12, 1, 2
)
