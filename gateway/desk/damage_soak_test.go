//go:build soak

package desk_test

import (
	"fmt"
	"testing"
)

// TestDamageAtRestSoak is TestDamageAtRest at length.
func TestDamageAtRestSoak(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { damagedAtRest(t, 200, seed+100) })
	}
}
