package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"samband/gateway/gatewaytest"
	"samband/gateway/gatewaytest/needs"
)

// stranger is an account that owns nothing of the tests'.
const stranger = 4711

// A said is what a command line of a real program said, and how it ended.
type said struct {
	out, errs string
	code      int
}

// as runs a program as an account, in a folder that every account may read.
func as(t *testing.T, uid uint32, input, program string, args ...string) said {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", strings.NewReader(input), &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// wants checks the words of a command that had no effect: its cause and what to do, and no
// word that only the wire may use.
func (s said) wants(t *testing.T, what string, code int, cause, next string) {
	t.Helper()
	last := s.errs[strings.LastIndex(strings.TrimSpace(s.errs), "\n")+1:]
	if s.code != code || !strings.Contains(s.errs, cause) || !strings.HasPrefix(last, "Next: ") || !strings.Contains(last, next) {
		t.Errorf("%s: exits %d, not %d; wants %q and then %q:\n%s%s", what, s.code, code, cause, next, s.out, s.errs)
	}
	if strings.Contains(s.errs, "the desk tries again") || s.out != "" {
		t.Errorf("%s: speaks as of an effect:\n%s%s", what, s.out, s.errs)
	}
}

// Each local command against each cause for which it reaches nobody, or may write nothing.
func TestLocalWords(t *testing.T) {
	needs.Root(t, "run programs as several accounts")
	o, u := newUnits(t)
	base := filepath.Dir(u.program)
	for _, program := range []string{"samband-party", "samband-broker"} {
		path := filepath.Join(base, program)
		if out, err := exec.Command("go", "build", "-o", path, "samband/cmd/"+program).CombinedOutput(); err != nil {
			t.Fatalf("build the program: %v\n%s", err, out)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	body := filepath.Join(base, "request.json")
	if err := os.WriteFile(body, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(body, 0o644), os.Chmod(u.dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Run("desk", func(t *testing.T) { deskWords(t, u, base, body) })
	t.Run("others", func(t *testing.T) { otherWords(t, base) })
	t.Run("owners", func(t *testing.T) { ownersStay(t, o, u, base) })
	t.Run("locked database", func(t *testing.T) { lockedDatabase(t, o, u, base) })
	t.Run("interrupted", func(t *testing.T) { interrupted(t, u, base) })
}

func deskWords(t *testing.T, u *unit, base, body string) {
	const id = "AAAAAAAAAAAAAAAAAAAAAA=="
	asking := [][]string{
		{"status"}, {"unlock", "--passphrase-file", "-"}, {"lock"}, {"inbox"}, {"outbox"}, {"conversations"}, {"read", id}, {"log"}, {"verify"},
		{"send", "--to", "fi.spoc", "--type", "X_NONE", "--body", body}, {"send", "--explain", "--to", "fi.spoc", "--type", "X_NONE", "--body", body},
		{"answer", id, "--type", "X_NONE", "--body", body}, {"withdraw", id}, {"erase", id}, {"erased"}, {"keep", id, "--reason", "a test"},
	}
	writing := [][]string{
		{"rotate", "--passphrase-file", "-"}, {"rotate", "--online", "--passphrase-file", "-"}, {"passwd", "--passphrase-file", "-", "--new-passphrase-file", body}, {"broker", body}, {"hits", "import", "--dataset", "VEHICLE", body}, {"serve"},
	}
	for _, cause := range []struct {
		name        string
		uid         uint32
		dir         string
		cause, next string
		code        int
	}{
		{"not running", nobody, u.dir, "no process serves this desk", "start it with samband-desk serve", 5},
		{"no right", stranger, u.dir, "belongs to nobody", "sudo -u nobody", 1},
		{"wrong folder", stranger, base, "there is no desk in " + base, "--dir", 1},
		{"no folder", stranger, filepath.Join(base, "absent"), "there is no folder", "--dir", 1},
		{"a tilde", stranger, filepath.Join(base, "~", "desk"), "the shell left ~ as it is", "$HOME", 1},
	} {
		for _, args := range asking {
			s := as(t, cause.uid, gatewaytest.Passphrase+"\n", u.program, append(args, "--dir", cause.dir)...)
			s.wants(t, cause.name+": "+args[0], cause.code, cause.cause, cause.next)
		}
	}
	for _, args := range writing {
		s := as(t, stranger, gatewaytest.Passphrase+"\n", u.program, append(args, "--dir", u.dir)...)
		s.wants(t, "no right: "+args[0], 1, "", "sudo -u nobody")
	}
	for _, args := range [][]string{
		{"send", "--to", "fi.spoc", "--body", "-", "--attach", "-"}, {"send", "--to", "fi.spoc", "--body", body, "--attach", "-", "--attach", "/dev/stdin"},
		{"answer", id, "--body", "-", "--copy", "-"}, {"check", "-", "-"},
		{"init", "--address", "se.spoc", "--broker", "https://b.example:8443", "--federation", "-", "--passphrase-file", "-"},
	} {
		if s := as(t, nobody, "{}", u.program, append(args, "--dir", u.dir)...); args[0] != "check" {
			s.wants(t, "- twice: "+args[0], 2, "standard input can be read once", "write all but one of them to a file")
		}
	}
}

// The programs of broker and party, by the same causes.
func otherWords(t *testing.T, base string) {
	dir := filepath.Join(base, "broker")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	program, party := filepath.Join(base, "samband-broker"), filepath.Join(base, "samband-party")
	create := []string{"init", "--dir", dir, "--name", "nordic.example"}
	as(t, stranger, "", program, create...).wants(t, "broker init", 1, "", "sudo -u nobody")
	if s := as(t, 0, "", program, create...); s.code != 0 {
		t.Fatalf("root's init: %s", s.errs)
	}
	owned(t, dir)
	entry := filepath.Join(base, "request.json")
	for _, args := range [][]string{{"status"}, {"enter", entry}} {
		as(t, nobody, "", program, append(args, "--dir", dir)...).wants(t, "not running: broker "+args[0], 5, "no process serves this broker", "start it with samband-broker serve")
	}
	for _, args := range [][]string{{"status"}, {"enter", entry}, {"serve"}} {
		as(t, stranger, "", program, append(args, "--dir", dir)...).wants(t, "no right: broker "+args[0], 1, "", "sudo -u nobody")
		as(t, stranger, "", program, append(args, "--dir", base)...).wants(t, "wrong folder: broker "+args[0], 1, "", "run samband-broker init, or name the folder with --dir")
	}
	as(t, 0, "", program, "serve", "--dir", dir).wants(t, "root serves nobody's broker", 1, "belongs to nobody", "sudo -u nobody")

	home := filepath.Join(base, "party")
	if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	create = []string{"init", "--dir", home, "--party", "se", "--title", "Polisen", "--passphrase-file", "-"}
	as(t, stranger, "winter ferry lighthouse\n", party, create...).wants(t, "party init", 1, "", "sudo -u nobody")
	if s := as(t, 0, "winter ferry lighthouse\n", party, create...); s.code != 0 {
		t.Fatalf("root's init: %s", s.errs)
	}
	owned(t, home)
	as(t, stranger, "", party, "revoke", "se.spoc", "--dir", home).wants(t, "party revoke", 1, "belongs to nobody", "sudo -u nobody")
}

// owned checks that all in a folder belongs to the folder's owner.
func owned(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != nobody {
			t.Errorf("%s is not its folder's owner's", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Root rotates the keys of a desk that another account serves: its files stay that
// account's, and the desk unlocks afterwards. Where a file is root's all the same, the
// desk says whose it is and what to do; and that does.
func ownersStay(t *testing.T, _ *office, u *unit, base string) {
	u.start()
	defer u.kill()
	pass := gatewaytest.Passphrase + "\n"
	if s := as(t, 0, pass, u.program, "rotate", "--dir", u.dir, "--passphrase-file", "-"); s.code != 0 {
		t.Fatal(s.errs)
	}
	owned(t, u.dir)
	unlock := []string{"unlock", "--dir", u.dir, "--passphrase-file", "-"}
	for _, args := range [][]string{{"lock", "--dir", u.dir}, unlock} {
		if s := as(t, 0, pass, u.program, args...); s.code != 0 {
			t.Fatalf("%s: %s", args[0], s.errs)
		}
	}
	ring := filepath.Join(u.dir, "keys", "locked.age")
	if err := os.Chown(ring, 0, 0); err != nil {
		t.Fatal(err)
	}
	as(t, nobody, pass, u.program, unlock...).wants(t, "root's ring", 1, "it belongs to root", "repeat the command")
	said := as(t, nobody, pass, u.program, unlock...).errs
	_, way, _ := strings.Cut(said, "as with sudo ")
	way, _, _ = strings.Cut(way, "\n")
	if out, err := exec.Command("sh", "-c", way).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", way, err, out)
	}
	if s := as(t, nobody, pass, u.program, unlock...); s.code != 0 {
		t.Errorf("after %s: %s", way, s.errs)
	}
	if s := as(t, stranger, "", u.program, "inbox", "--dir", u.dir); !strings.Contains(s.errs, "sudo -u nobody") {
		t.Errorf("another account at a desk that runs: %s", s.errs)
	}
	as(t, 0, "", u.program, "serve", "--dir", u.dir).wants(t, "root serves nobody's desk", 1, "belongs to nobody", "sudo -u nobody")
}

// What a locked database kept from being stored is told so by each command that writes, and
// passes once the lock is gone: that is the way out which the words name.
func lockedDatabase(t *testing.T, _ *office, u *unit, base string) {
	u.start()
	defer u.kill()
	pass := gatewaytest.Passphrase + "\n"
	db, err := sql.Open("sqlite", filepath.Join(u.dir, "desk.db?_pragma=busy_timeout(10000)"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	sample := sampleBody(t, base)
	commands := [][]string{
		{"send", "--to", "fi.spoc", "--type", "SPONTANEOUS", "--body", sample, "--wait", "0"},
		{"unlock", "--passphrase-file", "-"},
	}
	var all sync.WaitGroup
	for _, args := range commands {
		all.Go(func() {
			s := as(t, nobody, pass, u.program, append(args, "--dir", u.dir)...)
			s.wants(t, args[0], 5, "NOT_STORED: another program has locked the desk's database", "repeat the command")
			if !strings.Contains(s.errs, "Next: nothing was stored") {
				t.Errorf("%s: %s", args[0], s.errs)
			}
		})
	}
	all.Wait()
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for _, args := range commands {
		if s := as(t, nobody, pass, u.program, append(args, "--dir", u.dir)...); s.code != 0 {
			t.Errorf("%s, once the lock is gone: %s", args[0], s.errs)
		}
	}
	s := as(t, nobody, "", u.program, append(commands[0], "--dir", u.dir)...)
	s.wants(t, "the same again", 4, "REPEATED", "--again")
	if s := as(t, nobody, "", u.program, append(commands[0], "--again", "--dir", u.dir)...); s.code != 0 {
		t.Errorf("--again: %s", s.errs)
	}
}

// sampleBody writes the body of a message that any account may read.
func sampleBody(t *testing.T, base string) string {
	t.Helper()
	sample := filepath.Join(base, "spontaneous.json")
	text, err := os.ReadFile(filepath.FromSlash("../../schema/testdata/case/07-spontaneous.json"))
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "recipients") // the desk adds them
	if text, err = json.Marshal(members); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(sample, text, 0o644), os.Chmod(sample, 0o644)); err != nil {
		t.Fatal(err)
	}
	return sample
}

// The broker is away, and somebody interrupts the wait of a send: what is queued was told
// before, and the same command again asks, so that nothing goes twice.
func interrupted(t *testing.T, u *unit, base string) {
	u.start()
	defer u.kill()
	u.await("registered", func() bool {
		st, err := u.desk.Status(t.Context())
		return err == nil && st.Registered && !st.Locked
	})
	if err := u.exchange.Stop(); err != nil {
		t.Fatal(err)
	}
	args := []string{"send", "--to", "fi.spoc", "--type", "SPONTANEOUS", "--body", sampleBody(t, base), "--expires", "24h", "--dir", u.dir}
	cmd := exec.Command(u.program, append(args, "--wait", "10m")...)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "Queued: ") || !strings.Contains(line, "to fi.spoc. It is durable here") {
		t.Errorf("before the wait it says %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was interrupted
	as(t, nobody, "", u.program, args...).wants(t, "the same again", 4, "REPEATED: this desk has sent the same", "--again")
	if s := as(t, nobody, "", u.program, "outbox", "--dir", u.dir); s.code != 0 || !strings.Contains(s.errs, "Trouble: the broker at") {
		t.Errorf("outbox doesn't say why its message waits:\n%s", s.errs)
	}
	st := as(t, nobody, "", u.program, "status", "--dir", u.dir)
	if !strings.Contains(st.out, "TROUBLE:") || !strings.Contains(st.out, "is not reached") {
		t.Errorf("status doesn't say why the broker doesn't answer:\n%s", st.out)
	}
}
