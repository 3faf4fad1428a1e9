package main

import (
	"fmt"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// says puts a record into a sentence.
func says(r *auditlog.Record) string {
	at := r.Time.String()
	switch r.Kind {
	case envelope.Accepted:
		return fmt.Sprintf("At %s the broker accepted the %s %s message %s from %s to %s.", at, r.Urgency, r.Type, r.Message, r.From, r.To)
	case envelope.Consigned:
		return fmt.Sprintf("At %s %s had said, signed, that it holds the sealed message %s.", at, r.By, r.Message)
	case envelope.HandedOver:
		return fmt.Sprintf("At %s %s had said, signed, that message %s is in an officer's view.", at, r.By, r.Message)
	case envelope.Refused:
		return fmt.Sprintf("At %s %s had said, signed, that it refuses message %s: %s.", at, r.By, r.Message, r.Code)
	case envelope.Withdrawn:
		if r.Message == (signed.Hash{}) {
			return fmt.Sprintf("At %s %s had withdrawn the message with the id %s, before it was ever accepted.", at, r.From, r.ID)
		}
		return fmt.Sprintf("At %s %s had withdrawn message %s before it was consigned.", at, r.From, r.Message)
	case envelope.Expired:
		return fmt.Sprintf("At %s message %s had expired and nobody had consigned it.", at, r.Message)
	case envelope.Lapsed:
		return fmt.Sprintf("At %s message %s had lapsed: it was consigned, and 30 days after its expiry its recipient had not said what came of it.", at, r.Message)
	case envelope.Erased:
		return fmt.Sprintf("At %s %s had said, signed and sealed for itself, what it erased.", at, r.By)
	case envelope.Rejected:
		return fmt.Sprintf("At %s the broker refused what %s submitted, a text or bytes with the hash %s: %s.", at, r.Caller, r.TextHash, r.Code)
	case auditlog.Refusals:
		return fmt.Sprintf("By %s the broker had refused %d more submissions of %s, beyond its budget.", at, r.Count, r.Caller)
	case auditlog.Quiet:
		return fmt.Sprintf("At %s the broker was at work, and nothing else had happened for a while.", at)
	case auditlog.Entered:
		return fmt.Sprintf("The register has the entry %s (%d bytes).", signed.HashOf(r.Entry), len(r.Entry))
	default:
		return fmt.Sprintf("At %s: %s.", at, r.Kind)
	}
}
