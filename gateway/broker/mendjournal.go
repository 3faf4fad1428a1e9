package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/records"
	"samband/gateway/broker/internal/store"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// A NewJournal is what MendJournal made.
type NewJournal struct {
	Groups uint64      `json:"groups"`         // of the records; JOURNAL begins behind them
	Kept   string      `json:"kept,omitempty"` // where the damaged JOURNAL lies; "" where there was none
	Again  []AgainFrom `json:"again"`          // whose envelopes come again from their senders
}

// An AgainFrom is a message whose sealed bytes were in JOURNAL alone. Its sender has them until
// it has the proof of its end, and is asked for them.
type AgainFrom struct {
	From signed.Address `json:"from"`
	To   signed.Address `json:"to"`
	ID   signed.ID      `json:"id"`
}

// atOnce is how many groups go into a new index in one transaction.
const atOnce = 256

// MendJournal makes the JOURNAL of a stopped broker anew, behind the last group of its records,
// which must be whole; and the index, which believed that envelopes were there. What was
// acknowledged lies in the records; sealed bytes lay in JOURNAL alone, and are asked for again.
// A JOURNAL that opens is left alone. It may be killed, and repeated.
func MendJournal(ctx context.Context, dir string) (*NewJournal, error) {
	s, k, err := openStopped(dir)
	if err != nil {
		return nil, err
	}
	archive, err := records.Open(s.records())
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	if err := archive.Damaged(); err != nil {
		return nil, fmt.Errorf("%w: mend the records first, with --from", err)
	}
	switch _, err := os.Stat(s.nats()); {
	case err == nil:
		st, err := store.Open(ctx, store.Config{Dir: s.nats()})
		if err == nil {
			st.Close()
			return nil, errors.New("JOURNAL opens, and is left alone: what it lacks, the start settles")
		}
		if errors.Is(err, durable.ErrLocked) {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	done := &NewJournal{Again: []AgainFrom{}}
	if err := done.indexAnew(s, k, archive); err != nil {
		return nil, err
	}
	// Killed here: the index knows that the bytes are gone, which does no harm.
	if done.Kept, err = aside(s.nats()); err != nil {
		return nil, err
	}
	// Killed here: the start refuses, since JOURNAL is missing.
	st, err := store.Open(ctx, store.Config{Dir: s.nats(), MaxBytes: s.JournalBytes, Create: true, First: done.Groups + 1})
	if err != nil {
		return nil, err
	}
	defer st.Close()
	if last, err := st.Last(ctx); err != nil || last != done.Groups {
		return nil, errors.Join(err, fmt.Errorf("the new JOURNAL ends with group %d, the records with %d", last, done.Groups))
	}
	return done, durable.SyncDir(s.Data)
}

// indexAnew makes the index of the records alone, and lists what is to come again.
func (d *NewJournal) indexAnew(s Settings, k *keyring, archive *records.Archive) (err error) {
	x, err := index.Create(s.index())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	var batch []*journal.Group
	apply := func() error {
		err := x.Apply(batch)
		batch = nil
		return err
	}
	err = archive.Each(1, func(number uint64, payload []byte) error {
		g, err := decode(k, number, append([]byte(nil), payload...))
		if err != nil {
			return err
		}
		if number != d.Groups+1 {
			return fmt.Errorf("the records lack group %d: mend them first, with --from", d.Groups+1)
		}
		g.Bare, d.Groups = true, number
		for i := range g.Entries {
			e := &g.Entries[i]
			if e.Record.Tree() == auditlog.Register && e.Record.Index > 0 {
				if _, err := k.register.Append(e.Record.Entry); err != nil {
					return err
				}
			}
		}
		if batch = append(batch, g); len(batch) < atOnce {
			return nil
		}
		return apply()
	})
	if err == nil {
		err = apply()
	}
	if err != nil {
		return err
	}
	for _, desk := range k.register.Now().Desks() {
		lacking, err := x.LackingFrom(desk.Address, maxAgain)
		if err != nil {
			return err
		}
		for _, m := range lacking {
			d.Again = append(d.Again, AgainFrom{m.From, m.To, m.ID})
		}
	}
	return nil
}

// maxAgain bounds the messages that are listed of one desk.
const maxAgain = 10_000

// aside gives a folder another name beside it; "" where there is none.
func aside(dir string) (kept string, err error) {
	for i := 1; ; i++ {
		kept = fmt.Sprintf("%s-damaged-%d", dir, i)
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
	}
	if err := os.Rename(dir, kept); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return kept, nil
}
