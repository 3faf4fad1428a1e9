package cli

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockingProcess returns the id of the process that has locked a file or folder. It
// reads the kernel's own list; if more than one process could be meant, it names none.
func lockingProcess(path string) (pid int, known bool) {
	var stat unix.Stat_t
	if unix.Stat(path, &stat) != nil {
		return 0, false
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	inode := fmt.Sprintf(":%d", stat.Ino)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 3: FLOCK  ADVISORY  WRITE 4711 fe:00:10166480 0 EOF
		v := strings.Fields(lines.Text())
		if len(v) < 6 || v[1] != "FLOCK" || !strings.HasSuffix(v[5], inode) {
			continue
		}
		owner, err := strconv.Atoi(v[4])
		if err != nil || owner <= 0 || pid != 0 && pid != owner { // of another container it is 0
			return 0, false
		}
		pid = owner
	}
	return pid, pid != 0
}
