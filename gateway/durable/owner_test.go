//go:build unix

package durable

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"samband/gateway/gatewaytest/needs"
)

// The account of a service in these tests: any but root.
const service = 4711

// servicesFolder is a folder that belongs to a service, while root runs the test.
func servicesFolder(t *testing.T) string {
	t.Helper()
	needs.Root(t, "give files to another account")
	dir := filepath.Join(t.TempDir(), "se.spoc")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, service, service)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func owner(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func TestWhatRootWritesIsTheFolderOwners(t *testing.T) {
	dir := servicesFolder(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	lock, err := LockFile(in("keys.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	err = errors.Join(
		Create(in("request"), []byte("card"), 0o600), Replace(in("locked.age"), []byte("ring"), 0o600),
		MkdirAll(in("keys/old")), NewDatabase(in("desk.db")), Reserve(in("reserve"), 4096))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keys.lock", "request", "locked.age", "keys", "keys/old", "desk.db", "reserve"} {
		if got := owner(t, in(name)); got != service {
			t.Errorf("%s belongs to %d, not to the folder's owner", name, got)
		}
	}
}

// A service that puts a link in a file's place gets no file of root's.
func TestRootGivesNothingAwayThroughALink(t *testing.T) {
	dir := servicesFolder(t)
	secret := filepath.Join(t.TempDir(), "shadow")
	if err := errors.Join(os.WriteFile(secret, nil, 0o600), os.Symlink(secret, filepath.Join(dir, "keys.lock"))); err != nil {
		t.Fatal(err)
	}
	lock, err := LockFile(filepath.Join(dir, "keys.lock"))
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	if got := owner(t, secret); got != 0 {
		t.Errorf("the file behind the link belongs to %d now", got)
	}
}

func TestOwnerIsNamed(t *testing.T) {
	dir := servicesFolder(t)
	if err := CheckWriter(dir); err != nil {
		t.Errorf("root may write anywhere: %v", err)
	}
	var not *NotOwner
	if err := CheckOwner(dir); !errors.As(err, &not) || not.Owner != "#4711" || not.Next() != "run the same command as #4711: sudo -u #4711 …" {
		t.Errorf("another's folder: %v", err)
	}
	if got := OthersOwner(filepath.Join(dir, "keys/not/there")); got != "#4711" {
		t.Errorf("owner %q", got)
	}
	if err := CheckOwner(filepath.Join(dir, "absent")); err != nil {
		t.Errorf("a folder that is to be made: %v", err)
	}
}
