package desk

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"samband/certs"
	"samband/gateway/config"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
	"samband/gateway/monitor"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A folder is where a desk lives. Its mode is 0700.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) settings() string    { return f.path("desk.yaml") }
func (f folder) federation() string  { return f.path("federation") }
func (f folder) certificate() string { return f.path("certificate.pem") }
func (f folder) server() string      { return f.path("broker-keys") }
func (f folder) card() string        { return f.path("request") }
func (f folder) keys() string        { return f.path("keys") }
func (f folder) database() string    { return f.path("desk.db") }
func (f folder) bundles() string     { return f.path("catalogue") }
func (f folder) hits() string        { return f.path("hits.db") }
func (f folder) hitsSum() string     { return table.SumFile(f.hits()) }
func (f folder) entries() string     { return f.path("entries") }

// private sets the modes of the folder and of what is the desk's in it.
func (f folder) private() error {
	paths := []string{string(f), f.settings(), f.federation(), f.certificate(), f.server(), f.card(), f.path("lock"), f.path("keys.lock"), f.path(store.HighWaterFile), f.hitsSum()}
	for _, path := range append(paths, store.ReserveFiles(string(f))...) {
		if err := durable.Private(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, database := range []string{f.database(), f.hits()} {
		if err := durable.PrivateDatabase(database); err != nil {
			return err
		}
	}
	for _, tree := range []string{f.keys(), f.bundles(), f.entries()} {
		if err := durable.PrivateTree(tree); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// lock locks the folder for the process that serves it, until the file is closed. It takes
// over the lock that this process kept, if there is one.
func (f folder) lock(kept *os.File) (*os.File, error) {
	path, take := f.path("lock"), durable.LockFile
	if kept != nil {
		take = func(path string) (*os.File, error) { return durable.KeepLock(kept, path) }
	}
	return takeLock(take, path, "another process serves this desk")
}

// lockKeys locks the keys for whoever changes them. It is another lock than the
// folder's: keys are rotated while the desk is served.
func (f folder) lockKeys() (*os.File, error) {
	return takeLock(durable.LockFile, f.path("keys.lock"), "another process changes this desk's keys")
}

func takeLock(take func(string) (*os.File, error), path, taken string) (*os.File, error) {
	f, err := take(path)
	if errors.Is(err, durable.ErrLocked) {
		err = errors.New(taken)
	}
	return f, err
}

// staysLocked is the mark of a desk that was locked: only an unlock removes it. So a unit
// that has the passphrase as a credential leaves the desk as a person locked it.
func (f folder) staysLocked() string { return f.path("stays-locked") }

// mark puts the mark there. It is empty, so that a full disk has room for it.
func (f folder) mark() error {
	if err := durable.Replace(f.staysLocked(), nil, 0o600); err != nil {
		return fmt.Errorf("the desk is locked, but a unit with a credential would unlock it at its next start: %w", err)
	}
	return nil
}

func (f folder) unmark() error {
	err := os.Remove(f.staysLocked())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.SyncDir(string(f))
	}
	return err
}

func (f folder) readFederation() (note []byte, fed *register.Federation, err error) {
	if note, err = durable.ReadFile(f.federation(), durable.MaxSmall); err == nil {
		fed, err = register.ParseFederation(note)
	}
	if err != nil {
		err = fmt.Errorf("read the federation file: %w", err)
	}
	return note, fed, err
}

func (f folder) readCertificate() (*x509.Certificate, error) {
	b, err := durable.ReadFile(f.certificate(), durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return certs.DecodeCertificate(b)
}

// Settings are the desk's own file, desk.yaml.
type Settings struct {
	Address signed.Address `yaml:"address"` // se.spoc
	Broker  string         `yaml:"broker"`  // https://broker.nordic.example:8443
	Zone    register.Zone  `yaml:"zone"`    // Europe/Stockholm: what the next request card says
	Metrics string         `yaml:"metrics"` // where to serve /metrics, /healthz, /readyz; "" for nowhere

	MetricsHosts []string `yaml:"metrics-hosts"` // names by which it may be asked, beside its IP address and localhost

	Reserve int64 `yaml:"reserve"` // bytes that are kept on the disk for what must work when it is full

	Hits   hit.Limit `yaml:"hits"`    // how many queries each asking desk may make
	WarnAt []float64 `yaml:"warn_at"` // fractions of a legal term: at each that passes, the desk warns
}

// defaultWarnAt is when a desk warns whose settings do not say.
var defaultWarnAt = []float64{0.5, 0.8}

func readSettings(f folder) (s Settings, err error) {
	s.Hits, s.Reserve = hit.DefaultLimit, store.DefaultReserve
	if err := config.Load(f.settings(), &s); err != nil {
		return s, err
	}
	if _, err := signed.ParseAddress(string(s.Address)); err != nil {
		return s, fmt.Errorf("settings %s: address: %w", f.settings(), err)
	}
	if _, err := register.ParseZone(string(s.Zone)); err != nil {
		return s, fmt.Errorf("settings %s: zone: %w", f.settings(), err)
	}
	if err := s.Hits.Check(); err != nil {
		return s, fmt.Errorf("settings %s: hits: %w", f.settings(), err)
	}
	if s.Reserve < store.MinReserve {
		return s, fmt.Errorf("settings %s: reserve: with less than %d bytes no message can be erased on a full disk", f.settings(), store.MinReserve)
	}
	if err := monitor.CheckHosts(s.MetricsHosts); err != nil {
		return s, fmt.Errorf("settings %s: %w", f.settings(), err)
	}
	if s.WarnAt == nil {
		s.WarnAt = defaultWarnAt
	}
	if err := s.checkWarnAt(); err != nil {
		return s, fmt.Errorf("settings %s: %w", f.settings(), err)
	}
	return s, nil
}

// noteFiles says in the desk's own log which small files are not as the last start read them.
// A digit that a disk bent gives settings that are as good as others, and of a bent
// certificate the broker alone may find that it is none.
func (d *Desk) noteFiles() error {
	err := d.room.Store.UpdateVital(func(tx *store.Tx) error {
		for _, path := range []string{d.dir.settings(), d.dir.certificate(), filepath.Join(d.dir.keys(), keys.OnlineFile)} {
			if err := d.noteFile(tx, path); err != nil {
				return err
			}
		}
		return nil
	})
	if durable.NoRoom(err) {
		return nil // the next start says it
	}
	return err
}

func (d *Desk) noteFile(tx *store.Tx, path string) error {
	text, err := durable.ReadFile(path, durable.MaxSmall)
	if err != nil {
		return nil // whoever needs it says so
	}
	file, now := filepath.Base(path), signed.HashOf(text)
	was, err := tx.NotedFile(file)
	if err != nil && !errors.Is(err, store.ErrNotFound) || was == now {
		return err
	}
	if err == nil {
		d.log.Warn("a file has changed since the last start: if nobody did that, compare it with its backup", "file", file)
		if err := tx.Log(d.room.Entry("file changed", file, nil)); err != nil {
			return err
		}
	}
	return tx.NoteFile(file, now)
}

// checkWarnAt refuses what is no list of rising fractions.
func (s Settings) checkWarnAt() error {
	last := 0.0
	for _, f := range s.WarnAt {
		if !(f > last && f < 1) {
			return fmt.Errorf("warn_at: %v is not above %v and below 1: write rising fractions, such as 0.5, 0.8", f, last)
		}
		last = f
	}
	return nil
}

func (s Settings) text() string {
	if s.WarnAt == nil {
		s.WarnAt = defaultWarnAt
	}
	return fmt.Sprintf(`# Settings of one desk. Secrets never stand here.

# Who this desk is in its exchange.
address: %s

# Where the exchange's broker listens.
broker: %q

# The time zone that the desk's days and hours are counted in. It counts as the
# register has it: after a change, rotate makes the card anew for the party.
zone: %s

# Where Prometheus finds /metrics, and an operator /healthz and /readyz; "" for nowhere.
metrics: %q

# The names of hosts by which it may be asked, beside its IP address and localhost.
metrics-hosts: [%s]

# The bytes of the files reserve-0 to -7: they are given free when the disk is full, so that
# reading, erasing, locking and unlocking work, and are made again once there is room.
reserve: %d

# How many queries each other desk may make, which this one answers by machine: so many a
# minute, and so many at once after a pause. It is enough for officers who check what they
# meet, and too little for whoever tries numbers one after the other.
hits:
  queries_per_minute: %d
  burst: %d

# Of a legal term that runs, the fractions at which the desk warns.
warn_at: [%s]
`, s.Address, s.Broker, s.Zone, s.Metrics, strings.Join(s.MetricsHosts, ", "), cmp.Or(s.Reserve, store.DefaultReserve), s.Hits.QueriesPerMinute, s.Hits.Burst,
		strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.WarnAt)), ", "), "[]"))
}
