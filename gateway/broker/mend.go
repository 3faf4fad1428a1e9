package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/records"
	"samband/gateway/broker/internal/store"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// A Mended is what Mend made of damaged records.
type Mended struct {
	Groups   uint64      `json:"groups"`    // all are whole
	Backup   int         `json:"backup"`    // of them, groups that the backup alone had whole
	Journal  int         `json:"journal"`   // of them, groups that JOURNAL alone had whole
	Bits     int         `json:"bits"`      // of them, groups with one wrong bit, which was put right
	Changed  []string    `json:"changed"`   // files of the records that were written anew, or put aside
	Kept     string      `json:"kept"`      // where these lie as they were
	Audit    signed.Head `json:"audit"`     // what the records give of both logs
	Register signed.Head `json:"register"`  // …
	Unheld   []string    `json:"unchecked"` // logs whose checkpoint on disk says nothing: they are checked by the start
}

// Mend joins what is whole of a stopped broker's records, of a backup of them, and of JOURNAL
// where both lack something. Each frame must be one that the broker wrote, and follow the one
// before; and together they must give the roots of the checkpoints on disk. Else it changes
// nothing and says what is whole nowhere. It may be killed, and repeated.
func Mend(ctx context.Context, dir, backup string) (*Mended, error) {
	s, k, err := openStopped(dir)
	if err != nil {
		return nil, err
	}
	copied := ""
	if backup != "" {
		if copied, err = recordsIn(backup); err != nil {
			return nil, err
		}
	}
	done := &Mended{Kept: s.damagedRecords()}
	m, err := records.BeginMend(s.records(), done.Kept)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	seen := 0 // frames with a true checksum
	ours := func(group uint64, payload []byte) error {
		seen++
		_, err := decode(k, group, payload)
		return err
	}
	for _, from := range []string{s.records(), done.Kept, copied} {
		n, err := m.Add(from, ours)
		if err != nil && !(from != copied && errors.Is(err, fs.ErrNotExist)) && from != "" {
			return nil, err
		}
		if from == copied {
			done.Backup = n
		}
	}
	if m.Last() == 0 && seen > 0 {
		return nil, fmt.Errorf("none of the %d groups that are there was written under the key in %s: put the file back from the backup of the keys", seen, s.key(macFile))
	}
	if err := done.fromJournal(ctx, s, k, m); err != nil {
		return nil, err
	}
	if gaps := m.Missing(); len(gaps) > 0 {
		return nil, fmt.Errorf("groups %s are whole nowhere, and nothing was changed: take another backup, one made after them", namesOf(gaps))
	}
	if err := done.check(s, k, m); err != nil {
		return nil, fmt.Errorf("%w; nothing was changed", err)
	}
	done.Bits = m.Bits()
	done.Changed, err = m.Write()
	return done, err
}

// openStopped reads settings and keys for a command on a folder that nobody serves.
func openStopped(dir string) (s Settings, k *keyring, err error) {
	if s, err = ReadSettings(dir); err != nil {
		return s, nil, err
	}
	if err := durable.CheckWriter(dir); err != nil {
		return s, nil, err
	}
	federation, err := durable.ReadFile(s.key(federationFile), durable.MaxSmall)
	if err != nil {
		return s, nil, fmt.Errorf("read the federation file: %w", err)
	}
	k, err = loadKeys(s, federation)
	return s, k, err
}

func decode(k *keyring, number uint64, payload []byte) (*journal.Group, error) {
	g, err := journal.Decode(payload, k.mac)
	if err == nil && g.Number != number {
		err = fmt.Errorf("group %d lies where group %d belongs", g.Number, number)
	}
	return g, err
}

