package verify_test

import (
	"fmt"
	"os"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// An auditor has the register, and is given a message with a proof: was it accepted,
// lawfully, under this exchange's log?
func ExampleAnswer_Message() {
	folder := os.DirFS("testdata/vectors/register")
	federation, _ := os.ReadFile("testdata/vectors/federation")
	f, err := register.ParseFederation(federation)
	if err != nil {
		fmt.Println(err)
		return
	}
	head, err := auditlog.VerifyFolder(folder, f.Register)
	if err != nil {
		fmt.Println(err)
		return
	}
	var notes [][]byte
	for note, err := range auditlog.Entries(folder, head.Size) {
		if err != nil {
			fmt.Println(err)
			return
		}
		notes = append(notes, note)
	}
	r, err := register.Replay(notes)
	if err != nil {
		fmt.Println(err)
		return
	}

	logs := verify.New(r, signed.Head{}, nil, nil)
	for _, vector := range []string{"accepted", "accepted-without-an-agreement"} {
		message, _ := os.ReadFile("testdata/vectors/" + vector + "/message")
		proof, _ := os.ReadFile("testdata/vectors/" + vector + "/proof")
		e, err := envelope.Parse(message)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, err := logs.Under(proof)
		if err != nil {
			fmt.Println(err)
			return
		}
		event, err := answer.Message(e, proof)
		if err != nil {
			fmt.Println(problem.CodeOf(err))
			continue
		}
		fmt.Println(event.Record.Kind, event.Record.From, event.Record.Time)
	}
	// Output:
	// accepted se.spoc 2026-11-23T12:00:00Z
	// NO_AGREEMENT
}
