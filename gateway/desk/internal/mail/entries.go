package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// EntryAlarm is how long the broker may leave a register entry without an answer.
const EntryAlarm = time.Minute

const (
	maxHanded  = 64      // entries that wait at once
	maxHandedF = 1 << 17 // bytes of the file of one
)

// handed are the register entries that were handed in at this desk and that the register
// lacks: a file for each, until the register has it or the log proves its refusal. While a
// revocation is among them that the register would admit, this desk heeds it (heeded.go).
type handed struct {
	folder string

	mu    sync.Mutex // over all below, and the files
	all   []*handedEntry
	heeds heeds
}

// A handedEntry is one of them. What stands below mu may change.
type handedEntry struct {
	hash  signed.Hash
	note  []byte
	entry register.Entry
	since signed.Time

	why       error // there is no answer yet
	refusedAt int64 // the register's size when the broker refused what the register admits; 0: it did not
	answered  chan struct{}
	outcome   *client.Entered // once answered; nil: refused
	refused   error
}

// handedFile is what lies in the folder.
type handedFile struct {
	Since signed.Time `json:"since"`
	Entry []byte      `json:"entry"`
}

func (h *handed) path(hash signed.Hash) string {
	return filepath.Join(h.folder, fmt.Sprintf("%x.json", hash[:]))
}

// openEntries reads what was handed in before this process began.
func (m *Room) openEntries() error {
	h := &m.handed
	files, err := os.ReadDir(h.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the register entries that were handed in: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue // a write that was cut off
		}
		path := filepath.Join(h.folder, f.Name())
		e, err := readHanded(path)
		if err != nil {
			return fmt.Errorf("read the register entry that was handed in, %s: %w: take the file away, and hand the entry in again: samband-desk enter FILE", path, err)
		}
		h.all = append(h.all, e)
	}
	slices.SortFunc(h.all, func(a, b *handedEntry) int { return a.since.AsTime().Compare(b.since.AsTime()) })
	m.heed()
	return nil
}

func readHanded(path string) (*handedEntry, error) {
	text, err := durable.ReadFile(path, maxHandedF)
	if err != nil {
		return nil, err
	}
	var f handedFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	e, err := register.ReadEntry(f.Entry)
	if err != nil {
		return nil, err
	}
	return newHanded(f.Entry, e, f.Since), nil
}

func newHanded(note []byte, e register.Entry, since signed.Time) *handedEntry {
	return &handedEntry{hash: signed.HashOf(note), note: note, entry: e, since: since, answered: make(chan struct{})}
}

// Enter hands in a register entry: durably here, then at the broker, again and again until
// the register has it or the log proves its refusal, which is the error. It waits for that
// until ctx ends, and a minute at most; what is said then has no place.
func (m *Room) Enter(ctx context.Context, note []byte) (*client.Entered, error) {
	e, err := register.ReadEntry(note)
	if err != nil {
		return nil, err
	}
	if register.ChainLink(e).Exchange != m.logs.Load().Register().Exchange() {
		return nil, problem.New(problem.WrongExchange, "the entry is of another exchange")
	}
	if index, ok := m.logs.Load().Register().Find(note); ok {
		there := said(newHanded(note, e, signed.Time{}))
		there.Index = index
		return there, nil
	}
	h, err := m.keepEntry(note, e)
	if err != nil {
		return nil, err
	}
	wake(m.workers.entries)
	ctx, cancel := context.WithTimeout(ctx, EntryAlarm)
	defer cancel()
	select {
	case <-h.answered:
		return h.outcome, h.refused
	case <-ctx.Done():
		m.handed.mu.Lock()
		defer m.handed.mu.Unlock()
		return m.waitsFor(h), nil
	}
}

