package gatewaytest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
)

// The tests here kill processes, so broker and desks have processes of their
// own: the test binary runs itself again, and these variables say as what.
const (
	roleVariable = "SAMBAND_TEST_ROLE"
	dirVariable  = "SAMBAND_TEST_DIR"

	roleBroker        = "broker"
	roleClockedBroker = "clocked-broker" // by a clock that the test moves, see [process.move]
	roleDesk          = "desk"

	roleMend        = "mend" // the broker's commands, with the folder's backup beside it
	roleMendJournal = "mend-journal"
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Getenv(dirVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play is a process of an exchange. It says on standard output that it stands,
// ends well at SIGTERM, and at once when the test that started it is gone.
func play(role, dir string) error {
	clock := NewClock(time.Now())
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			by, err := time.ParseDuration(lines.Text())
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				break
			}
			clock.Move(by)
			fmt.Println("moved")
		}
		os.Exit(1)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	switch role {
	case roleBroker, roleClockedBroker:
		conf := broker.Config{Dir: dir, Log: log}
		if role == roleClockedBroker {
			conf.Clock = clock
		}
		b, err := broker.New(conf)
		if err != nil {
			return err
		}
		return errors.Join(json.NewEncoder(os.Stdout).Encode(b.Started()), b.Run(ctx), b.Close())
	case roleDesk:
		d, err := desk.New(desk.Config{Dir: dir, Log: log, Retry: 50 * time.Millisecond})
		if err != nil {
			return err
		}
		fmt.Println("{}")
		return errors.Join(d.Run(ctx), d.Close())
	case roleMend:
		return say(broker.Mend(ctx, dir, backupOf(dir)))
	case roleMendJournal:
		return say(broker.MendJournal(ctx, dir))
	}
	return fmt.Errorf("no role %q", role)
}

// say is what a command says at its end.
func say(what any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(what)
}

// backupOf is where a copy of a broker's records lies.
func backupOf(dir string) string { return filepath.Join(filepath.Dir(dir), "backup") }

// A process is a broker or desk that can be killed.
type process struct {
	role  string
	cmd   *exec.Cmd
	stdin io.WriteCloser // its end ends the process
	out   *bufio.Reader
	said  string // file of what it wrote to standard error
}

// spawn starts a process.
func spawn(role, dir, said string) (p *process, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(said, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p = &process{role: role, cmd: exec.Command(program), said: said}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.cmd.Start()
}

// stands waits until the process stands, and returns what it says then. Where it
// ends before, the error is in its own words.
func (p *process) stands() ([]byte, error) {
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		return line, nil
	}
	_ = p.cmd.Wait()
	words, err := os.ReadFile(p.said)
	lines := bytes.Split(bytes.TrimSpace(words), []byte("\n"))
	return nil, errors.Join(fmt.Errorf("the %s ended at its start: %s", p.role, lines[len(lines)-1]), err)
}

// kill ends the process as kill -9 does. An error says that it had ended before.
func (p *process) kill() error {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the %s had ended by itself: %s", p.role, p.cmd.ProcessState)
	}
	return nil
}

// stop lets the process end in its own way.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// copyFolder copies the regular files of a folder, those below it too.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

// readFolder reads all files of a folder.
func readFolder(dir string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(b)
		return err
	})
	return files, err
}
