package authority

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"samband/gateway/durable"
	"samband/gateway/internal/work"
	"samband/gateway/seal"
)

// A KeyFile is a file of private keys in a party's folder.
type KeyFile struct {
	Role string // the folder that it lies in: authority or root
	Path string
	Open bool // it is under no passphrase
}

// KeyFiles are the files of private keys in a party's folder.
func KeyFiles(dir string) (files []KeyFile, err error) {
	for _, role := range []string{"authority", "root"} {
		path := folder(dir).path(role, keyFile)
		b, err := durable.ReadFile(path, durable.MaxSmall)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read key file: %w", err)
		}
		open := !bytes.HasPrefix(b, ageMagic)
		clear(b)
		files = append(files, KeyFile{role, path, open})
	}
	return files, nil
}

// ChangePassphrase puts all keys in a party's folder under a new passphrase: those under
// the old one, and those that lie open. One file is written after the other, each in one
// step, so whatever ends it leaves each of them under one of the two, and called again with
// the same two it goes on. A file that neither opens is seal.ErrPassphrase, and then no
// file is changed.
func ChangePassphrase(dir string, old, new []byte) error {
	return changePassphrase(dir, old, new, work.Factor{})
}

func changePassphrase(dir string, old, new []byte, factor work.Factor) error {
	files, err := KeyFiles(dir)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%q has no keys: %w", dir, os.ErrNotExist)
	}
	plain := map[string][]byte{}
	defer func() {
		for _, b := range plain {
			clear(b)
		}
	}()
	for _, f := range files {
		b, err := readSecret(f.Path, old)
		if errors.Is(err, seal.ErrPassphrase) {
			again, underNew := readSecret(f.Path, new)
			clear(again)
			if underNew != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		plain[f.Path] = b
	}
	for _, f := range files {
		if b, ok := plain[f.Path]; ok {
			if err := replaceSecret(f.Path, b, new, factor); err != nil {
				return err
			}
		}
	}
	return folder(dir).private()
}

// replaceSecret writes a key file anew, once it has opened what it writes: these keys are
// nowhere else.
func replaceSecret(path string, plain, passphrase []byte, factor work.Factor) error {
	b, err := seal.Protect(plain, passphrase, factor)
	if err != nil {
		return fmt.Errorf("protect %q: %w", path, err)
	}
	opened, err := seal.Unprotect(b, passphrase)
	defer clear(opened)
	if err != nil || !bytes.Equal(opened, plain) {
		return fmt.Errorf("key file %q is left as it is: what was to be written does not open: %w", path, err)
	}
	return durable.Replace(path, b, private)
}
