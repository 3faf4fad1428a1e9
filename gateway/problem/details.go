package problem

// Details are a Problem as a person is told it, with its rule and what to do next.
// The wire has its own form (package api): the next step is no broker's to say.
type Details struct {
	Code   Code   `json:"code"`
	Class  Class  `json:"class"`
	Detail string `json:"detail,omitempty"`
	Rule   string `json:"rule"`
	Next   string `json:"next"`
}

// DetailsOf adds to a code, and to where it struck, what the closed list says.
func DetailsOf(code Code, detail string) Details {
	row := code.Row()
	return Details{code, row.Class, detail, row.Rule, row.Next}
}
