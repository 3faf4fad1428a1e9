package auditlog_test

import (
	"fmt"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A log of one record: its writer proves it, and a reader who has only the log's
// public key checks the proof.
func Example() {
	keys, err := signed.GenerateKeys("nordic.example/audit", signed.UseCheckpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	entry := auditlog.Entry{Salt: auditlog.NewSalt(), Record: auditlog.Record{
		Exchange: signed.HashOf("the federation file"), Kind: envelope.HandedOver,
		Time: signed.At(time.Date(2026, 11, 23, 3, 14, 7, 0, time.UTC)), RegisterSize: 12,
		Message: signed.HashOf("the header's text"), By: "fi.spoc", Statement: signed.HashOf("the statement"),
	}}
	var log auditlog.Range
	log.Append(entry.Leaf())
	checkpoint, err := auditlog.SignCheckpoint(log.Head("nordic.example/audit"), keys[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	proof := auditlog.MakeProof(entry, nil, checkpoint) // one leaf is its own root

	p, err := auditlog.ParseProof(proof)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, head, err := p.Verify(keys[0].Public)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(record.Kind, "by", record.By, "at", record.Time)
	fmt.Println("under", head.Origin, "of size", head.Size)
	p.Entry.Record.By = "se.spoc"
	_, _, err = p.Verify(keys[0].Public)
	fmt.Println(err)
	// Output:
	// handed-over by fi.spoc at 2026-11-23T03:14:07Z
	// under nordic.example/audit of size 1
	// PROOF_INVALID: nordic.example/audit does not hold this handed-over record as entry 0 of 1
}
