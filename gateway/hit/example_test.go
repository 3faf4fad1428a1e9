package hit_test

import (
	"fmt"

	"samband/gateway/hit"
)

// What another desk asks for, in its spelling, and three rows of ours.
func ExampleCompare() {
	read := func(name, born string) *hit.Subject {
		s, err := hit.Read(hit.Query{Dataset: hit.Nominal, Keys: map[hit.Key]string{hit.Full: name, hit.BirthDate: born}})
		if err != nil {
			panic(err)
		}
		return s
	}
	asked := read("Aleksei Shcherbakov", "1968-11-23")
	fmt.Println(hit.Compare(asked, read("Щербаков Алексей", "1968")))
	fmt.Println(hit.Compare(asked, read("Scherbakow, Alexej", "1968-11-23")))
	fmt.Println(hit.Compare(asked, read("Щербаков Алексей", "1969-11-23")))
	// Output:
	// HIT
	// INCONCLUSIVE
	// NO_HIT
}
