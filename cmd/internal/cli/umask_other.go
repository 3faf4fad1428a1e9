//go:build !unix

package cli

// private does nothing: a new file has the access of its folder.
func private() {}
