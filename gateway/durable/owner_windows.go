package durable

import "io/fs"

// On this system the rights of a folder are inherited, whoever writes there.

func mayGive() bool { return true }

func othersOwner(fs.FileInfo) (string, bool) { return "", false }

func inherit(string, func(uid, gid int) error) error { return nil }
