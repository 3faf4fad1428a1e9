package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/broker"
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

// A start that meets what may pass says so and waits to try again: systemd would give up.
func TestServeWaitsOutWhatPasses(t *testing.T) {
	x, err := gatewaytest.Make(t.TempDir(), gatewaytest.Nordic())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.BrokerDir(), "data", "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := false
	c := broker.Config{Dir: x.BrokerDir(), Log: slog.New(heard(func(message string) {
		if strings.Contains(message, "can't start yet, and tries again") {
			waits = true
			cancel()
		}
	}))}
	if _, err := startIn(ctx, c); !waits || err == nil {
		t.Errorf("the start waited: %t; %v", waits, err)
	}
	_, rollback := db.Exec("ROLLBACK")
	if err := errors.Join(rollback, db.Close()); err != nil {
		t.Fatal(err)
	}
	c.Log = nil
	b, err := startIn(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
