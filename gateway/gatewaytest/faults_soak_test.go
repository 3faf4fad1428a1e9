//go:build linux && soak

package gatewaytest

import "time"

const (
	cutsOfEach         = 100
	failedSyncs        = 50
	failedSyncsOfOne   = 5
	failedSyncsRunning = 2
	cutPatience        = 50 * time.Minute
)

var failingCells []cell
