package schema_test

import (
	"fmt"
	"os"

	"samband/gateway/problem"
	"samband/schema"
)

// A body is read against its type. What a listing shows, and what the law asks about,
// stands where the type's file says.
func Example() {
	t, ok := schema.Embedded().Find("INFO_REQUEST", "1.0")
	if !ok {
		return
	}
	raw, err := os.ReadFile("testdata/case/05-info-request.fr.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := t.Read(raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(body.Summary.Subject)
	fmt.Println(body.Sealed.Purpose)
	fmt.Println(t.AllowsReply("REFUSAL"))

	_, err = t.Read([]byte(`{"subject": "Vol", "subject": "Vol à main armée"}`))
	fmt.Println(problem.CodeOf(err))
	// Output:
	// Localisation d’un navire et de son armateur présumé
	// LOCATE_WANTED
	// true
	// BODY_MALFORMED
}
