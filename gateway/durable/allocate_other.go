//go:build !linux

package durable

import "os"

// allocate gives a file its place on the disk.
func allocate(f *os.File, size int64) error { return fill(f, size) }
