package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"samband/gateway/durable"
)

func Example() {
	dir, err := os.MkdirTemp("", "durable-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	path := filepath.Join(dir, "entry")
	fmt.Println(durable.Create(path, []byte("first"), 0o600))
	err = durable.Create(path, []byte("second"), 0o600)
	fmt.Println(errors.Is(err, fs.ErrExist))
	fmt.Println(durable.Replace(path, []byte("third"), 0o600))
	b, err := os.ReadFile(path)
	fmt.Println(string(b), err)
	// Output:
	// <nil>
	// true
	// <nil>
	// third <nil>
}