// keepEntry makes an entry durable, unless it waits already.
func (m *Room) keepEntry(note []byte, e register.Entry) (*handedEntry, error) {
	h := &m.handed
	h.mu.Lock()
	defer h.mu.Unlock()
	hash := signed.HashOf(note)
	if at := slices.IndexFunc(h.all, func(o *handedEntry) bool { return o.hash == hash }); at >= 0 {
		return h.all[at], nil
	}
	if len(h.all) >= maxHanded {
		return nil, problem.New(problem.BrokerBusy, "%d register entries that were handed in here wait for the broker already", maxHanded)
	}
	taken := newHanded(slices.Clone(note), e, signed.At(m.Now()))
	text, err := json.Marshal(handedFile{taken.since, taken.note})
	if err == nil {
		err = durable.MkdirAll(h.folder)
	}
	if err == nil {
		err = durable.Replace(h.path(hash), text, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the register entry: %w", err)
	}
	h.all = append(h.all, taken)
	m.heed()
	return taken, nil
}

// HandedIn lists what was handed in and has no answer, the oldest first.
func (m *Room) HandedIn() (out []client.Entered) {
	m.handed.mu.Lock()
	defer m.handed.mu.Unlock()
	for _, h := range m.handed.all {
		out = append(out, *m.waitsFor(h))
	}
	return out
}

// EntryWaits is how long the oldest has waited; 0 when none waits.
func (m *Room) EntryWaits() time.Duration {
	m.handed.mu.Lock()
	defer m.handed.mu.Unlock()
	if len(m.handed.all) == 0 {
		return 0
	}
	return max(0, m.Now().Sub(m.handed.all[0].since.AsTime()))
}

// waitsFor says how an entry waits; it is called with mu locked.
func (m *Room) waitsFor(h *handedEntry) *client.Entered {
	e := said(h)
	e.Since, e.Alarm = h.since, m.Now().Sub(h.since.AsTime()) >= EntryAlarm
	e.Heeded = m.handed.heeds.by[h.hash]
	if h.why != nil {
		e.Why = clip(h.why.Error(), maxDetail)
	}
	return e
}

// said says what an entry is.
func said(h *handedEntry) *client.Entered {
	what, _, _ := strings.Cut(h.entry.Text(), "\n")
	if v, ok := h.entry.(*register.Revocation); ok {
		what = "revocation of " + v.Subject()
	}
	return &client.Entered{Hash: h.hash, Says: what + ", signed by " + strings.Join(register.ChainLink(h.entry).Signers, ", ")}
}

// handIn hands in all that waits.
func (m *Room) handIn(ctx context.Context) error {
	m.handed.mu.Lock()
	all := slices.Clone(m.handed.all)
	m.handed.mu.Unlock()
	var errs []error
	for _, h := range all {
		err := m.handInOne(ctx, h)
		if err != nil {
			m.handed.mu.Lock()
			h.why = err
			m.handed.mu.Unlock()
			m.Touch()
			errs = append(errs, err)
		}
		if ctx.Err() != nil || unreachable(err) {
			break
		}
	}
	return errors.Join(errs...)
}

func (m *Room) handInOne(ctx context.Context, h *handedEntry) error {
	base := m.logs.Load()
	if index, ok := base.Register().Find(h.note); ok {
		return m.entered(h, index)
	}
	if h.refusedAt == base.Register().Size() {
		return nil // until the register has grown
	}
	a, err := m.Broker.Enter(ctx, heads(base), h.note)
	m.heard(err)
	if err != nil {
		return err
	}
	under, err := m.extend(ctx, base, &a.Catchup)
	if err != nil {
		return err
	}
	item := &a.Items[0]
	err = item.Refusal()
	p, refused := problem.Of(err)
	switch {
	case err == nil:
		err = under.Entered(h.note, item.Index)
		if err != nil {
			m.accuse(err)
			return fmt.Errorf("the broker says that the register has the entry, and it has not: %w", err)
		}
		return m.entered(h, item.Index)
	case !refused || p.Class() != problem.Final:
		return err
	}
	if err := under.EntryRefusal(m.Desk, h.note, p.Code, []byte(api.RefusalOf(err).Proof)); err != nil {
		m.accuse(err)
		h.refusedAt = under.Register().Size()
		return fmt.Errorf("the broker refuses the entry, and must not: %w", err)
	}
	return m.answer(h, nil, p)
}

// entered takes in that the register has an entry.
func (m *Room) entered(h *handedEntry, index int64) error {
	e := said(h)
	e.Index = index
	return m.answer(h, e, nil)
}

// answer ends the waiting of an entry: with its line in the desk's log first, so that what
// is cut off between the two is answered once more.
func (m *Room) answer(h *handedEntry, e *client.Entered, p *problem.Problem) error {
	event := "entered"
	if p != nil {
		event = "entry refused"
	}
	line := m.Entry(event, "register entry "+h.hash.String(), p)
	if p == nil {
		line.Detail = fmt.Sprintf("%s, is entry %d of the register", e.Says, e.Index)
	}
	if err := m.Store.Update(func(tx *store.Tx) error { return tx.LogBounded(line) }); err != nil {
		return err
	}
	m.handed.mu.Lock()
	err := os.Remove(m.handed.path(h.hash))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = durable.SyncDir(m.handed.folder)
	}
	if err != nil {
		m.handed.mu.Unlock()
		return fmt.Errorf("remove the file of a register entry that was answered: %w", err)
	}
	m.handed.all = slices.DeleteFunc(m.handed.all, func(o *handedEntry) bool { return o == h })
	m.heed()
	m.handed.mu.Unlock()
	h.outcome = e
	if p != nil {
		h.refused = p
	}
	close(h.answered)
	m.goOn()
	return nil
}
