package seal_test

import (
	"fmt"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Seal closes a message for one desk, and fills in what the header says of it.
// Open reads it with that desk's identity; the file key alone reads it later.
func Example() {
	identity, recipient, err := seal.NewOpeningKey() // fi.spoc's
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := signed.GenerateKeys("se.spoc", signed.UseMessage)
	if err != nil {
		fmt.Println(err)
		return
	}
	now, err := signed.ParseTime("2026-11-23T03:12:00Z")
	if err != nil {
		fmt.Println(err)
		return
	}
	h := envelope.Header{
		Exchange: signed.HashOf("the federation file"), From: "se.spoc", To: "fi.spoc",
		Type:    envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0"},
		Created: now, Expires: now, Urgency: envelope.Urgent, Classification: envelope.BPL,
		AsOfAudit: signed.Head{Origin: "nordic.example/audit"}, AsOfRegister: signed.Head{Origin: "nordic.example/register"},
	}
	sealed, _, err := seal.Seal(&h, &seal.Content{Body: []byte(`{"question":"who?"}`)}, recipient)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := envelope.Sign(h, sealed, keys)
	if err != nil {
		fmt.Println(err)
		return
	}

	content, fileKey, err := seal.Open(e, identity)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(content.Body))
	again, err := seal.OpenWith(e, fileKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(again.Body))
	e.Header.Urgency = envelope.NonUrgent // another header than the one it was sealed for
	_, _, err = seal.Open(e, identity)
	fmt.Println(problem.CodeOf(err))
	// Output:
	// {"question":"who?"}
	// {"question":"who?"}
	// FRAME_MISMATCH
}
