package scripts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// AtTerminal is the command at-terminal DIALOGUE PROGRAM ARGS...: it runs a program at a
// terminal, where a person reads and types by the lines of a file:
//
//	? New passphrase    waits till the screen shows this, after what it waited for before
//	> nine geese        types this, and return
//	= ^    (.+)$        types what the screen shows between these parentheses, and return
//	^ C                 types this key with Ctrl
//	$ mv a b            does this beside the program
//
// The whole screen is standard output then. Negated, the program must fail. Each time it must
// leave a terminal that shows what is typed.
func AtTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: at-terminal DIALOGUE PROGRAM ARGS...")
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, args[1]); cmd.Err != nil || !filepath.IsAbs(cmd.Path) {
			if _, err := os.Stat(path); err == nil {
				cmd.Path, cmd.Err = path, nil
			}
		}
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SAMBAND_DIR", "TZ"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	t, err := startAtTerminal(cmd)
	ts.Check(err)
	told := t.follow(strings.Split(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n"))
	if told != nil {
		t.kill()
	}
	screen, ended, err := t.wait()
	fmt.Fprint(ts.Stdout(), screen)
	ts.Logf("[screen]\n%s", screen)
	ts.Check(errors.Join(told, err))
	if (ended != nil) != neg {
		ts.Fatalf("the program ends with %v", ended)
	}
}

// patience is for a program that shows nothing more; a busy machine is no fault.
const patience = 5 * time.Minute

// A terminal is one that a program runs at.
type terminal struct {
	keys   *os.File // and the screen
	cmd    *exec.Cmd
	shown  chan string // each time that something is shown
	screen string
	seen   int // of the screen, by the last line that waited
}

func startAtTerminal(cmd *exec.Cmd) (*terminal, error) {
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		return nil, errors.Join(err, keys.Close())
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, errors.Join(err, keys.Close())
	}
	defer tty.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, keys.Close())
	}
	t := &terminal{keys: keys, cmd: cmd, shown: make(chan string)}
	go func() {
		defer close(t.shown)
		for b := make([]byte, 4096); ; {
			n, err := keys.Read(b)
			if err != nil { // EIO: nobody has the terminal any more
				return
			}
			t.shown <- string(b[:n])
		}
	}()
	return t, nil
}

// follow reads and types by the lines of a dialogue.
func (t *terminal) follow(lines []string) error {
	for _, line := range lines {
		act, text, _ := strings.Cut(line, " ")
		switch act {
		case "?":
			if err := t.await(text); err != nil {
				return err
			}
		case ">":
			if err := t.types(text + "\r"); err != nil {
				return err
			}
		case "=":
			found := regexp.MustCompile("(?m)" + text).FindStringSubmatch(strings.ReplaceAll(t.screen, "\r\n", "\n"))
			if found == nil {
				return fmt.Errorf("the screen shows no %q", text)
			}
			if err := t.types(found[1] + "\r"); err != nil {
				return err
			}
		case "^":
			if err := t.types(string(text[0] - '@')); err != nil {
				return err
			}
		case "$":
			beside := exec.Command("sh", "-c", text)
			beside.Dir = t.cmd.Dir
			if out, err := beside.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", text, err, out)
			}
		case "":
		default:
			return fmt.Errorf("%q is no line of a dialogue", line)
		}
	}
	return nil
}

func (t *terminal) types(keys string) error {
	_, err := t.keys.WriteString(keys)
	return err
}

// await reads the screen until it shows a text, after what was awaited before.
func (t *terminal) await(text string) error {
	late := time.After(patience)
	for {
		if at := strings.Index(t.screen[t.seen:], text); at >= 0 {
			t.seen += at + len(text)
			return nil
		}
		select {
		case more, ok := <-t.shown:
			if !ok {
				return fmt.Errorf("the program ended, and the screen never showed %q", text)
			}
			t.screen += more
		case <-late:
			return fmt.Errorf("the screen does not show %q", text)
		}
	}
}

// kill ends the program and those that it started: the terminal is theirs alone.
func (t *terminal) kill() { _ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL) }

// wait waits for the program's end, and returns all that the screen showed and how it ended.
func (t *terminal) wait() (screen string, ended, err error) {
	late := time.AfterFunc(patience, t.kill)
	defer late.Stop()
	for more := range t.shown {
		t.screen += more
	}
	ended = t.cmd.Wait()
	state, stateErr := unix.IoctlGetTermios(int(t.keys.Fd()), unix.TCGETS)
	if stateErr == nil && state.Lflag&unix.ECHO == 0 {
		stateErr = errors.New("the terminal is left without echo")
	}
	return strings.ReplaceAll(t.screen, "\r\n", "\n"), ended, errors.Join(stateErr, t.keys.Close())
}
