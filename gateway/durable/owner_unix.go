//go:build unix

package durable

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

func mayGive() bool { return os.Geteuid() == 0 }

// othersOwner names the owner of a file, if it is another account than this process's.
func othersOwner(info fs.FileInfo) (string, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() {
		return "", false
	}
	number := strconv.FormatUint(uint64(st.Uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username, true
	}
	return "#" + number, true // as sudo -u takes it
}

// inherit calls chown with the owner of a folder, if that is another than root, who asks.
func inherit(dir string, chown func(uid, gid int) error) error {
	if !mayGive() {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	if err := chown(int(st.Uid), int(st.Gid)); err != nil {
		return fmt.Errorf("give it to the owner of %q: %w", dir, err)
	}
	return nil
}
