//go:build linux

package index

import (
	"math"
	"path/filepath"
	"testing"

	"samband/gateway/durable"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/signed"
)

// A change that finds no room says so, changes nothing, and succeeds once there is.
func TestFullDisk(t *testing.T) {
	if !smalldisk.Alone(t) {
		return
	}
	x, err := Open(filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	smalldisk.Bound(t, 0)
	if err := x.Lost(1, 2); !durable.NoRoom(err) {
		t.Errorf("on a full disk: %v", err)
	}
	if got, err := x.Removable(10); err != nil || len(got) != 0 {
		t.Errorf("it has %v: %v", got, err)
	}
	smalldisk.Bound(t, math.MaxUint64)
	if err := x.Lost(1, 2); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Removable(10); err != nil || len(got) != 2 {
		t.Errorf("it has %v: %v", got, err)
	}
	if err := x.Forget(signed.Time{}, 10); err != nil {
		t.Error(err)
	}
}