// recordsIn finds the records in a copy of them, of the data folder, or of the broker's.
func recordsIn(backup string) (string, error) {
	for _, dir := range []string{backup, filepath.Join(backup, "records"), filepath.Join(backup, "data", "records")} {
		if found, err := filepath.Glob(filepath.Join(dir, "*.records")); err == nil && len(found) > 0 {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no records in %s: name a folder with a copy of the data folder, or of its records; unpack an archive first", backup)
}

func namesOf(gaps []records.Gap) string {
	var all []string
	for _, g := range gaps {
		if g.From == g.To {
			all = append(all, fmt.Sprint(g.From))
			continue
		}
		all = append(all, fmt.Sprintf("%d to %d", g.From, g.To))
	}
	const most = 8
	if n := len(all) - most; n > 0 {
		all = append(all[:most], fmt.Sprintf("%d more ranges", n))
	}
	return strings.Join(all, ", ")
}

// fromJournal asks JOURNAL for what the folders lack. It is opened only for that.
func (d *Mended) fromJournal(ctx context.Context, s Settings, k *keyring, m *records.Mending) error {
	reached, err := d.reached(s, k, m)
	if err != nil || reached && len(m.Missing()) == 0 {
		return err
	}
	st, err := store.Open(ctx, store.Config{Dir: s.nats()})
	if errors.Is(err, durable.ErrLocked) {
		return err
	}
	if err != nil {
		return nil // without it: what is missing is named
	}
	defer st.Close()
	last, err := st.Last(ctx)
	if err != nil {
		return nil
	}
	wanted := m.Missing()
	if last > m.Last() {
		wanted = append(wanted, records.Gap{From: m.Last() + 1, To: last})
	}
	for _, gap := range wanted {
		for n := gap.From; n <= gap.To; n++ {
			data, err := st.Read(ctx, n)
			if err != nil {
				continue // gone there too
			}
			g, err := decode(k, n, data)
			if err != nil {
				continue
			}
			if err := m.Put(n, g.Payload(k.mac)); err != nil {
				return err
			}
			d.Journal++
		}
	}
	return nil
}

// reached reports whether what was found reaches as far as the logs on disk.
func (d *Mended) reached(s Settings, k *keyring, m *records.Mending) (bool, error) {
	var after journal.Sizes
	err := m.Each(func(group uint64, payload []byte) error {
		g, err := decode(k, group, payload)
		if err == nil {
			after = g.After
		}
		return err
	})
	for _, l := range logsOf(s, k) {
		head, _ := l.onDisk()
		if l.size(after).Entries < head.Size {
			return false, err
		}
	}
	return true, err
}

// A logFolder is one of the two logs, for a check.
type logFolder struct {
	kind auditlog.Tree
	dir  string
	key  *signed.PublicKey
}

func logsOf(s Settings, k *keyring) []logFolder {
	return []logFolder{{auditlog.Audit, s.auditLog(), k.auditKey.Public}, {auditlog.Register, s.registerLog(), k.registerKey.Public}}
}

func (l *logFolder) onDisk() (signed.Head, error) {
	return auditlog.ReadCheckpoint(durable.DirFS(l.dir), l.key)
}

func (l *logFolder) size(s journal.Sizes) journal.Size {
	if l.kind == auditlog.Register {
		return s.Register
	}
	return s.Audit
}

// check follows all groups from the first to the last: each must continue those before, lead
// where it says, and give the roots of the checkpoints on disk where they end.
func (d *Mended) check(s Settings, k *keyring, m *records.Mending) error {
	logs := logsOf(s, k)
	sides, heads := make([]auditlog.Range, len(logs)), make([]signed.Head, len(logs))
	for i := range logs {
		head, err := logs[i].onDisk()
		if err != nil {
			d.Unheld = append(d.Unheld, logs[i].key.Name)
		}
		heads[i] = head
	}
	at := func(i int) journal.Size { return journal.Size{Entries: sides[i].Size(), Root: sides[i].Root()} }
	err := m.Each(func(group uint64, payload []byte) error {
		g, err := decode(k, group, payload)
		if err != nil {
			return err
		}
		for i := range logs {
			if logs[i].size(g.Before) != at(i) {
				return fmt.Errorf("group %d doesn't follow group %d: they are of two histories", group, group-1)
			}
		}
		for j := range g.Entries {
			i := slices.IndexFunc(logs, func(l logFolder) bool { return l.kind == g.Entries[j].Record.Tree() })
			if i < 0 {
				continue // the broker's own bookkeeping
			}
			sides[i].Append(g.Entries[j].Leaf())
		}
		for i := range logs {
			if logs[i].size(g.After) != at(i) {
				return fmt.Errorf("group %d doesn't lead where it says", group)
			}
			if sides[i].Size() == heads[i].Size && heads[i].Size > 0 && sides[i].Root() != heads[i].Root {
				return fmt.Errorf("the groups up to %d don't give the root of the checkpoint of %s on disk: they are of another history", group, logs[i].key.Name)
			}
		}
		d.Groups = group
		return nil
	})
	if err != nil {
		return err
	}
	for i := range logs {
		if sides[i].Size() < heads[i].Size {
			return fmt.Errorf("what is whole ends with entry %d of %s, whose checkpoint on disk has %d entries: take another backup, a newer one", sides[i].Size()-1, logs[i].key.Name, heads[i].Size)
		}
	}
	d.Audit, d.Register = sides[0].Head(logs[0].key.Name), sides[1].Head(logs[1].key.Name)
	return nil
}

func (s Settings) damagedRecords() string { return filepath.Join(s.Data, "records-damaged") }
