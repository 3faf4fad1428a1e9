//go:build linux && !soak

package gatewaytest

import (
	"time"

	"samband/gateway/internal/faultydisk"
)

// Sizes of the tests of power cuts and of failing disks in CI. The full ones, half an hour:
//
//	go test -tags soak -timeout 60m -run 'TestPowerCuts|TestFailedSyncThenCut|TestFailingFiles' -v ./gateway/gatewaytest
//
// SAMBAND_CELL="broker running sync" tries the failing files that have these words. With the
// tag alone, three quarters of an hour:
//
//	go test -tags soak -timeout 90m -run KilledAtEachCall -v ./gateway/gatewaytest
//
// SAMBAND_CELL="broker mend" tries the beginnings that have these words.
const (
	cutsOfEach         = 2
	failedSyncs        = 2
	failedSyncsOfOne   = 2 // exchange
	failedSyncsRunning = 0 // and so many with no start
	cutPatience        = 5 * time.Minute
)

// failingCells are those of the failing files that are tried; nil for all.
var failingCells = []cell{
	{"broker", running, faultydisk.Step{Op: faultydisk.Sync, Path: "data/records/*.records"}},
	{"broker", atStart, faultydisk.Step{Op: faultydisk.Open, Path: "data/index.db"}},
	{"desk", running, faultydisk.Step{Op: faultydisk.Write, Path: "desk.db-wal"}},
}
