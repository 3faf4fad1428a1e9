package register_test

import (
	"fmt"
	"os"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A register is replayed from a log's files alone, and then asked, before anything
// is sent, whether a message could pass and by which agreement.
func Example() {
	federation, err := os.ReadFile("../verify/testdata/vectors/federation")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := register.Load(os.DirFS("../verify/testdata/vectors/register"), federation)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, noon := r.Now(), signed.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	fmt.Println(r.Federation().Name)
	for _, d := range v.Desks() {
		fmt.Println(d.Address, d.Title)
	}
	for _, to := range []signed.Address{"fi.spoc", "dk.spoc"} {
		x := v.Explain(register.Question{From: "se.spoc", To: to, Type: "INFO_REQUEST", Classification: envelope.Unclassified}, noon)
		for _, a := range x.Carriers {
			fmt.Println(to, "by:", a.Title)
		}
		if x.Problem != nil {
			fmt.Println(to, "no:", x.Problem)
		}
	}
	// Output:
	// nordic.example
	// fi.spoc Yhteyspiste
	// se.spoc Yhteyspiste
	// fi.spoc by: Samarbete
	// dk.spoc no: UNKNOWN_DESK: dk.spoc is no desk in the register
}
