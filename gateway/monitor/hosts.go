package monitor

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// CheckHosts checks a setting of names by which the monitor may be asked.
func CheckHosts(hosts []string) error {
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") {
			return fmt.Errorf("metrics-hosts: %q is not the name of a host, without a port", h)
		}
	}
	return nil
}

// asked tells whether a request names a host that the monitor answers for: an IP
// address, localhost, or a name of the settings. A web page that makes a name of its
// own lead to this address can ask by that name alone.
func asked(r *http.Request, hosts []string) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil || slices.ContainsFunc(append([]string{"localhost"}, hosts...), func(h string) bool {
		return strings.EqualFold(h, host)
	})
}
