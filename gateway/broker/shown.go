package broker

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"samband/gateway/durable"
	"samband/gateway/signed"
)

// readShown reads the checkpoints with our signature that desks showed and that
// the log did not reach then. A log that was restored since may reach them.
func (b *Broker) readShown() (checkpoints [][]byte, err error) {
	files, err := filepath.Glob(filepath.Join(b.settings.shown(), "*.checkpoint"))
	if err != nil {
		return nil, fmt.Errorf("list shown checkpoints: %w", err)
	}
	for _, f := range files {
		c, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read shown checkpoint: %w", err)
		}
		checkpoints = append(checkpoints, c)
	}
	return checkpoints, nil
}

// keepShown keeps a checkpoint that proves a loss, so that no start forgets it.
func (b *Broker) keepShown(checkpoint []byte) error {
	hash := signed.HashOf(checkpoint)
	if err := durable.MkdirAll(b.settings.shown()); err != nil {
		return fmt.Errorf("keep shown checkpoint: %w", err)
	}
	return durable.Replace(filepath.Join(b.settings.shown(), hex.EncodeToString(hash[:8])+".checkpoint"), checkpoint, 0o600)
}
