//go:build !linux

package cli

// ForbidDumps does nothing: on this system whoever runs the machine forbids dumps of
// memory.
func ForbidDumps() error { return nil }
