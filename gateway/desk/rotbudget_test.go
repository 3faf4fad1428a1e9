//go:build !soak

package desk_test

import "math/rand/v2"

// rotBudget is how many of all damages TestFolderRots does.
func rotBudget(all []rot) (some []rot) {
	for _, n := range rand.Perm(len(all))[:min(len(all), 5)] {
		some = append(some, all[n])
	}
	return some
}
