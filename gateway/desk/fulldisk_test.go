//go:build linux

package desk_test

import (
	"crypto/rand"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/durable"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// large is a message of almost 1 MB.
func large(t *testing.T) client.Draft {
	d := request(t)
	var body map[string]json.RawMessage
	must(0, json.Unmarshal(d.Body, &body))
	delete(body, "attachments") // the desk lists them
	d.Body = must(json.Marshal(body))
	d.Attachments[0].Data = make([]byte, 700<<10)
	rand.Read(d.Attachments[0].Data)
	return d
}

func toSweden(t *testing.T) client.Draft {
	d := request(t)
	d.To = []signed.Address{"se.spoc"}
	return d
}

// erases erases so many of the newest messages that a desk has.
func (s *stage) erases(d *desk.Desk, n int) {
	s.t.Helper()
	for _, i := range must(d.Inbox(ctx, client.Query{Limit: n})) {
		if i.State == "handed-over" {
			must(0, d.Erase(ctx, client.Ref{ID: i.ID}))
		}
	}
}

// full waits until a desk says that its disk is full, or is not.
func full(t *testing.T, d *desk.Desk, want bool) {
	t.Helper()
	await(t, d, "as full as it is", func() bool { return must(d.Status(ctx)).Disk.Full == want })
}

// onSmallDisk moves a desk's folder to a disk of its own.
func (s *stage) onSmallDisk(addr signed.Address, options string) {
	s.t.Helper()
	dir, moved := s.desk(addr), filepath.Join(s.t.TempDir(), "moved")
	must(0, os.CopyFS(moved, os.DirFS(dir)))
	smalldisk.MountOn(s.t, dir, options)
	must(0, os.CopyFS(dir, os.DirFS(moved)))
}

// persons does what must work on a full disk: by a person, at a desk that is locked.
func persons(t *testing.T, s *stage, d *desk.Desk, read, erase signed.ID, leftNothing bool) {
	t.Helper()
	s.unlock(d)
	s.shows(d)
	if _, err := d.Read(ctx, client.Ref{ID: read}); err != nil {
		t.Errorf("reading: %v", err)
	}
	if err := d.Erase(ctx, client.Ref{ID: erase}); err != nil {
		t.Errorf("erasing: %v", err)
	}
	if err := reads(d, erase); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("erased, it reads: %v", err)
	}
	if err := d.Lock(ctx); err != nil {
		t.Errorf("locking: %v", err)
	}
	s.unlock(d)
	if !leftNothing {
		must(0, d.Lock(ctx))
		return
	}
	if _, err := d.Send(ctx, toSweden(t)); problem.CodeOf(err) != problem.DiskFull || !strings.Contains(err.Error(), "nothing was stored") {
		t.Errorf("sending: %v", err)
	}
	if items := must(d.Outbox(ctx, client.Query{})); len(items) != 0 {
		t.Errorf("it stored %d messages to send", len(items))
	}
	if err := d.Lock(ctx); err != nil {
		t.Errorf("locking: %v", err)
	}
}

// One desk sends another as much as it can while that is locked and must keep all. It stops
// taking in before its reserve is touched; a person there reads, erases, locks and unlocks,
// also when another program takes what is left, and after a kill and a start on the full
// disk. With room again what waited at the broker comes by itself.
func TestFullDisk(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	s := newStage(t)
	s.onSmallDisk("fi.spoc", "size=76m")
	dir := s.desk("fi.spoc")
	others := filepath.Join(dir, "others")
	must(0, os.WriteFile(others, make([]byte, 16<<20), 0o600))
	reserve := filepath.Join(dir, "reserve-0")
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	s.ready(fi)
	var ids []signed.ID
	for range 5 {
		id := send(t, se, request(t))
		awaitIn(t, fi, id, "handed-over")
		ids = append(ids, id)
	}
	must(0, fi.Lock(ctx))
	must(0, os.Remove(filepath.Join(dir, "stays-locked"))) // so that the next lock needs its room again
	var last signed.ID
	for range 45 {
		last = send(t, se, large(t))
	}
	full(t, fi, true)
	st := must(fi.Status(ctx))
	if !st.Disk.Reserve || st.Disk.Free < 8<<20 || st.Disk.Free >= st.Disk.Needed {
		t.Errorf("flooded, its disk is %+v", st.Disk)
	}
	if err := testutil.GatherAndCompare(fi.Metrics(), strings.NewReader(
		"# HELP samband_desk_taking_in 1 while messages are taken in and sent; 0 while the disk is full.\n"+
			"# TYPE samband_desk_taking_in gauge\nsamband_desk_taking_in 0\n"), "samband_desk_taking_in"); err != nil {
		t.Error(err)
	}
	persons(t, s, fi, ids[0], ids[1], false)
	if _, err := os.Stat(reserve); err != nil {
		t.Errorf("a flood took the reserve: %v", err)
	}

	free := smalldisk.Fill(t, dir, 0)
	persons(t, s, fi, ids[0], ids[2], true)
	if _, err := os.Stat(reserve); err == nil {
		t.Error("with nothing left the reserve was not given free")
	}
	stop()
	fi, stop = s.start("fi.spoc")
	persons(t, s, fi, ids[0], ids[3], true)
	stop()
	s.erasesAndIsKilled("fi.spoc", ids[4])
	fi, stop = s.start("fi.spoc")
	s.unlock(fi)
	s.shows(fi)
	if err := reads(fi, ids[4]); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("erased before a kill, it reads: %v", err)
	}
	must(0, fi.Lock(ctx))
	if _, err := os.Stat(filepath.Join(dir, "stays-locked")); err != nil {
		t.Errorf("locked, it has no mark: %v", err)
	}

	free()
	s.unlock(fi)
	s.shows(fi)
	s.erases(fi, 25)
	awaitIn(t, fi, last, "handed-over") // in the room of what was erased
	s.erases(fi, 35)
	full(t, fi, false)
	awaitOut(t, fi, send(t, fi, toSweden(t)), "handed-over")
	must(0, os.Remove(others)) // a person makes room
	await(t, fi, "with a reserve", func() bool { return must(fi.Status(ctx)).Disk.Reserve })
	stop()
}

