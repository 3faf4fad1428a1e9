package problem_test

import (
	"fmt"

	"samband/gateway/problem"
)

// A refusal carries a code and where it struck. The list says the rest.
func Example() {
	err := fmt.Errorf("submit: %w", problem.New(problem.NoAgreement, "agreement %s ended on %s", "nordisk", "2026-06-30"))

	if p, refused := problem.Of(err); refused {
		row := p.Code.Row()
		fmt.Println(p)
		fmt.Println(row.Class, row.Status, row.Subject)
		fmt.Println("Rule:", row.Rule)
		fmt.Println("Next:", row.Next)
	}
	// Output:
	// NO_AGREEMENT: agreement nordisk ended on 2026-06-30
	// final 422 item
	// Rule: an agreement between both parties is in force and the header names it
	// Next: ask which agreement covers this; without one nothing passes
}
