package register

import (
	"testing"
)

func TestSettled(t *testing.T) {
	x := settled(t)
	if err := x.Now().Decide(x.header(), noon); err != nil {
		t.Fatal(err)
	}
}
