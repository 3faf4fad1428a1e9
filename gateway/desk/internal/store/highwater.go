package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"samband/gateway/durable"
)

// Beside the database lies the file high-water. It says which database lies there and how
// far that had come, so a start finds that it was put back, cut or replaced. It is written
// over in its place after each commit that waited for the disk, and not synced itself: so
// it is never ahead of the database, whatever ends the process or the machine, and it
// costs one write into the system's memory. After a power cut it may be as old as the last
// time that the system wrote it out.

// HighWaterFile is the name of the file.
const HighWaterFile = "high-water"

// A highWater is what it says.
type highWater struct {
	id       [idSize]byte // of the database
	commits  int64        // that waited for the disk
	audit    int64        // sizes of the two logs as verified
	register int64
	mail     int64 // the newest message's number
	log      int64 // the newest line's of the desk's own log
}

const highWaterForm = "samband desk, high water, 1\ndatabase %x\ncommits  %019d\naudit    %019d\nregister %019d\nmail     %019d\nlog      %019d\n"

var errHighWater = errors.New("the file high-water is damaged")

// text is the file: all files have the same length, which is less than a disk's sector.
func (h *highWater) text() []byte {
	b := fmt.Appendf(nil, highWaterForm, h.id[:], h.commits, h.audit, h.register, h.mail, h.log)
	sum := sha256.Sum256(b)
	return fmt.Appendf(b, "sum      %x\n", sum[:8])
}

// parseHighWater takes no other bytes than text gives.
func parseHighWater(b []byte) (h highWater, err error) {
	var id []byte
	_, err = fmt.Sscanf(string(b), highWaterForm, &id, &h.commits, &h.audit, &h.register, &h.mail, &h.log)
	if err != nil || len(id) != idSize {
		return highWater{}, errHighWater
	}
	copy(h.id[:], id)
	if !bytes.Equal(h.text(), b) {
		return highWater{}, errHighWater
	}
	return h, nil
}

// maxHighWater bounds the file.
const maxHighWater = 512

// A highWaterMark is the file while the database is open.
type highWaterMark struct {
	path string

	mu    sync.Mutex
	file  *os.File
	stood highWater // what it says
	last  highWater // of the last commit
	waits bool      // what it says was not reached, and nobody has written that down yet
}

// read returns what the file says; fs.ErrNotExist if there is none.
func (m *highWaterMark) read() (highWater, error) {
	b, err := durable.ReadFile(m.path, maxHighWater)
	if errors.Is(err, durable.ErrTooLong) {
		err = errHighWater
	}
	if err != nil {
		return highWater{}, err
	}
	return parseHighWater(b)
}

// open opens the file to be written over, which said what stood; nil: there is none that is
// whole, and settle makes it.
func (m *highWaterMark) open(stood *highWater, now highWater) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stood, m.last, m.waits = highWater{}, now, false
	if stood == nil {
		return nil
	}
	m.stood = *stood
	m.file, err = os.OpenFile(m.path, os.O_WRONLY, 0)
	return err
}

// put writes down how far a commit came. Where that fails the file says less than it could,
// and nothing false.
func (m *highWaterMark) put(now highWater) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = now
	m.write()
}

func (m *highWaterMark) write() {
	if m.file == nil || m.waits || m.last.id == m.stood.id && m.last.commits <= m.stood.commits {
		return
	}
	if _, err := m.file.WriteAt(m.last.text(), 0); err == nil {
		m.stood = m.last
	}
}

// wait keeps the file as it is, until settle.
func (m *highWaterMark) wait() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits = true
}

func (m *highWaterMark) isWaiting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waits
}

// stoodAt is how many commits the file says.
func (m *highWaterMark) stoodAt() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stood.commits
}

// settle has the file follow the database again, and makes it if there is none.
func (m *highWaterMark) settle() (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits = false
	if m.file != nil {
		m.write()
		return nil
	}
	if err := durable.Replace(m.path, m.last.text(), 0o600); err != nil {
		return err
	}
	m.stood = m.last
	m.file, err = os.OpenFile(m.path, os.O_WRONLY, 0)
	return err
}

func (m *highWaterMark) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := errors.Join(m.file.Sync(), m.file.Close())
	m.file = nil
	return err
}

func highWaterOf(database string) *highWaterMark {
	return &highWaterMark{path: filepath.Join(filepath.Dir(database), HighWaterFile)}
}

// came reads how far the database came: which it is, how many commits it has, and the rest.
const (
	came = `SELECT id, commits, ` + rest + ` FROM mark`
	rest = `coalesce((SELECT size FROM heads WHERE log = 'audit'), 0), coalesce((SELECT size FROM heads WHERE log = 'register'), 0),
	coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'mail'), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0)`
)

func scanCame(scan func(...any) error) (h highWater, err error) {
	return h, scan(fixed(h.id[:]), &h.commits, &h.audit, &h.register, &h.mail, &h.log)
}

func scanRest(scan func(...any) error, h *highWater) error {
	return scan(&h.audit, &h.register, &h.mail, &h.log)
}
