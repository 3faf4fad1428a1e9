package gatewaytest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"samband/gateway/seal"
)

// lightWork is the work factor of light rings: 2^8 where a true desk's ring takes
// 2^18, about a second at each unlocking. The passphrase is published, so the work
// would protect nothing.
const lightWork = 8

// lighten protects a desk's locked ring anew with little work.
func lighten(desk string) error {
	path := filepath.Join(desk, "keys", "locked.age")
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
	to.SetWorkFactor(lightWork)
	var light bytes.Buffer
	w, err := age.Encrypt(&light, to)
	if err == nil {
		_, err = w.Write(secret)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("protect the ring anew: %w", err)
	}
	return os.WriteFile(path, light.Bytes(), 0o600)
}
