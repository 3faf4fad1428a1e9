//go:build soak

package desk_test

import (
	"os"
	"slices"
	"testing"

	"samband/gateway/gatewaytest"
	"samband/schema"
)

// A bundle whose file the disk damaged is lacking, in force or not, and is fetched again: at
// the next start, or when somebody asks for it while the desk runs.
func TestDamagedOlderBundle(t *testing.T) {
	s := newStage(t)
	older := s.lends(given)
	newer := relabelled(t)
	b := s.shop("fi.spoc", func(hash schema.BundleHash) (*schema.Bundle, error) {
		return map[schema.BundleHash]*schema.Bundle{older.Hash: older, newer.Hash: newer}[hash], nil
	})
	fi, stop := s.startTo("fi.spoc", b)
	s.whole(fi)
	s.names(newer)
	s.whole(fi)
	stop()
	whole := map[*schema.Bundle][]byte{older: must(os.ReadFile(s.deskFile("fi.spoc", older))), newer: must(os.ReadFile(s.deskFile("fi.spoc", newer)))}
	for bundle, b := range whole {
		must(0, os.WriteFile(s.deskFile("fi.spoc", bundle), b[:len(b)/2], 0o600))
	}
	again := func(bundle *schema.Bundle) {
		t.Helper()
		await(t, fi, "with the file again", func() bool {
			is, err := os.ReadFile(s.deskFile("fi.spoc", bundle))
			return err == nil && slices.Equal(is, whole[bundle])
		})
		s.whole(fi)
	}
	fi, _ = s.startTo("fi.spoc", b)
	again(older)
	again(newer)
	types := must(older.Catalogue()).Types()
	hash := types[slices.IndexFunc(types, func(t *schema.Type) bool { return t.Name == gatewaytest.NextType })].Hash
	for range 2 {
		must(0, os.WriteFile(s.deskFile("fi.spoc", older), nil, 0o600))
		if _, err := fi.Bundle(ctx, hash); err == nil {
			t.Error("a damaged bundle is given")
		}
		again(older)
	}
	if older, newer := b.count(older), b.count(newer); older != 4 || newer != 2 {
		t.Errorf("it fetched the older bundle %d times, and the newer %d times", older, newer)
	}
	must(fi.Bundle(ctx, hash))
}
