package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
	"samband/gateway/signed"
)

// settings are the flags that every command has.
type settings struct {
	dir        string
	passphrase string
	json       bool
	started    bool // a command runs: its flags and arguments were right
}

// errUsage marks a flag's value that can't be.
var errUsage = errors.New("wrong usage")

// maxFile bounds what is read from files that others brought.
const maxFile = 1 << 20

func (s *settings) readPassphrase(c *cobra.Command) ([]byte, error) {
	var b []byte
	var err error
	switch s.passphrase {
	case "":
		return nil, nil
	case "-":
		b, err = io.ReadAll(io.LimitReader(c.InOrStdin(), maxFile))
	default:
		b, err = readFile(s.passphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("the passphrase in %s is empty", s.passphrase)
	}
	return line, nil
}

func (s *settings) founder(c *cobra.Command) (*authority.Founder, error) {
	return open(s, c, authority.OpenFounder)
}

func (s *settings) party(c *cobra.Command) (*authority.Party, error) {
	return open(s, c, authority.OpenParty)
}

func (s *settings) ca(c *cobra.Command) (*authority.CA, error) {
	return open(s, c, authority.OpenCA)
}

func open[T any](s *settings, c *cobra.Command, open func(string, []byte) (T, error)) (T, error) {
	passphrase, err := s.readPassphrase(c)
	if err != nil {
		var none T
		return none, err
	}
	return open(s.dir, passphrase)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return b, err
}

// readAs reads a file and parses it; what is wrong is said with the file's name.
func readAs[T any](path string, parse func([]byte) (T, error)) (T, error) {
	v, _, err := readWhole(path, parse)
	return v, err
}

// readWhole is readAs for who needs the bytes too: those that were parsed, and not
// what the file holds a moment later.
func readWhole[T any](path string, parse func([]byte) (T, error)) (v T, b []byte, err error) {
	var none T
	if b, err = readFile(path); err != nil {
		return none, nil, err
	}
	if v, err = parse(b); err != nil {
		return none, nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, b, nil
}

// A result is what a command made.
type result struct {
	Made string   `json:"made"`
	File string   `json:"file,omitempty"`
	Hash string   `json:"hash,omitempty"`
	Note []string `json:"note,omitempty"`
	Next string   `json:"next"`
}

func (s *settings) say(c *cobra.Command, r result) error {
	out := c.OutOrStdout()
	if s.json {
		return json.NewEncoder(out).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Made: %s\n", r.Made)
	if r.File != "" {
		fmt.Fprintf(&b, "File: %s\n", r.File)
	}
	if r.Hash != "" {
		fmt.Fprintf(&b, "Hash: %s\n", r.Hash)
	}
	for _, n := range r.Note {
		fmt.Fprintf(&b, "Note: %s\n", n)
	}
	fmt.Fprintf(&b, "Next: %s\n", r.Next)
	_, err := io.WriteString(out, b.String())
	return err
}

// entry says that an entry was made and where it goes.
func (s *settings) entry(c *cobra.Command, what string, m *authority.Made, notes ...string) error {
	return s.say(c, result{
		Made: what, File: m.File, Hash: m.Hash.String(), Note: notes,
		Next: "bring the file to the broker: samband-broker enter " + m.File,
	})
}

// parseMoment reads a time, or a day at its beginning, in UTC.
func parseMoment(s string) (signed.Time, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return signed.At(day), nil
	}
	t, err := signed.ParseTime(s)
	if err != nil {
		return t, fmt.Errorf("%q is not a day (2027-01-01) or a time (2027-01-01T08:00:00Z); %w", s, errUsage)
	}
	return t, nil
}

// need marks flags that a command can't do without.
func need(c *cobra.Command, flags ...string) *cobra.Command {
	for _, f := range flags {
		if err := c.MarkFlagRequired(f); err != nil {
			panic(err) // a flag that the command doesn't have
		}
	}
	return c
}
