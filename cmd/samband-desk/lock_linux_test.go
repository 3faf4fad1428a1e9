package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// nobody is the account of a served desk where the tests run as root: a program that must
// do without root's rights.
const nobody = 65534

// A unit is the real program that serves a desk, as a unit with a credential starts it.
type unit struct {
	t       *testing.T
	program string // a file of its own
	dir     string // of the desk
	pass    string // the file with the passphrase
	desk    *client.Client

	exchange *gatewaytest.Running

	log string // the file that the program writes its log to
	cmd *exec.Cmd
}

// newUnits are an exchange in which Finland's desk runs in this process, and Sweden's is
// for a unit. The folder of it all is open to other accounts, what lies in it as it is.
func newUnits(t *testing.T) (*office, *unit) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	x, err := gatewaytest.Make(filepath.Join(dir, "x"), gatewaytest.Nordic())
	if err != nil {
		t.Fatal(err)
	}
	running, err := x.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	if err := running.StopDesk(running.Desks["se.spoc"]); err != nil {
		t.Fatal(err)
	}
	u := &unit{t: t, exchange: running, program: filepath.Join(dir, "samband-desk"), dir: x.DeskDir("se.spoc"), pass: filepath.Join(dir, "passphrase"), log: filepath.Join(dir, "log")}
	u.desk = client.New(u.dir)
	if out, err := exec.Command("go", "build", "-o", u.program, "samband/cmd/samband-desk").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	if err := os.WriteFile(u.pass, []byte(gatewaytest.Passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		for path := u.dir; path != filepath.Dir(dir); path = filepath.Dir(path) {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		give := func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, nobody, nobody))
		}
		if err := errors.Join(filepath.WalkDir(u.dir, give), os.Chown(u.pass, nobody, nobody), os.Chmod(u.program, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(u.kill)
	return &office{t, x, t.TempDir()}, u
}

// A served desk is locked, in each way that may go wrong. The exchange is made once.
func TestLock(t *testing.T) {
	o, u := newUnits(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *office, *unit)
	}{
		{"killed", lockKilled}, {"kept", lockKept}, {"checked", lockChecked}, {"dumps", dumpsForbidden}, {"memory", lockClearsMemory},
	} {
		t.Run(part.name, func(t *testing.T) {
			o.t, u.t = t, t
			defer u.kill()
			part.test(t, o, u)
		})
	}
}

// command is a command line of the program, by the account that serves the desk.
func (u *unit) command(args ...string) *exec.Cmd {
	cmd := exec.Command(u.program, args...)
	cmd.Env = append(os.Environ(), "SAMBAND_DIR="+u.dir, "COPY_OF_PASSPHRASE="+gatewaytest.Passphrase)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// start starts the desk as its unit does, with what is open besides, and waits until it
// answers.
func (u *unit) start(open ...*os.File) {
	u.t.Helper()
	u.cmd = u.command("serve", "--dir", u.dir, "--unlock", "--passphrase-file", u.pass)
	log, err := os.Create(u.log)
	if err != nil {
		u.t.Fatal(err)
	}
	defer log.Close()
	u.cmd.Stderr, u.cmd.ExtraFiles = log, open
	if err := u.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.await("an answer", func() bool { _, err := u.desk.Status(u.t.Context()); return err == nil })
}

// startUnlocked starts the desk; a person unlocks it if it stays locked.
func (u *unit) startUnlocked(open ...*os.File) {
	u.t.Helper()
	u.start(open...)
	if u.locked() {
		u.act("unlock", "--passphrase-file", u.pass)
	}
}

func (u *unit) kill() {
	if u.cmd != nil && u.cmd.Process != nil {
		_ = u.cmd.Process.Kill()
		_ = u.cmd.Wait()
		u.cmd = nil
	}
}

// await looks until something is so that shows in other processes, where there is nothing
// to wait on.
func (u *unit) await(what string, so func() bool) {
	u.t.Helper()
	for late := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(late) {
			u.kill()
			u.t.Fatalf("%s never came; it says\n%s", what, u.said())
		}
	}
}

// said is the log since the last start.
func (u *unit) said() string {
	u.t.Helper()
	b, err := os.ReadFile(u.log)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b)
}

func (u *unit) locked() bool {
	u.t.Helper()
	st, err := u.desk.Status(u.t.Context())
	if err != nil {
		u.t.Fatal(err)
	}
	return st.Locked
}

