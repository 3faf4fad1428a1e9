package desk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk"
)

// A desk doesn't start with fractions that make no sense, and says what would.
func TestWarnAt(t *testing.T) {
	s := still(t)
	path := filepath.Join(s.desk("fi.spoc"), "desk.yaml")
	settings := string(must(os.ReadFile(path)))
	if !strings.Contains(settings, "\nwarn_at: [0.5, 0.8]\n") {
		t.Errorf("a new desk's settings are\n%s", settings)
	}
	for wrong, right := range map[string]bool{"[0.5, 0.5]": false, "[0.8, 0.5]": false, "[0]": false, "[1]": false, "[.nan]": false, "[]": true, "[0.25, 0.5, 0.9]": true} {
		must(0, os.WriteFile(path, []byte(strings.Replace(settings, "[0.5, 0.8]", wrong, 1)), 0o600))
		d, err := desk.New(desk.Config{Dir: s.desk("fi.spoc")})
		if (err == nil) != right || err != nil && !strings.Contains(err.Error(), "warn_at") {
			t.Errorf("warn_at: %s: %v", wrong, err)
		}
		if err == nil {
			must(0, d.Close())
		}
	}
}
