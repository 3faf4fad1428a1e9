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
	i := newIdentity(t, &now)
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

// A clock that was wrong for a moment leaves no certificate of another time.
func TestIdentityAfterAWrongClock(t *testing.T) {
	right := time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)
	for _, off := range []time.Duration{-45 * 24 * time.Hour, time.Hour, 45 * 24 * time.Hour} {
		now := right
		i := newIdentity(t, &now)
		for _, now = range []time.Time{right.Add(off), right} {
			pair, err := i.current()
			if err != nil {
				t.Fatal(err)
			}
			if now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
				t.Errorf("at %s the certificate is of %s to %s", now, pair.Leaf.NotBefore, pair.Leaf.NotAfter)
			}
		}
	}
}

func newIdentity(t *testing.T, now *time.Time) *identity {
	t.Helper()
	ca, key, err := certs.NewBrokerCA("nordic.example", *now)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{keys: &keyring{ca: ca, caKey: key}, hosts: []string{"127.0.0.1"}, now: func() time.Time { return *now }}
}
