//go:build soak

package broker_test

const (
	soakKills       = 60
	soakSubmissions = 3000
)
