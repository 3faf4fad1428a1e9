package desk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/certs"
	"samband/gateway/signed"
)

// What stands between a desk and its broker is named where a person looks.
func TestTroubleIsNamed(t *testing.T) {
	s := newStage(t)
	certificate := filepath.Join(s.desk("se.spoc"), "certificate.pem")
	server := filepath.Join(s.desk("se.spoc"), "broker-keys")
	of := func(addr signed.Address) []byte {
		online, _ := s.rings(addr)
		return certs.EncodeCertificate(must(certs.Own(online.TLS, string(addr), certs.Client)).Leaf)
	}
	whole, others := of("se.spoc"), of("fi.spoc")
	bent := []byte(strings.Replace(string(whole), "-----BEGIN", "-----BEGIM", 1))
	f := s.register.Federation()
	knows := func(number int, inUse, offline signed.Hash, met bool) func() {
		return func() {
			text := fmt.Sprintf(`{"number":%d,"in_use":%q,"offline":%q,"offline_met":%t}`, number, inUse, offline, met)
			must(0, os.WriteFile(server, []byte(text), 0o600))
		}
	}
	put := func(b []byte) func() { return func() { must(0, os.WriteFile(certificate, b, 0o600)) } }
	for name, test := range map[string]struct {
		spoil   func()
		trouble []string
	}{
		"nothing":                                      {func() {}, nil},
		"no certificate of its own":                    {func() { must(0, os.Remove(certificate)) }, nil},
		"a bent certificate":                           {put(bent), []string{"certificate.pem", "take the file away"}},
		"another's certificate":                        {put(others), []string{"for another key", "take the file away"}},
		"a broker with another key":                    {knows(7, signed.HashOf("new"), signed.HashOf("newer"), false), []string{"is not the broker's", "samband-desk broker"}},
		"a broker with its first key after its second": {knows(0, f.InUse, f.Offline, true), []string{"is not the broker's any more", "lost or stolen"}},
		"no line": {func() { s.cut("se.spoc") }, []string{"is not reached"}},
	} {
		t.Run(name, func(t *testing.T) {
			put(whole)()
			os.Remove(server)
			s.mend("se.spoc")
			test.spoil()
			d := must(s.StartDesk("se.spoc", s.conf(nil)))
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