// The same by settings alone, which no mount needs: a reserve that the disk does not have.
func TestReserve(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	s.ready(fi)
	var ids []signed.ID
	for range 2 {
		ids = append(ids, send(t, se, request(t)))
		awaitIn(t, fi, ids[len(ids)-1], "handed-over")
	}
	stop()
	settings := filepath.Join(s.desk("fi.spoc"), "desk.yaml")
	usual := must(os.ReadFile(settings))
	huge := strings.Replace(string(usual), "reserve: 4194304", "reserve: 1125899906842624", 1)
	must(0, os.WriteFile(settings, []byte(huge), 0o600))
	fi, stop = s.start("fi.spoc")
	persons(t, s, fi, ids[0], ids[1], true)
	waits := send(t, se, request(t))
	awaitOut(t, se, waits, "accepted")
	if st := must(fi.Status(ctx)); !st.Disk.Full || !strings.Contains(st.Disk.Why, "bytes free") {
		t.Errorf("its status says %+v", st.Disk)
	}
	stop()
	must(0, os.WriteFile(settings, usual, 0o600))
	fi = s.unlocked("fi.spoc")
	awaitIn(t, fi, waits, "handed-over")
	await(t, fi, "with a reserve", func() bool { return must(fi.Status(ctx)).Disk.Reserve })
}

// erasesAndIsKilled starts a desk in a process of its own, erases a message by its socket, and
// kills it.
func (s *stage) erasesAndIsKilled(addr signed.Address, id signed.ID) {
	s.t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childOf+"="+s.desk(addr), childAt+"="+morning.Format(time.RFC3339))
	child.Stderr = os.Stderr
	must(0, child.Start())
	c := client.New(s.desk(addr))
	late := time.Now().Add(patience)
	for st, err := c.Status(ctx); err != nil || st.Locked; st, err = c.Status(ctx) {
		if time.Now().After(late) {
			s.t.Fatal("the child never served")
		}
	}
	err := c.Erase(ctx, client.Ref{ID: id})
	must(0, child.Process.Kill())
	child.Wait()
	must(0, err)
}

// A disk that has no more files, by another program: what a person does works, and so does a
// start.
func TestDiskWithoutFiles(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	s := newStage(t)
	s.onSmallDisk("fi.spoc", "size=200m,nr_inodes=200")
	dir := s.desk("fi.spoc")
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	s.ready(fi)
	var ids []signed.ID
	for range 3 {
		ids = append(ids, send(t, se, request(t)))
		awaitIn(t, fi, ids[len(ids)-1], "handed-over")
	}
	must(0, fi.Lock(ctx))
	others := must(os.MkdirTemp(dir, "of-another-"))
	for n := range 1000 {
		if os.WriteFile(filepath.Join(others, strconv.Itoa(n)), nil, 0o600) != nil {
			break
		}
	}
	full(t, fi, true)
	persons(t, s, fi, ids[0], ids[1], true)
	waits := send(t, se, request(t))
	awaitOut(t, se, waits, "accepted")
	stop()
	fi, _ = s.start("fi.spoc")
	persons(t, s, fi, ids[0], ids[2], true)
	must(0, os.RemoveAll(others))
	s.unlock(fi)
	awaitIn(t, fi, waits, "handed-over")
	await(t, fi, "with a reserve", func() bool { return must(fi.Status(ctx)).Disk.Reserve })
}

// On a disk that is mounted read-only a desk does not start, says why, and starts once it
// may write.
func TestStartOnAReadOnlyDisk(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	s := newStage(t)
	s.onSmallDisk("fi.spoc", "size=60m")
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()
	dir := s.desk("fi.spoc")
	must(0, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if _, err := desk.New(desk.Config{Dir: dir}); !durable.NoRoom(err) {
		t.Errorf("on a read-only disk: %v", err)
	}
	must(0, syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""))
	fi, _ = s.start("fi.spoc")
	s.ready(fi)
}

// Where nothing can be written at all, not even in the reserve, unlock works still. Its line
// is written once there is room, and broker and desks go on by themselves.
func TestUnlockWhereNothingIsWritten(t *testing.T) {
	if !smalldisk.Alone(t) {
		return
	}
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi := s.unlocked("fi.spoc")
	s.ready(fi)
	awaitIn(t, fi, send(t, se, request(t)), "handed-over")
	must(0, fi.Lock(ctx))
	unlocked := func() (n int) {
		for _, line := range must(fi.Log(ctx, client.Query{})) {
			if line.Event == "unlocked" {
				n++
			}
		}
		return n
	}
	before := unlocked()
	smalldisk.Bound(t, 0)
	if err := fi.Unlock(ctx, passphrase); err != nil || fi.Locked() {
		t.Errorf("unlocking: %v", err)
	}
	if _, err := fi.Send(ctx, toSweden(t)); problem.CodeOf(err) != problem.DiskFull {
		t.Errorf("sending: %v", err)
	}
	smalldisk.Bound(t, math.MaxUint64)
	awaitIn(t, fi, s.sends(se, "after"), "handed-over")
	await(t, fi, "with the line", func() bool { return unlocked() == before+1 })
}
