//go:build !linux

package cli

// lockingProcess names no process: only Linux lists who has locked what.
func lockingProcess(string) (pid int, known bool) { return 0, false }
