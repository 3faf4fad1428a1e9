package gateway_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Files are opened by package durable: it reads regular files only, sets the mode of what
// it writes, and follows no link. These alone do it themselves, for a reason.
var openThemselves = map[string]string{
	"gateway/broker/internal/records/records.go": "a segment is written to as long as the broker runs",
	"gateway/broker/internal/records/torn.go":    "its end is cut off",
	"cmd/internal/cli/lockingprocess_linux.go":   "the kernel's own list of locks",
	"cmd/samband-desk/anew_linux.go":             "a device: what it reads from then is empty",
	"gateway/desk/internal/keys/openings.go":     "what it destroys is written over in its place",
	"gateway/desk/internal/store/highwater.go":   "it is written over in its place",
	"gateway/desk/internal/store/found.go":       "a copy of a log of any length, in the desk's own folder",
	"gateway/internal/faultydisk/faultydisk.go":  "a test's disk: it takes over any folder",
	"cmd/internal/scripts/terminal_linux.go":     "a test's terminal: a device",
	"cmd/samband-demo/proof.go":                  "it looks for a word in files of any length, which it made itself",
}

func TestFilesAreOpenedByDurable(t *testing.T) {
	opens := regexp.MustCompile(`\bos\.(WriteFile|Create|OpenFile|ReadFile|Open|DirFS|CopyFS)\(`)
	for _, dir := range []string{"../cmd", "../gateway", "../certs", "../schema"} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			name := strings.TrimPrefix(filepath.ToSlash(path), "../")
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") ||
				strings.HasPrefix(name, "gateway/durable/") || strings.HasPrefix(name, "gateway/gatewaytest/") || openThemselves[name] != "" {
				return err
			}
			b, err := os.ReadFile(path)
			if found := opens.Find(b); found != nil {
				t.Errorf("%s has %s): use package durable, whose reader and writer take regular files and set modes", name, found)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
