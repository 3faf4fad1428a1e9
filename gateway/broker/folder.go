package broker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"samband/gateway/broker/internal/quota"
	"samband/gateway/config"
	"samband/gateway/durable"
	"samband/gateway/monitor"
)

// settingsFile is that of a broker's folder.
func settingsFile(dir string) string { return filepath.Join(dir, "broker.yaml") }

// Settings are the broker's own file, broker.yaml.
type Settings struct {
	// Keys is the folder of the keys and the federation file, "keys" when it is
	// not named; Data is that of everything else, "data". Relative paths begin in
	// the broker's folder.
	Keys string `yaml:"keys"`
	Data string `yaml:"data"`
	// Listen is where desks connect, such as ":8443".
	Listen string `yaml:"listen"`
	// Metrics is where Prometheus finds /metrics, and an operator /healthz and
	// /readyz; "" for nowhere.
	Metrics string `yaml:"metrics"`
	// MetricsHosts are the names by which it may be asked, beside its IP address and
	// localhost.
	MetricsHosts []string `yaml:"metrics-hosts"`
	// JournalBytes is the most that JOURNAL may have; 0 is 40 % of the disk.
	JournalBytes int64 `yaml:"journal-bytes"`
	// ReserveBytes of each disk with data are for ends alone; 0 is a sixteenth of the
	// smallest, from 32 MiB to 1 GiB.
	ReserveBytes int64 `yaml:"reserve-bytes"`
	// Quotas are what one desk, and one party, may have the broker do.
	Quotas Quotas `yaml:"quotas"`
}

// Quotas are limits of desks and parties; a zero takes the default.
type Quotas = quota.Limits

// minJournal has room for a few of the largest groups.
const minJournal = 32 << 20

// MinReserve is the least of ReserveBytes: its quarter takes a group of any size.
const MinReserve = 32 << 20

// ReadSettings reads and checks the settings of a broker's folder.
func ReadSettings(dir string) (s Settings, err error) {
	if err := config.Load(settingsFile(dir), &s); err != nil {
		return s, err
	}
	if err := s.check(); err != nil {
		return s, fmt.Errorf("settings %s: %w", settingsFile(dir), err)
	}
	return s.in(dir), nil
}

// in makes the two folders absolute.
func (s Settings) in(dir string) Settings {
	for path, otherwise := range map[*string]string{&s.Keys: "keys", &s.Data: "data"} {
		if *path == "" {
			*path = otherwise
		}
		if !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return s
}

func (s Settings) check() error {
	var errs []error
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: %q is not host:port", s.Listen))
	}
	if _, _, err := net.SplitHostPort(s.Metrics); s.Metrics != "" && err != nil {
		errs = append(errs, fmt.Errorf("metrics: %q is not host:port", s.Metrics))
	}
	if err := monitor.CheckHosts(s.MetricsHosts); err != nil {
		errs = append(errs, err)
	}
	if s.Keys != "" && filepath.Clean(s.Keys) == filepath.Clean(s.Data) {
		errs = append(errs, errors.New("keys and data are the same folder"))
	}
	if s.JournalBytes != 0 && s.JournalBytes < minJournal {
		errs = append(errs, fmt.Errorf("journal-bytes: less than %d has no room for traffic", minJournal))
	}
	if err := s.Quotas.Check(); err != nil {
		errs = append(errs, fmt.Errorf("quotas: %w", err))
	}
	if s.ReserveBytes != 0 && s.ReserveBytes < MinReserve {
		errs = append(errs, fmt.Errorf("reserve-bytes: less than %d is no room for ends", MinReserve))
	}
	return errors.Join(errs...)
}

func (s Settings) text() string {
	list := func(hosts []string) string {
		quoted := make([]string, len(hosts))
		for i, h := range hosts {
			quoted[i] = strconv.Quote(h)
		}
		return strings.Join(quoted, ", ")
	}
	return fmt.Sprintf(`# Settings of the broker. Secrets never stand here.

# The folder of keys and federation file: small, backed up once, offline. And the
# folder of everything else. Relative paths begin where this file is.
keys: %q
data: %q

# Where desks connect.
listen: %q

# Where Prometheus finds /metrics, and an operator /healthz and /readyz; "" for
# nowhere. It shows who is connected: keep it on a private network.
metrics: %q

# The names of hosts by which it may be asked, beside its IP address and localhost.
metrics-hosts: [%s]

# The most bytes that JOURNAL may hold; 0 is 40 %% of the disk.
journal-bytes: %d

# The bytes that stay free on each disk with data: only ends may use them, down to a
# quarter. 0 is a sixteenth of the disk, from 32 MiB to 1 GiB.
reserve-bytes: %d

# What one desk, and one party, may have the broker do: the defaults, where none is set.
quotas:%s
`, cmp.Or(s.Keys, "keys"), cmp.Or(s.Data, "data"), s.Listen, s.Metrics, list(s.MetricsHosts), s.JournalBytes, s.ReserveBytes, s.Quotas.Text())
}

// Files and folders of the keys.
func (s Settings) key(name string) string { return filepath.Join(s.Keys, name) }

// Files and folders of the data.
func (s Settings) nats() string        { return filepath.Join(s.Data, "nats") }
func (s Settings) records() string     { return filepath.Join(s.Data, "records") }
func (s Settings) auditLog() string    { return filepath.Join(s.Data, "log", "audit") }
func (s Settings) registerLog() string { return filepath.Join(s.Data, "log", "register") }
func (s Settings) index() string       { return filepath.Join(s.Data, "index.db") }
func (s Settings) socket() string      { return filepath.Join(s.Data, "socket") }
func (s Settings) catalogue() string   { return filepath.Join(s.Data, "catalogue") }
func (s Settings) shown() string       { return filepath.Join(s.Data, "shown") }
func (s Settings) alarms() string      { return filepath.Join(s.Data, "alarms.json") }

// disks are the folders that may each lie on a file system of its own.
func (s Settings) disks() []string {
	return []string{s.Data, s.nats(), s.records(), s.auditLog(), s.registerLog()}
}

// private sets the modes of the broker's folders, and of all in keys and data.
func (s Settings) private(dir string) error {
	for _, path := range []string{dir, settingsFile(dir)} {
		if err := durable.Private(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, tree := range []string{s.Keys, s.Data} {
		if err := durable.PrivateTree(tree); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// present checks that data which was made once is there: what is missing is a
// loss, and an empty start would forget every id and deny every message.
func (s Settings) present() error {
	if _, err := os.Stat(s.key(markFile)); errors.Is(err, fs.ErrNotExist) {
		return errors.New("no data was made yet: give the federation file to `samband-broker init`")
	}
	for _, dir := range []string{s.nats(), s.records()} {
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("the keys say that data was made, and %s is missing: restore it from the newest backup, or, where data/nats alone is lost, make it anew with samband-broker mend --journal; the broker never starts empty twice", dir)
		}
	}
	return nil
}
