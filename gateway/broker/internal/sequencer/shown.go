package sequencer

import (
	"encoding/hex"
	"fmt"
	"path/filepath"

	"samband/gateway/durable"
	"samband/gateway/signed"
)

// readShown reads the checkpoints with our signature that desks showed once and that
// the log did not reach then. A log that was restored since may reach them.
func (s *Sequencer) readShown() (checkpoints [][]byte, err error) {
	files, err := filepath.Glob(filepath.Join(s.cfg.ShownDir, "*.checkpoint"))
	if err != nil {
		return nil, fmt.Errorf("list shown checkpoints: %w", err)
	}
	for _, f := range files {
		c, err := durable.ReadFile(f, durable.MaxSmall)
		if err != nil {
			return nil, fmt.Errorf("read shown checkpoint: %w", err)
		}
		checkpoints = append(checkpoints, c)
	}
	return checkpoints, nil
}

// keepShown keeps a checkpoint that proves a loss, so that no start forgets it.
func (s *Sequencer) keepShown(checkpoint []byte) error {
	hash := signed.HashOf(checkpoint)
	if err := durable.MkdirAll(s.cfg.ShownDir); err != nil {
		return fmt.Errorf("keep shown checkpoint: %w", err)
	}
	return durable.Replace(filepath.Join(s.cfg.ShownDir, hex.EncodeToString(hash[:8])+".checkpoint"), checkpoint, 0o600)
}
