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

// Sizes of the tests of power cuts and of failing disks. The full ones, half an hour:
//
//	go test -tags soak -timeout 60m -run 'TestPowerCuts|TestFailedSyncThenCut|TestFailingFiles' -v ./gateway/gatewaytest
const (
	cutsOfEach       = 2
	failedSyncs      = 2
	failedSyncsOfOne = 2 // exchange
	cutPatience      = 5 * time.Minute
)

// failingCells are those of the failing files that are tried: machine, when, operation, file.
var failingCells = []string{
	"broker running sync data/records/*.records",
	"broker start open data/index.db",
	"desk running write desk.db-wal",
}
