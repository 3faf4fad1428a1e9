package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"samband/gateway/durable"
)

// smallFiles are the two files by which the server knows a stream: how it is configured, and
// a checksum of that. Without them, or where they don't fit each other, it passes over the
// stream and leaves it alone. What they say is known, so they are made anew.
var smallFiles = []string{"meta.inf", "meta.sum"}

// blocks are the files with groups, the oldest first.
func blocks(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(journalDir(dir), "msgs"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	number := func(name string) uint64 {
		digits, _ := strings.CutSuffix(name, ".blk")
		n, _ := strconv.ParseUint(digits, 10, 32)
		return n
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".blk") && number(e.Name()) > 0 {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(number(a)) - int(number(b)) })
	return names, err
}

// remake writes the small files as the server itself writes them for a new JOURNAL: in a
// folder of its own, from which they are taken. The limit is that of a new JOURNAL too.
func (s *Store) remake(ctx context.Context) (err error) {
	scratch := filepath.Join(s.cfg.Dir, "remade")
	if err := errors.Join(os.RemoveAll(scratch), durable.MkdirAll(scratch)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	o, _, err := serve(ctx, Config{Dir: scratch, Log: s.cfg.Log, MaxBytes: s.cfg.MaxBytes, Create: true})
	if err != nil {
		return err
	}
	limit := o.stream.CachedInfo().Config.MaxBytes
	o.close()
	for _, name := range smallFiles {
		content, err := durable.ReadFile(filepath.Join(journalDir(scratch), name), durable.MaxSmall)
		if err != nil {
			return err
		}
		if err := durable.Replace(filepath.Join(journalDir(s.cfg.Dir), name), content, 0o600); err != nil {
			return err
		}
	}
	s.cfg.Log.Warn("the embedded server knew JOURNAL no more by its small files meta.inf and meta.sum, which are made anew", "limit", limit)
	return nil
}

// takeUp starts the server over what is there. Where its small files alone are in the way they
// are made anew, once.
func (s *Store) takeUp(ctx context.Context) (*opened, error) {
	have, err := blocks(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	o, said, err := serve(ctx, s.cfg)
	if err != nil && !errors.Is(err, errNoJournal) && said != "" {
		err = fmt.Errorf("%w; the server said: %s", err, said)
	}
	if !errors.Is(err, errNoJournal) || len(have) == 0 {
		return o, err
	}
	left, err := filesIn(journalDir(s.cfg.Dir))
	if err != nil {
		return nil, err
	}
	for _, name := range have { // what it failed to take up, it has removed
		if !slices.Contains(left, filepath.Join("msgs", name)) {
			return nil, fmt.Errorf("%w; it said: %s", ErrNotTaken, said)
		}
	}
	if err := s.remake(ctx); err != nil {
		return nil, fmt.Errorf("make its small files anew: %w", err)
	}
	if o, said, err = serve(ctx, s.cfg); errors.Is(err, errNoJournal) {
		err = fmt.Errorf("%w; it said: %s", ErrNotTaken, said)
	}
	return o, err
}

// serve runs the server in a folder and opens its JOURNAL. Where it fails, said is what the
// server warned of last.
func serve(ctx context.Context, cfg Config) (o *opened, said string, err error) {
	o = &opened{log: &serverLog{Logger: cfg.Log}}
	o.takes, o.log.refuses = context.WithCancel(context.Background())
	if o.server, err = startServer(cfg.Dir, o.log); err == nil {
		if o.conn, err = connect(o.server); err == nil {
			if o.js, err = jetstream.New(o.conn, jetstream.WithDefaultTimeout(answerTimeout)); err == nil {
				o.stream, err = openJournal(ctx, o.js, cfg)
			}
		}
	}
	if err != nil {
		o.close()
		if last := o.log.warned.Load(); last != nil {
			said = *last
		}
		return nil, said, err
	}
	return o, "", nil
}
