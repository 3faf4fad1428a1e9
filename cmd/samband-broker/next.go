package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"samband/gateway/broker"
	"samband/gateway/monitor"
)

// settingsFile lies in the broker's folder.
const settingsFile = "broker.yaml"

// next is what to do about an error that is no refusal, for whoever was just
// called out of bed; "" where the error says it.
func (s *settings) next(err error) string {
	var missing *fs.PathError
	var address *net.OpError
	var held *heldError
	switch {
	case errors.Is(err, broker.ErrNotServed):
		return "start samband-broker serve, or check --dir"
	case errors.As(err, &missing) && filepath.Base(missing.Path) == settingsFile && errors.Is(err, fs.ErrNotExist):
		return "run samband-broker init, or name the folder with --dir"
	case errors.As(err, &held):
		return fmt.Sprintf("process %d holds the folder: stop it first", held.pid)
	case errors.As(err, &address) && errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("stop the program that listens there, or change %q in %s",
			s.settingOf(address.Addr), filepath.Join(s.dir, settingsFile))
	}
	return ""
}

// settingOf is the setting that an address stands in.
func (s *settings) settingOf(a net.Addr) string {
	b, err := broker.ReadSettings(s.dir)
	if err != nil {
		return "listen"
	}
	if metrics, err := net.ResolveTCPAddr("tcp", b.Metrics); err == nil && metrics.String() == a.String() {
		return "metrics"
	}
	return "listen"
}

// A heldError is the failure of a start whose folder another process holds.
type heldError struct {
	error
	pid int
}

func (e *heldError) Unwrap() error { return e.error }

// heldBy adds to a start's failure who holds the folder, if somebody does.
func heldBy(dir string, err error) error {
	settings, broken := broker.ReadSettings(dir)
	if broken != nil {
		return err
	}
	if pid, known := monitor.Holder(filepath.Join(settings.Data, "nats")); known {
		return &heldError{err, pid}
	}
	return err
}

// putBack mends what the disk lost of the records.
const putBack = "stop; put back the missing files of data/records/ from the newest backup, and only files that are missing or shorter; start. If that doesn't do: it stays stopped"

// afterStop says what to do about each reason for which the writer stops. The
// runbook has the same words, with what is so, under "When it runs and accepts
// nothing".
var afterStop = map[string]string{
	"fenced-out":      "find the second broker and stop it; find out who started it; restart this one",
	"archive-failed":  "look at the disk (dmesg, df); mend it; restart",
	"index-failed":    "look at the disk; delete index.db with its -wal and -shm; restart. If it stops again with the same words, the records are wrong, by a fault of the program: send the log lines to the makers",
	"records-lost":    putBack,
	"journal-hole":    putBack,
	"group-bent":      "a disk fault, or a hand in the folder: test the disk; stop; put the bent file back from the newest backup; start",
	"log-contradicts": "wrong folders put together? If not, treat it as an attack: call the auditors",
	"checkpoint-bent": "test the disk; ask who was in the folder. If the rest of data/ is sound, delete this one file, in the folder that the log line names, and restart: it is made anew from the records. If they lack the newest entries, the first desk that calls shows it, as tail-lost",
	"tail-lost":       "an old data/ was put back, or acknowledged entries were lost. Put the newest data/ back if there is a newer one. If there is none, this exchange can't go on here: call the root's parties. Do not make a new log in its place",
	"fault":           "restart; send the log lines to the makers",
}

// nextOf is what to do about a broker that has stopped.
func nextOf(stopped string) string {
	kind, _, _ := strings.Cut(stopped, ":")
	return afterStop[kind]
}
