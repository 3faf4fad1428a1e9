package index

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"samband/gateway/durable"
	"samband/gateway/signed"
)

// SQLite sees that a page is no page, and not that a value in it is another: a bit in a desk's name
// hides a message from that desk. So an index that is closed leaves the hash of its file beside
// it, and one that differs when it is opened is made anew. One that nobody closed has none.

func sumFile(path string) string { return path + "-sum" }

// compareSum is ErrUnsound where the file differs from what was closed. The hash is gone after it.
func compareSum(path string) error {
	want, err := durable.ReadFile(sumFile(path), durable.MaxSmall)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	got, err := hashFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(sumFile(path)); err != nil {
		return err
	}
	if string(want) != got {
		return fmt.Errorf("%w: its file is not as it was closed", ErrUnsound)
	}
	return nil
}

// leaveSum writes the hash of a file that was closed whole: all of it is in the file itself.
func leaveSum(path string) error {
	if _, err := os.Lstat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sum, err := hashFile(path)
	if err != nil {
		return err
	}
	return durable.Replace(sumFile(path), []byte(sum), 0o600)
}

func hashFile(path string) (string, error) {
	f, err := durable.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return signed.EncodeBytes(h.Sum(nil)) + "\n", nil
}
