package broker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// HasGroup tells whether a group still lies in JOURNAL.
func (b *Broker) HasGroup(number uint64) bool {
	_, err := b.store.Read(context.Background(), number)
	return !errors.Is(err, journal.ErrGone)
}

// LastGroup is the number of the last group.
func (b *Broker) LastGroup() uint64 {
	n, err := b.store.Last(context.Background())
	if err != nil {
		panic(err)
	}
	return n
}

// WriteSettings writes a broker's settings anew.
func WriteSettings(dir string, s Settings) error {
	return durable.Replace(settingsFile(dir), []byte(s.text()), 0o644)
}

// Rival opens another writer on the same store, once the index has all that lies
// there: the two share it. Its journal is what change makes of the broker's.
func (b *Broker) Rival(change func(sequencer.Journal) sequencer.Journal) (*sequencer.Sequencer, error) {
	return b.RivalWith(quota.New(quota.Defaults, b.cfg.Clock.Elapsed), change)
}

// RivalWith is Rival with quotas of its own.
func (b *Broker) RivalWith(room *quota.Room, change func(sequencer.Journal) sequencer.Journal) (*sequencer.Sequencer, error) {
	for b.index.Position().Group != b.LastGroup() {
		runtime.Gosched()
	}
	keys, err := b.readKeys()
	if err != nil {
		return nil, err
	}
	s, _, err := sequencer.Open(context.Background(), sequencer.Config{
		Register: keys.register, AuditKey: keys.auditKey, RegisterKey: keys.registerKey, MAC: keys.mac,
		Journal: change(b.store), Archive: b.archive, Index: b.index,
		AuditDir: b.settings.auditLog(), RegisterDir: b.settings.registerLog(),
		Clock: b.cfg.Clock, Quota: room, Log: b.cfg.Log, Metrics: sequencer.NewMetrics(prometheus.NewRegistry()),
		ShownDir: b.settings.shown(), Alarms: filepath.Join(b.settings.Data, "other.alarms"), Wake: func([]signed.Address) {}, TimedOut: func(*journal.Message) {},
		Disks: b.settings.disks(), Reserve: b.settings.ReserveBytes,
	})
	if reason := s.Stopped(); reason != nil {
		return nil, reason
	}
	return s, err
}

func (b *Broker) readKeys() (*keyring, error) {
	federation, err := os.ReadFile(b.settings.key(federationFile))
	if err != nil {
		return nil, err
	}
	return loadKeys(b.settings, federation)
}

// Checkpoint is the audit log's newest.
func (b *Broker) Checkpoint() string { return string(b.seq.Checkpoints().Audit) }

// Order has an envelope ordered that passed every stage when the last group was seen,
// and returns the proof of what became of it.
func (b *Broker) Order(e *envelope.Envelope, seen uint64) (proof string, err error) {
	done, err := b.seq.Do(context.Background(), sequencer.Submission{
		Envelope: e, Raw: e.Bytes(), Bytes: envelope.HashOfBytes(e.Bytes()),
		CheckedAt: b.view().Size(), Signed: true, DecidedAt: b.view().Size(), Seen: seen,
	})
	if done.Event == nil {
		return "", err
	}
	proof, fault := prover.New(b.seq, api.Heads{}).Proof(context.Background(), done.Event)
	return proof, errors.Join(err, fault)
}

// Seen is the last group that the stages of a submission can know of.
func (b *Broker) Seen() uint64 { return b.seq.Seen() }
