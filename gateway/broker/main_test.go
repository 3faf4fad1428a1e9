package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"samband/gateway/broker"
)

// serveFolder makes the test binary a broker of its own, to be killed.
const serveFolder = "SAMBAND_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveFolder); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var err error
	if madeIn, err = os.MkdirTemp("", "samband-broker-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(madeIn)
	os.Exit(code)
}

func serve(dir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	b, err := broker.New(broker.Config{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println(b.Address(), b.Started().Stopped)
	if err := b.Run(ctx); err != nil {
		return err
	}
	return b.Close()
}

// A process is a broker in a process of its own.
type process struct {
	cmd     *exec.Cmd
	address string
}

func (w *world) spawn() *process {
	w.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	p.cmd.Env = append(os.Environ(), serveFolder+"="+w.dir)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	check(w, err)
	check(w, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	check(w, err)
	var stopped string
	p.address, stopped, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if stopped != "" {
		w.Fatalf("the broker came up and stopped: %s", stopped)
	}
	return p
}

func (p *process) end(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	_ = p.cmd.Wait()
}
