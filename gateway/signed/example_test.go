package signed_test

import (
	"fmt"
	"strings"

	"samband/gateway/signed"
)

// A form says once which lines a text has. The text is signed as a note, and read
// strictly: each thing has one spelling.
func Example() {
	type receipt struct {
		Exchange signed.Hash
		Number   int64
	}
	form := signed.Form[receipt]{Title: "example/receipt/v1", Lines: func(r *receipt, l *signed.Lines) {
		l.Exchange(&r.Exchange)
		l.Line("number").Int(&r.Number)
	}}
	keys, err := signed.GenerateKeys("fi.spoc", signed.UseMessage)
	if err != nil {
		fmt.Println(err)
		return
	}
	note, err := signed.Sign(form.Text(&receipt{signed.HashOf("an exchange"), 7}), keys...)
	if err != nil {
		fmt.Println(err)
		return
	}

	n, err := signed.ParseNote(note.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signed as the rule asks:", signed.Verify(n, signed.PublicKeys(keys)) == nil)
	fmt.Println("with one key left out:", signed.Verify(n, signed.PublicKeys(keys[:1])))
	r, err := form.Parse(n.Text)
	fmt.Println(r.Number, err)
	_, err = form.Parse(strings.Replace(n.Text, "number 7", "number 07", 1))
	fmt.Println(err)
	// Output:
	// signed as the rule asks: true
	// with one key left out: SIGNATURE_EXTRA: a signature line follows those that the signer's keys ask for
	// 7 <nil>
	// TEXT_MALFORMED: line "number": a number is not a plain decimal from 0 to 2^53-1
}
