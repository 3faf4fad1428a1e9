package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"samband/gateway/durable"
)

const (
	streamName = "JOURNAL"
	subject    = "journal"
	// diskShare of the disk is the JOURNAL's where no limit is set. NATS counts
	// what is there and not the holes that deletes leave until a block is
	// rewritten, so the folder can be about twice as large.
	diskShare = 0.4
)

// journalConfig is the one way in which the JOURNAL is kept. Fields that the
// server fills in by itself stand here too, so that comparing is equality.
func journalConfig(maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:      streamName,
		Subjects:  []string{subject},
		Storage:   jetstream.FileStorage,
		Replicas:  1,
		Retention: jetstream.LimitsPolicy,
		MaxBytes:  maxBytes,
		// A full JOURNAL refuses the new; it never drops the old.
		Discard:   jetstream.DiscardNew,
		DenyPurge: true,
		// One replica, so a direct read can't be stale, and it spares base64 in
		// JSON both ways.
		AllowDirect: true,
		PersistMode: jetstream.DefaultPersistMode,

		MaxMsgs:           -1,
		MaxMsgsPerSubject: -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		// Can't be turned off, but acts only on messages with a Nats-Msg-Id, and
		// none of ours has one.
		Duplicates: 2 * time.Minute,
	}
}

// openJournal finds the JOURNAL, or makes it where that is asked for, and refuses
// one that is kept in any other way.
func openJournal(ctx context.Context, js jetstream.JetStream, cfg Config) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if !cfg.Create {
			return nil, errNoJournal
		}
		stream, err = createJournal(ctx, js, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("open JOURNAL: %w", err)
	}
	have := stream.CachedInfo().Config
	if err := checkJournal(have); err != nil {
		return nil, err
	}
	if cfg.MaxBytes == 0 || cfg.MaxBytes == have.MaxBytes {
		return stream, nil
	}
	// Lowering the limit below what is there drops nothing, since it is the new
	// that is discarded.
	config := journalConfig(cfg.MaxBytes)
	config.FirstSeq = have.FirstSeq
	if stream, err = js.UpdateStream(ctx, config); err != nil {
		return nil, fmt.Errorf("set limit of JOURNAL to %d bytes: %w", cfg.MaxBytes, err)
	}
	return stream, nil
}

func createJournal(ctx context.Context, js jetstream.JetStream, cfg Config) (jetstream.Stream, error) {
	limit := cfg.MaxBytes
	if limit == 0 {
		disk, err := durable.DiskOf(cfg.Dir)
		if err != nil {
			return nil, err
		}
		limit = int64(float64(disk.Total) * diskShare)
	}
	config := journalConfig(limit)
	config.FirstSeq = cfg.First
	stream, err := js.CreateStream(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("create it with at most %d bytes: %w", limit, err)
	}
	return stream, nil
}

// checkJournal compares all but the limit, which an operator may set, where it began, and
// the metadata, in which the server notes its own version.
func checkJournal(have jetstream.StreamConfig) error {
	have.Metadata = nil
	want := journalConfig(have.MaxBytes)
	want.FirstSeq = have.FirstSeq
	if have.MaxBytes <= 0 {
		return fmt.Errorf("%w: no limit of bytes", errForeign)
	}
	var differ []string
	h, w := reflect.ValueOf(have), reflect.ValueOf(want)
	for i := range h.NumField() {
		if !reflect.DeepEqual(h.Field(i).Interface(), w.Field(i).Interface()) {
			differ = append(differ, fmt.Sprintf("%s is %v, not %v", h.Type().Field(i).Name, h.Field(i), w.Field(i)))
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("%w: %s", errForeign, strings.Join(differ, "; "))
	}
	return nil
}
