package broker

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/certs"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// keysFolder is a folder with TLS keys.
type keysFolder struct {
	*testing.T
	dir string
}

func (f keysFolder) made(inUse, offline string) register.ServerKeys {
	f.Helper()
	keys, err := makeTLSKeys(filepath.Join(f.dir, inUse), filepath.Join(f.dir, offline))
	if err != nil {
		f.Fatal(err)
	}
	return keys
}

func (f keysFolder) move(from, to string) {
	f.Helper()
	if err := os.Rename(filepath.Join(f.dir, from), filepath.Join(f.dir, to)); err != nil {
		f.Fatal(err)
	}
}

func (f keysFolder) identity(named *register.ServerKeys) *identity {
	return &identity{folder: f.dir, servers: func() register.ServerKeys { return *named }, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func (f keysFolder) shows(pair *tls.Certificate, err error) signed.Hash {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
	key, err := certs.KeyOf([]*x509.Certificate{pair.Leaf})
	if err != nil {
		f.Fatal(err)
	}
	return key
}

// The broker uses the key that the register names as in use where it has it, else the
// offline one; and new ones from the moment on that the register names them.
func TestIdentity(t *testing.T) {
	f := keysFolder{t, t.TempDir()}
	named := f.made("tls.key", "tls-offline.key")
	first := named
	if got := f.shows(f.identity(&named).current()); got != first.InUse {
		t.Error("both keys lie there, and the one in use is not shown")
	}

	// The first is lost: the operator puts the offline key in its place.
	safe := t.TempDir()
	f.move("tls.key", filepath.Join("..", filepath.Base(safe), "lost"))
	f.move("tls-offline.key", "tls.key")
	i := f.identity(&named)
	if got := f.shows(i.current()); got != first.Offline {
		t.Error("the offline key alone lies there, and is not shown")
	}

	// New keys lie there before the register names them.
	next := f.made("tls-0102.key", "tls-0102-offline.key")
	if got := f.shows(i.current()); got != first.Offline {
		t.Error("a key is shown that the register does not name yet")
	}
	named = next
	if got := f.shows(i.current()); got != next.InUse {
		t.Error("the new key is not shown")
	}

	// Keys that the broker has not: a running one goes on, another does not start.
	named = register.ServerKeys{InUse: signed.HashOf("lost"), Offline: signed.HashOf("lost too")}
	if got := f.shows(i.current()); got != next.InUse {
		t.Error("a broker that runs has no key any more")
	}
	if _, err := f.identity(&named).current(); err == nil {
		t.Error("a broker starts with a key that no desk believes")
	}
}

// A key file that can't be read is no matter as long as another serves, and is named where
// none does.
func TestIdentityBesideADamagedFile(t *testing.T) {
	f := keysFolder{t, t.TempDir()}
	named := f.made("tls.key", "tls-offline.key")
	if err := os.WriteFile(filepath.Join(f.dir, "tls.key"), []byte("bent"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := f.shows(f.identity(&named).current()); got != named.Offline {
		t.Error("the other key is not shown")
	}
	if err := os.Remove(filepath.Join(f.dir, "tls-offline.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.identity(&named).current(); err == nil {
		t.Error("it starts without a key")
	} else if text := err.Error(); !strings.Contains(text, "tls.key") || !strings.Contains(text, "offline") {
		t.Errorf("it says %s", text)
	}
}
