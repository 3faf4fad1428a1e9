package gatewaytest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"samband/gateway/seal"
)

// lowWorkFactor is the work factor of a plan's LowWorkFactor: 2^8, while a true desk's
// ring takes 2^18, about a second at each unlocking. The passphrase is published, so the work
// would protect nothing.
const lowWorkFactor = 8

// lowerWorkFactor encrypts a desk's locked ring again, with the low work factor.
func lowerWorkFactor(deskDir string) error {
	path := filepath.Join(deskDir, "keys", "locked.age")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	secret, err := seal.Unprotect(b, []byte(Passphrase))
	if err != nil {
		return err
	}
	to, err := age.NewScryptRecipient(Passphrase)
	if err != nil {
		return err
	}
	to.SetWorkFactor(lowWorkFactor)
	var encrypted bytes.Buffer
	w, err := age.Encrypt(&encrypted, to)
	if err == nil {
		_, err = w.Write(secret)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("encrypt the ring again: %w", err)
	}
	return os.WriteFile(path, encrypted.Bytes(), 0o600)
}
