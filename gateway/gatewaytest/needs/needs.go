// Package needs says what a test needs of the machine that it runs on. Where that is
// missing the test is skipped, with the reason; with -tags soak, by which everything is
// asked for, it fails.
package needs

import (
	"os"
	"testing"
)

// Root ends a test that root alone can run.
func Root(t testing.TB, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "only root can %s", what)
	}
}

// Missing ends a test that lacks something here.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if fails {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