// act gives a command at the desk, as its account.
func (u *unit) act(args ...string) string {
	u.t.Helper()
	out, err := u.command(args...).CombinedOutput()
	if err != nil {
		u.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (u *unit) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", u.cmd.Process.Pid, name) }

// anew reports whether the process is one that executed itself anew.
func (u *unit) anew() bool {
	line, err := os.ReadFile(u.proc("cmdline"))
	return err == nil && bytes.Contains(line, []byte("--"+keptLock))
}

// secrets are all that opens what a desk has, in each spelling that a program may use.
func (u *unit) secrets() map[string][][]byte {
	u.t.Helper()
	spelled := func(b []byte) [][]byte {
		return [][]byte{b, []byte(base64.StdEncoding.EncodeToString(b)), []byte(base64.RawURLEncoding.EncodeToString(b)), []byte(hex.EncodeToString(b))}
	}
	all := map[string][][]byte{"passphrase": spelled([]byte(gatewaytest.Passphrase))}
	file, err := os.ReadFile(filepath.Join(u.dir, "keys", "locked.age"))
	if err != nil {
		u.t.Fatal(err)
	}
	plain, err := seal.Unprotect(file, []byte(gatewaytest.Passphrase))
	if err != nil {
		u.t.Fatal(err)
	}
	var ring struct {
		Message []string
		Opening []sealedOpening
		Storage []byte
	}
	if err := json.Unmarshal(plain, &ring); err != nil {
		u.t.Fatal(err)
	}
	all["storage key"] = spelled(ring.Storage)
	for _, o := range ring.Opening {
		identity := u.opened(o)
		all["opening key"] = append(spelled(unbech32(u.t, identity)), []byte(identity), []byte(strings.ToLower(identity)))
	}
	for _, line := range ring.Message {
		key, err := signed.DecodePrivateKey(line)
		if err != nil {
			u.t.Fatal(err)
		}
		seed, err := signed.DecodeBytes(strings.Fields(line)[2], 32)
		if err != nil {
			u.t.Fatal(err)
		}
		all[string(key.Public.Algorithm)+" seed"] = spelled(seed)
	}
	if len(all) != 5 {
		u.t.Fatalf("secrets are of %d kinds", len(all))
	}
	return all
}

// A sealedOpening is an opening key as the locked ring has it.
type sealedOpening struct {
	Recipient string
	Sealed    []byte
}

// opened is the identity of an opening key, which its half beside the ring opens.
func (u *unit) opened(o sealedOpening) string {
	u.t.Helper()
	id := envelope.KeyIDOf(o.Recipient)
	half, err := os.ReadFile(filepath.Join(u.dir, "keys", "opening-"+hex.EncodeToString(id[:])+".half"))
	if err != nil {
		u.t.Fatal(err)
	}
	block, err := aes.NewCipher(half)
	if err != nil {
		u.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		u.t.Fatal(err)
	}
	identity, err := aead.Open(nil, make([]byte, aead.NonceSize()), o.Sealed, []byte(o.Recipient))
	if err != nil {
		u.t.Fatalf("the half of an opening key does not open it: %v", err)
	}
	return string(identity)
}

// unbech32 is what a Bech32 text without faults stands for.
func unbech32(t *testing.T, text string) (b []byte) {
	t.Helper()
	text = strings.ToLower(text)
	if len(text) < 6 {
		t.Fatalf("an opening key has %d characters, and is no Bech32 text", len(text))
	}
	digits := text[strings.LastIndexByte(text, '1')+1 : len(text)-6]
	bits, n := 0, 0
	for _, c := range digits {
		digit := strings.IndexRune("qpzry9x8gf2tvdw0s3jn54khce6mua7l", c)
		if digit < 0 {
			t.Fatal("an opening key is spelled otherwise")
		}
		bits, n = (bits<<5|digit)&0xfff, n+5
		if n >= 8 {
			n -= 8
			b = append(b, byte(bits>>n))
		}
	}
	if len(b) != 32 {
		t.Fatalf("an opening key has %d bytes", len(b))
	}
	return b
}

// found counts how often each secret stands in the memory of the served desk.
func (u *unit) found(secrets map[string][][]byte) map[string]int {
	u.t.Helper()
	reader, err := exec.LookPath("count-in-memory")
	if err != nil {
		u.t.Fatal(err)
	}
	line := []string{reader, strconv.Itoa(u.cmd.Process.Pid)}
	if os.Getuid() != 0 {
		line = append([]string{"sudo", "-n"}, line...)
	}
	in, err := json.Marshal(secrets)
	if err != nil {
		u.t.Fatal(err)
	}
	cmd := exec.Command(line[0], line[1:]...)
	var says bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &says
	out, err := cmd.Output()
	counts := map[string]int{}
	if err != nil || json.Unmarshal(out, &counts) != nil {
		u.t.Fatalf("the memory of a process that forbids its dumps can't be read here: run this test as root with CAP_SYS_PTRACE, or where sudo asks for no password: %v\n%s", err, &says)
	}
	return counts
}

// A desk is locked: the process goes on from its own image, whatever became of its file,
// without a passphrase or a key in its memory and with nothing open that it was given. Mail
// that comes meanwhile is consigned. It stays locked over a restart, until a person unlocks.
func lockClearsMemory(t *testing.T, o *office, u *unit) {
	secrets := u.secrets()
	given, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	u.startUnlocked(open)
	open.Close()
	body := spontaneous(t)
	if err := os.WriteFile(o.file("body"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	send := func() {
		o.at("fi.spoc", 0, "send", "--again", "--to", "se.spoc", "--type", "SPONTANEOUS", "--body", o.file("body"))
	}
	send()
	id := o.received("se.spoc", "SPONTANEOUS")
	if out := u.act("read", id); !strings.Contains(out, "SPONTANEOUS") {
		t.Errorf("it reads\n%s", out)
	}
	u.act("lock")
	u.act("unlock", "--passphrase-file", u.pass)
	u.act("read", id)
	before := u.found(secrets)
	t.Logf("unlocked, its memory has %v", before)
	for _, name := range []string{"storage key", "opening key", "ed25519 seed", "ml-dsa-65 seed"} {
		if before[name] == 0 {
			t.Errorf("the memory of an unlocked desk has no %s: this test finds nothing", name)
		}
	}

	pid := u.cmd.Process.Pid
	if err := errors.Join(os.Remove(u.program), os.WriteFile(u.program, []byte("#!/bin/false\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- u.desk.Lock(context.Background()) }()
	u.await("the mark", func() bool { _, err := os.Lstat(filepath.Join(u.dir, "stays-locked")); return err == nil })
	send()
	if err := <-done; err != nil {
		t.Errorf("lock: %v", err)
	}
	u.await("the desk anew", func() bool { _, err := u.desk.Status(t.Context()); return err == nil })
	t.Logf("it answers anew after %s", time.Since(began).Round(time.Millisecond))
	if !u.locked() || !u.anew() {
		t.Errorf("locked, it serves as\n%s", u.said())
	}
	after := u.found(secrets)
	for name, n := range after {
		if n > 0 {
			t.Errorf("the memory of a locked desk has its %s %d times", name, n)
		}
	}
	if n, err := given.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("what the unit gave it is open still: %d, %v", n, err)
	}
	if name, err := os.ReadFile(u.proc("comm")); err != nil || string(name) != "samband-desk\n" {
		t.Errorf("the process is called %q, %v", name, err)
	}
	consigned := func() bool {
		items, err := u.desk.Inbox(t.Context(), client.Query{})
		return err == nil && len(items) == 2 && items[0].State == client.Consigned
	}
	u.await("the mail that came meanwhile", consigned)
	if u.cmd.Process.Pid != pid || u.cmd.ProcessState != nil {
		t.Error("the process ended")
	}
}

// A lock that is cut off anywhere leaves a desk that starts locked, also where its unit has
// the passphrase, till a person has unlocked it.
func lockKilled(t *testing.T, _ *office, u *unit) {
	mark, socket := filepath.Join(u.dir, "stays-locked"), filepath.Join(u.dir, client.Socket)
	gone := func(path string) bool { _, err := os.Lstat(path); return errors.Is(err, fs.ErrNotExist) }
	var answered atomic.Bool
	for _, step := range []struct {
		name    string
		reached func() bool
	}{
		{"it is marked", func() bool { return !gone(mark) }},
		{"the socket is gone", func() bool { return gone(socket) || u.anew() }},
		{"the lock is answered", answered.Load},
		{"it is executed anew", u.anew},
		{"it serves anew", func() bool { return u.anew() && !gone(socket) }},
		{"it answers anew", func() bool { _, err := u.desk.Status(t.Context()); return u.anew() && err == nil }},
	} {
		answered.Store(false)
		u.start()
		if u.locked() {
			t.Fatalf("%s: it starts locked: %s", step.name, u.said())
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if u.desk.Lock(context.Background()) == nil {
				answered.Store(true)
			}
		}()
		u.await(step.name, step.reached)
		u.kill()
		<-done
		for range 2 {
			u.start()
			if !u.locked() || !strings.Contains(u.said(), "stays so until a person unlocks it") {
				t.Errorf("killed when %s, it starts unlocked: %s", step.name, u.said())
			}
			u.kill()
		}
		u.start()
		u.act("unlock", "--passphrase-file", u.pass)
		u.kill()
	}
}

// While a desk is locked and executes itself anew, again and again, nobody can lock its
// folder for a moment; and what is left of a process that ends is free.
func lockKept(t *testing.T, _ *office, u *unit) {
	u.startUnlocked()
	f, err := os.Open(filepath.Join(u.dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	take := func() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
	var tries int
	end, ended := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-end:
				ended <- nil
				return
			default:
				if tries++; take() != syscall.EWOULDBLOCK {
					ended <- errors.New("another could lock the folder")
					return
				}
			}
		}
	}()
	for range 10 {
		u.act("lock")
		if !u.anew() {
			t.Fatalf("lock has returned, and the desk answers as it was: %s", u.said())
		}
		u.act("unlock", "--passphrase-file", u.pass)
	}
	close(end)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("tried %d times", tries)
	u.act("lock")
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Wait(); err != nil {
		t.Errorf("told to stop, it ends with %v: %s", err, u.said())
	}
	u.cmd = nil
	if err := take(); err != nil {
		t.Errorf("it has ended, and its folder is locked: %v", err)
	}
}

// A descriptor that is not the folder's lock is none.
func lockChecked(t *testing.T, _ *office, u *unit) {
	for _, fd := range []string{"0", "3", "99"} {
		out, err := u.command("serve", "--dir", u.dir, "--"+keptLock, fd).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "keep the lock") {
			t.Errorf("descriptor %s: %v, %s", fd, err, out)
		}
	}
}

// The program forbids dumps of itself in each command that asks for a passphrase, so that
// its files in /proc are root's, and no byte of a core is written.
func dumpsForbidden(t *testing.T, _ *office, u *unit) {
	party := filepath.Join(filepath.Dir(u.program), "samband-party")
	if out, err := exec.Command("go", "build", "-o", party, "samband/cmd/samband-party").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	if err := os.Chmod(party, 0o755); err != nil { // for the desk's account, whatever the umask is
		t.Fatal(err)
	}
	for _, line := range [][]string{
		{u.program, "unlock", "--dir", u.dir, "--passphrase-file", "-"},
		{u.program, "rotate", "--dir", u.dir, "--passphrase-file", "-"},
		{u.program, "passwd", "--dir", u.dir, "--passphrase-file", "-"},
		{party, "init", "--dir", filepath.Join(u.dir, "party"), "--party", "se", "--title", "Polisen", "--passphrase-file", "-"},
	} {
		v := *u
		v.cmd = u.command()
		v.cmd.Path, v.cmd.Args = line[0], line
		waits, err := v.cmd.StdinPipe() // it waits for the passphrase
		if err != nil {
			t.Fatal(err)
		}
		if err := v.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		v.await("no dump of "+strings.Join(line[1:2], " "), func() bool { return forbidsDumps(v.cmd.Process.Pid) })
		waits.Close()
		_ = v.cmd.Wait() // it got none
	}
	u.start()
	if !forbidsDumps(u.cmd.Process.Pid) {
		t.Error("a desk that serves allows dumps")
	}
	u.act("lock")
	u.await("no dump of serve anew", func() bool { return u.anew() && forbidsDumps(u.cmd.Process.Pid) })
}

func forbidsDumps(pid int) bool {
	var owner syscall.Stat_t
	err := syscall.Stat(fmt.Sprintf("/proc/%d/mem", pid), &owner)
	limits, limitsErr := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	core := strings.Fields(string(limits[max(0, bytes.Index(limits, []byte("Max core file size"))):]))
	return err == nil && limitsErr == nil && owner.Uid == 0 && len(core) > 5 && core[4] == "0" && core[5] == "0"
}

// What systemd tells a service goes over; what else the environment has does not.
func TestServiceEnvironment(t *testing.T) {
	kept := []string{"PATH=/bin", "NOTIFY_SOCKET=/run/systemd/notify", "CREDENTIALS_DIRECTORY=/run/credentials/u", "INVOCATION_ID=1", "JOURNAL_STREAM=8:1", "TZ=Europe/Stockholm"}
	got := serviceEnvironment(append([]string{"PASSPHRASE=nine geese", "NOTIFY_SOCKET2=x", "SAMBAND_DIR=d", "LD_PRELOAD=x", "nothing"}, kept...))
	if !slices.Equal(got, kept) {
		t.Errorf("it passes on %q", got)
	}
}
