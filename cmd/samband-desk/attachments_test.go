package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk/client"
)

// An attachment's name can't lead out of the folder, hide, overwrite, or keep the
// others from being saved.
func TestSaveAll(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("国", 85)
	names := map[string]string{ // the sender's, and the file's
		"../../etc/passwd": "passwd", `C:\temp\x.exe`: "x.exe", ".bashrc": "bashrc",
		long: long[:198], long[:249] + ".jpeg": long[:195] + ".jpeg", "a." + long[:250]: "a." + long[:198],
		strings.Repeat("\u202e", 80): strings.Repeat(`\u202e`, 34)[:200],
	}
	var files []client.Attachment
	var want []string
	for word, name := range names {
		files, want = append(files, client.Attachment{Name: word, Data: []byte(word)}), append(want, name)
	}
	for _, word := range []string{"..", "/", "photo.jpg", "photo.jpg", "photo.jpg"} {
		files = append(files, client.Attachment{Name: word, Data: []byte(word)})
	}
	want = append(want, "attachment-8", "attachment-9", "photo.jpg", "photo-2.jpg", "photo-3.jpg")
	paths, err := saveAll(dir, files)
	if err != nil {
		t.Fatal(err)
	}
	for n, name := range want {
		if paths[n] != filepath.Join(dir, name) {
			t.Errorf("%q went to %s, not to %s", files[n].Name, paths[n], name)
		}
		if b, err := os.ReadFile(paths[n]); err != nil || string(b) != string(files[n].Data) {
			t.Errorf("%s has %q, %v", paths[n], b, err)
		}
	}
	files[9].Data = []byte("another")
	again, err := saveAll(dir, files[9:10])
	if err != nil || again[0] != filepath.Join(dir, "photo-4.jpg") {
		t.Errorf("saved again as %v, %v", again, err)
	}
}

// Proofs are for their owner alone, and never written over: those of a day may be
// evidence the next.
func TestSaveProofs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "proofs")
	v := &client.Verification{Envelope: []byte("envelope"), Facts: []client.Fact{{Event: "accepted", Proof: []byte("proof")}}}
	if err := saveProofs(dir, v); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"envelope": "envelope", "accepted.proof": "proof"} {
		path := filepath.Join(dir, name)
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%s reads %q, %v", name, b, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	v.Envelope = []byte("another")
	if err := saveProofs(dir, v); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "envelope")); err != nil || string(b) != "envelope" {
		t.Errorf("it reads %q now, %v", b, err)
	}
}
