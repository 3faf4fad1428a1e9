//go:build soak

package desk_test

// rotBudget is how many of all damages TestFolderRots does: each, those by chance ten times.
func rotBudget(all []rot) (some []rot) {
	for _, r := range all {
		times := 1
		if r.kind == "bit" || r.kind == "zeroed" || r.kind == "swapped" {
			times = 10
		}
		for range times {
			some = append(some, r)
		}
	}
	return some
}
