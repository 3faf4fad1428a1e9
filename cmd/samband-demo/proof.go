package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf16"

	"samband/gateway/auditlog"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// suspect is the family name of the case's suspect, as the bodies spell it.
const suspect = "Åkerblåst-Šimůnek"

// searched looks for the suspect in every file of the broker's folder, and, so
// that finding nothing means something, in Sweden's own sample of the case.
func (s *story) searched(context.Context) (stepResult, error) {
	body, err := caseFile("01-info-request.json")
	if err != nil {
		return stepResult{}, err
	}
	if !mentions(body) {
		return stepResult{}, fmt.Errorf("the search does not find the suspect in the request itself")
	}
	var files int
	var bytesRead int64
	err = filepath.WalkDir(s.BrokerDir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if mentions(b) {
			return fmt.Errorf("%s mentions the suspect", path)
		}
		files, bytesRead = files+1, bytesRead+int64(len(b))
		return nil
	})
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{What: fmt.Sprintf("%d files, %d KiB: not once, in five encodings. The broker's program links no decryption, so it could not know the name if it wanted to.", files, bytesRead>>10)}, nil
}

// mentions looks for the suspect as UTF-8, UTF-16, JSON escapes, hex and base64
// in its three alignments.
func mentions(b []byte) bool {
	name := []byte(suspect)
	var wide, escaped []byte
	for _, u := range utf16.Encode([]rune(suspect)) {
		wide = append(wide, byte(u), byte(u>>8))
		if u < 0x80 {
			escaped = append(escaped, byte(u))
		} else {
			escaped = fmt.Appendf(escaped, "\\u%04x", u)
		}
	}
	needles := [][]byte{name, wide, escaped, []byte(hex.EncodeToString(name))}
	for shift := range 3 {
		enc := base64.StdEncoding.EncodeToString(append(make([]byte, shift), name...))
		needles = append(needles, []byte(enc[4:len(enc)-4])) // what does not depend on its neighbours
	}
	for _, n := range needles {
		if bytes.Contains(b, n) {
			return true
		}
	}
	return false
}

// verified proves both logs again from their files and the federation file
// alone, once the last leaf of the story is on the disk.
func (s *story) verified(ctx context.Context) (stepResult, error) {
	want := s.logHead()
	s.sum.LogSize = want.Size
	r, err := s.Register()
	if err != nil {
		return stepResult{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		audit, err := auditlog.VerifyFolder(durable.DirFS(s.logDir("audit")), r.Federation().Audit)
		if err == nil && audit.Size >= want.Size {
			registry, err := auditlog.VerifyFolder(durable.DirFS(s.logDir("register")), r.Federation().Register)
			if err != nil {
				return stepResult{}, fmt.Errorf("the register does not verify: %w", err)
			}
			s.sum.LogSize, s.sum.Verified = audit.Size, true
			return stepResult{What: fmt.Sprintf("Every entry, every tile and both checkpoints, offline: %d entries of the audit log and %d of the register, "+
				"under the keys that the federation file names. Whoever has the fingerprint can do the same.", audit.Size, registry.Size)}, nil
		}
		var damage *auditlog.Damage
		if errors.As(err, &damage) && damage.Entry >= 0 { // a checkpoint may be late; an entry under one is not
			return stepResult{}, fmt.Errorf("the audit log does not verify: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return stepResult{}, fmt.Errorf("the audit log does not verify up to entry %d: %w", want.Size, errors.Join(err, ctx.Err()))
		}
	}
}

func (s *recordedExchange) logDir(which string) string {
	return filepath.Join(s.BrokerDir(), "data", "log", which)
}

// logHead is the audit log as the broker has it now.
func (s *recordedExchange) logHead() signed.Head { return s.Broker.Started().Audit }
