//go:build soak

package desk_test

import "testing"

// TestDamageAtRestSoak is TestDamageAtRest at length.
func TestDamageAtRestSoak(t *testing.T) {
	for seed := range uint64(3) {
		damagedAtRest(t, 300, seed+100)
	}
}
