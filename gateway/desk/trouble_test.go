package desk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What stands between a desk and its broker is named where a person looks.
func TestTroubleIsNamed(t *testing.T) {
	s := newStage(t)
	certificate := filepath.Join(s.desk("se.spoc"), "certificate.pem")
	whole := must(os.ReadFile(certificate))
	bent := []byte(strings.Replace(string(whole), "-----BEGIN", "-----BEGIM", 1))
	others := must(os.ReadFile(filepath.Join(s.desk("fi.spoc"), "certificate.pem")))
	put := func(b []byte) func() { return func() { must(0, os.WriteFile(certificate, b, 0o600)) } }
	for name, test := range map[string]struct {
		spoil   func()
		ahead   time.Duration // of this desk's clock
		trouble []string
	}{
		"nothing":               {func() {}, 0, nil},
		"a bent certificate":    {put(bent), 0, []string{"certificate.pem", "init --certificate"}},
		"no certificate":        {func() { must(0, os.Remove(certificate)) }, 0, []string{"no certificate yet", "init --certificate"}},
		"another's certificate": {put(others), 0, []string{"for another key", "init --certificate"}},
		"a clock that is fast":  {func() {}, 20 * 365 * 24 * time.Hour, []string{"certificate ended on", "its clock says"}},
		"a clock that is slow":  {func() {}, -20 * 365 * 24 * time.Hour, []string{"check the clock"}},
		"no line":               {func() { s.cut("se.spoc") }, 0, []string{"is not reached"}},
	} {
		t.Run(name, func(t *testing.T) {
			put(whole)()
			s.mend("se.spoc")
			test.spoil()
			conf := s.conf(nil)
			conf.Now = func() time.Time { return s.clock.Wall().Add(test.ahead) }
			d := must(s.StartDesk("se.spoc", conf))
			defer func() { must(0, s.StopDesk(d)) }()
			await(t, d, "saying what is amiss", func() bool {
				st := must(d.Status(ctx))
				for _, words := range test.trouble {
					if !strings.Contains(st.Trouble, words) {
						return false
					}
				}
				return (st.Trouble == "") == (test.trouble == nil)
			})
		})
	}
}
