//go:build soak

package register

const (
	modelSequences = 100_000
	modelWorkers   = 12
)
