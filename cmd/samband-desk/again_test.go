//go:build soak

package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/gatewaytest"
)

// heard is a log that calls do for each line that it has.
type heard func(message string)

func (h heard) Enabled(context.Context, slog.Level) bool { return true }
func (h heard) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h heard) WithGroup(string) slog.Handler            { return h }
func (h heard) Handle(_ context.Context, r slog.Record) error {
	h(r.Message)
	return nil
}

// A start beside another program that has the desk's database locked, for longer than a write
// waits for it, says so and tries again: systemd would give up.
func TestServeWaitsOutALock(t *testing.T) {
	x, err := gatewaytest.Make(t.TempDir(), gatewaytest.Nordic())
	if err != nil {
		t.Fatal(err)
	}
	dir := x.DeskDir("se.spoc")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "desk.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	waits := 0
	d, err := startIn(t.Context(), desk.Config{Dir: dir, Log: slog.New(heard(func(message string) {
		if strings.Contains(message, "waits until its database can be opened") {
			if waits++; waits > 1 {
				return
			}
			if _, err := db.Exec("ROLLBACK"); err != nil {
				t.Error(err)
			}
		}
	}))})
	if err != nil || waits != 1 {
		t.Fatalf("it waited %d times; %v", waits, err)
	}
	if err := errors.Join(d.Close(), db.Close()); err != nil {
		t.Error(err)
	}
}
