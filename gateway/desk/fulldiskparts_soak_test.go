//go:build linux && soak

package desk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/durable"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/problem"
)

// Each part of a desk's folder lies on a disk of its own, and each is filled to the last byte
// and freed, one after the other, under one desk. It is said what is full; what writes nothing
// there goes on; freed, all else goes on by itself.
func TestFullDiskOfEachPart(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	s := newStage(t)
	s.onSmallDisk("fi.spoc", "size=64m")
	dir := s.desk("fi.spoc")
	for _, part := range []string{"keys", "catalogue"} {
		part, moved := filepath.Join(dir, part), filepath.Join(t.TempDir(), part)
		must(0, os.MkdirAll(part, 0o700))
		must(0, os.CopyFS(moved, os.DirFS(part)))
		smalldisk.MountOn(t, part, "size=8m")
		must(0, os.CopyFS(part, os.DirFS(moved)))
	}
	se := s.unlocked("se.spoc")
	fi := s.unlocked("fi.spoc")
	s.ready(se)
	s.ready(fi)
	passes := func() {
		t.Helper()
		awaitIn(t, fi, arrived(t, fi, send(t, se, request(t))), client.HandedOver)
		awaitOut(t, fi, send(t, fi, toSweden(t)), client.HandedOver)
	}
	passes()
	hits := func() error {
		_, err := table.Import(ctx, filepath.Join(dir, "hits.db"), hit.Vehicle, strings.NewReader(rows[hit.Vehicle]), table.Options{})
		return err
	}
	must(0, hits())

	t.Log("the folder")
	free := smalldisk.Fill(t, dir, 0)
	full(t, fi, true)
	if why := must(fi.Status(ctx)).Disk.Why; !strings.Contains(why, "bytes free") {
		t.Errorf("its status says %q", why)
	}
	if _, err := fi.Send(ctx, toSweden(t)); problem.CodeOf(err) != problem.DiskFull {
		t.Errorf("sending: %v", err)
	}
	if err := hits(); !durable.NoRoom(err) && (err == nil || !strings.Contains(err.Error(), "full")) {
		t.Errorf("importing: %v", err)
	}
	waits := send(t, se, request(t))
	awaitOut(t, se, waits, client.Accepted)
	must(0, fi.Lock(ctx))
	s.unlock(fi)
	free()
	awaitIn(t, fi, waits, client.HandedOver)
	full(t, fi, false)
	passes()
	must(0, hits())
	if said := must(fi.Status(ctx)).Hits; said != "" {
		t.Errorf("of its data to search it says %q", said)
	}

	t.Log("keys")
	free = smalldisk.Fill(t, filepath.Join(dir, "keys"), 0)
	passes()
	if _, err := desk.Rotate(dir, passphrase); !durable.NoRoom(err) {
		t.Errorf("rotating: %v", err)
	}
	must(0, fi.Lock(ctx))
	s.unlock(fi)
	passes()
	free()
	must(desk.Rotate(dir, passphrase))
	s.unlock(fi)
	passes()

	t.Log("catalogue")
	free = smalldisk.Fill(t, filepath.Join(dir, "catalogue"), 0)
	next := s.lends(given)
	s.whole(se)
	awaitLacks(t, fi, next, problem.DiskFull)
	id := send(t, se, loan())
	passes()
	free()
	awaitIn(t, fi, id, client.HandedOver)
	s.whole(fi)
}
