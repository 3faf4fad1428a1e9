package envelope_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func consignment(t testing.TB) *envelope.Statement {
	h := header(t)
	return &envelope.Statement{Event: envelope.Consigned,
		Exchange: h.Exchange, Signer: "fi.spoc", Message: signed.HashOf(h.Text()),
		Time: at(t, "2026-11-23T03:12:07Z"), AsOfAudit: h.AsOfAudit, AsOfRegister: h.AsOfRegister,
	}
}

// statements are one of each event.
func statements(t testing.TB) map[envelope.Event]*envelope.Statement {
	c := consignment(t)
	of := func(event envelope.Event) *envelope.Statement {
		return &envelope.Statement{
			Exchange: c.Exchange, Signer: c.Signer, Event: event, Message: c.Message,
			Time: c.Time, AsOfAudit: c.AsOfAudit, AsOfRegister: c.AsOfRegister,
		}
	}
	refused, withdrawn := of(envelope.Refused), of(envelope.Withdrawn)
	refused.Code = problem.BodyInvalid
	withdrawn.Signer, withdrawn.Message, withdrawn.ID = "se.spoc", signed.Hash{}, signed.ID{1, 2, 3}
	erased := of(envelope.Erased)
	erased.Message, erased.List = signed.Hash{}, bytes.Repeat([]byte{7}, envelope.ErasureList)
	return map[envelope.Event]*envelope.Statement{
		envelope.HandedOver: of(envelope.HandedOver), envelope.Refused: refused, envelope.Withdrawn: withdrawn, envelope.Erased: erased,
	}
}

func TestConsignmentRoundTrip(t *testing.T) {
	c := consignment(t)
	got, err := envelope.ParseStatement(c.Text())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("read as %+v", got)
	}
}

func TestStatementRoundTrip(t *testing.T) {
	for event, s := range statements(t) {
		got, err := envelope.ParseStatement(s.Text())
		if err != nil {
			t.Errorf("%s: %v", event, err)
		} else if !reflect.DeepEqual(got, s) {
			t.Errorf("%s: read as %+v", event, got)
		}
	}
}

func TestMalformedConsignments(t *testing.T) {
	text := consignment(t).Text()
	handedOver := statements(t)[envelope.HandedOver].Text()
	for name, bad := range faults(text) {
		t.Run(name, func(t *testing.T) {
			_, err := envelope.ParseStatement(bad)
			wantCode(t, err, problem.TextMalformed)
		})
	}
	for name, bad := range map[string]string{
		"handed over, said by the online ring": strings.Replace(text, "event consigned", "event handed-over", 1),
		"a statement under this form":          strings.Replace(handedOver, "samband/statement/v1", "samband/consignment/v1", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := envelope.ParseStatement(bad)
			wantCode(t, err, problem.TextMalformed)
		})
	}
}

func TestMalformedStatements(t *testing.T) {
	all := statements(t)
	handedOver, refused, withdrawn := all[envelope.HandedOver].Text(), all[envelope.Refused].Text(), all[envelope.Withdrawn].Text()
	listOf := func(n int) string {
		s := *all[envelope.Erased]
		s.List = bytes.Repeat([]byte{7}, n)
		return s.Text()
	}
	for event, s := range all {
		for name, bad := range faults(s.Text()) {
			t.Run(string(event)+" "+name, func(t *testing.T) {
				_, err := envelope.ParseStatement(bad)
				wantCode(t, err, problem.TextMalformed)
			})
		}
	}
	for name, bad := range map[string]string{
		"a consignment under this form": strings.Replace(consignment(t).Text(), "samband/consignment/v1", "samband/statement/v1", 1),
		"event of the broker":           strings.Replace(handedOver, "handed-over", "expired", 1),
		"handed over with a code":       strings.Replace(refused, "event refused", "event handed-over", 1),
		"refused without a code":        strings.Replace(refused, "code BODY_INVALID\n", "", 1),
		"refused with an unknown code":  strings.Replace(refused, "BODY_INVALID", "DISLIKED", 1),
		"refused with two codes":        strings.Replace(refused, "BODY_INVALID", "BODY_INVALID SEAL_INVALID", 1),
		"withdrawn by message":          strings.Replace(handedOver, "handed-over", "withdrawn", 1),
		"erased, no list":               listOf(0),
		"erased, a shorter list":        listOf(envelope.ErasureList - 1),
		"erased, a longer list":         listOf(envelope.ErasureList + 1),
		"erased by message":             strings.Replace(handedOver, "handed-over", "erased", 1),
		"handed over by id":             strings.Replace(withdrawn, "withdrawn", "handed-over", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := envelope.ParseStatement(bad)
			wantCode(t, err, problem.TextMalformed)
		})
	}
}

// faults makes a text wrong in every way that any form is wrong.
func faults(text string) map[string]string {
	bad := map[string]string{
		"empty": "", "no newline": strings.TrimSuffix(text, "\n"), "CRLF": strings.ReplaceAll(text, "\n", "\r\n"),
		"twice": text + text, "no exchange": text[:strings.Index(text, "\n")] + "\nexchange -" + text[strings.Index(text, "\nsigner"):],
	}
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1]
	for i, line := range lines {
		what := strings.TrimSpace(line[:min(len(line), 12)])
		head, tail := strings.Join(lines[:i], ""), strings.Join(lines[i+1:], "")
		bad["without "+what] = head + tail
		bad["twice "+what] = head + line + line + tail
		bad["unknown before "+what] = head + "remark none\n" + line + tail
		bad["longer "+what] = head + strings.TrimSuffix(line, "\n") + " x\n" + tail
		bad["not ASCII "+what] = head + strings.TrimSuffix(line, "\n") + "é\n" + tail
		if i+1 < len(lines) && !bothHeads(line, lines[i+1]) {
			bad["swapped "+what] = head + lines[i+1] + line + strings.Join(lines[i+2:], "")
		}
	}
	return bad
}
