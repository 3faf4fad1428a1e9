package envelope_test

import (
	"fmt"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A sender signs a header over what it sealed; whoever reads the bytes checks that
// the sealed part is the one that the header names.
func Example() {
	keys, err := signed.GenerateKeys("se.spoc", signed.UseMessage)
	if err != nil {
		fmt.Println(err)
		return
	}
	night := signed.At(time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC))
	sealed := []byte("bytes that seal.Seal made")
	e, err := envelope.Sign(envelope.Header{
		Exchange: signed.HashOf("the federation file"), ID: signed.NewID(), Conversation: signed.NewID(),
		From: "se.spoc", To: "fi.spoc", ToKey: envelope.KeyIDOf("age1pq1…"),
		Type:    envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("the type's file")},
		Created: night, Expires: night.Add(24 * time.Hour), Agreement: signed.HashOf("the agreement"),
		Urgency: envelope.Urgent, Classification: envelope.Unclassified,
		AsOfAudit:    signed.Head{Origin: "nordic.example/audit"},
		AsOfRegister: signed.Head{Origin: "nordic.example/register", Size: 12},
		Sealed:       envelope.SealedOf(sealed),
	}, sealed, keys)
	if err != nil {
		fmt.Println(err)
		return
	}

	read, err := envelope.Parse(e.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.Type.Name, "from", read.From, "to", read.To, "until", read.Expires)
	fmt.Println("the same message:", read.TextHash() == e.TextHash())
	_, err = envelope.Parse(append(e.Bytes(), '!'))
	fmt.Println(problem.CodeOf(err))
	// Output:
	// INFO_REQUEST from se.spoc to fi.spoc until 2026-11-24T03:12:00Z
	// the same message: true
	// SEALED_MISMATCH
}
