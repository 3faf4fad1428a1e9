package broker

import (
	"testing"
	"time"

	"samband/certs"
)

// A broker that runs for months shows a certificate that is in force, and a new
// one after a third of each one's life.
func TestIdentityRenewsItself(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)
	ca, key, err := certs.NewBrokerCA("nordic.example", now)
	if err != nil {
		t.Fatal(err)
	}
	i := &identity{keys: &keyring{ca: ca, caKey: key}, hosts: []string{"127.0.0.1"}, now: func() time.Time { return now }}
	issued := map[string]bool{}
	for range 100 {
		pair, err := i.current()
		if err != nil {
			t.Fatal(err)
		}
		if left := pair.Leaf.NotAfter.Sub(now); left < certs.Lifetime/2 {
			t.Fatalf("at %s only %s are left", now, left)
		}
		issued[pair.Leaf.SerialNumber.String()] = true
		now = now.Add(24 * time.Hour)
	}
	if len(issued) != 10 {
		t.Fatalf("%d certificates in 100 days", len(issued))
	}
}
