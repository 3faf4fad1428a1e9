package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
)

// saveAll writes attachments into a folder, which it makes, and returns their
// paths.
func saveAll(dir string, files []client.Attachment) ([]string, error) {
	if err := cli.NewFolder(dir); err != nil {
		return nil, err
	}
	var paths []string
	for n, a := range files {
		path, err := save(dir, fileName(a.Name, n+1), a.Data)
		if err != nil {
			return paths, fmt.Errorf("save attachment %d: %w", n+1, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Bounds of a file's name in bytes, well within what file systems take.
const (
	maxName   = 200
	maxEnding = 20
)

// fileName makes a name of the sender's word for one: only its last element
// counts, it hides nothing, and it is not too long. Its ending stays.
func fileName(word string, n int) string {
	name := filepath.Base(strings.ReplaceAll(word, `\`, "/"))
	if name = strings.TrimLeft(cli.Clean(name), "."); name == "" || name == "/" {
		return fmt.Sprintf("attachment-%d", n)
	}
	stem, ending := split(name)
	cut := min(len(stem), maxName-len(ending))
	for cut < len(stem) && !utf8.RuneStart(stem[cut]) {
		cut--
	}
	return stem[:cut] + ending
}

// split parts a name before its ending, if that is short enough to be one.
func split(name string) (stem, ending string) {
	if ending = filepath.Ext(name); len(ending) > maxEnding {
		return name, ""
	}
	return strings.TrimSuffix(name, ending), ending
}

// save writes a file that was not there: if the name is taken, it gets a
// number, "photo-2.jpg".
func save(dir, name string, data []byte) (string, error) {
	stem, ending := split(name)
	path := filepath.Join(dir, name)
	for n := 2; ; n++ {
		err := cli.WriteNew(path, data)
		if !errors.Is(err, fs.ErrExist) {
			return path, err
		}
		path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", stem, n, ending))
	}
}
