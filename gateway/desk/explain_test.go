package desk_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
)

// unlisted is the body of a request that leaves the list of attachments to the desk.
func unlisted(t *testing.T) []byte {
	var members map[string]json.RawMessage
	must(0, json.Unmarshal(request(t).Body, &members))
	delete(members, "attachments")
	return must(json.Marshal(members))
}

// What explain promises holds, and what Send refuses it refuses, in the same words and with
// the figures, locked or not.
func TestExplainIsSendUpToTheCommit(t *testing.T) {
	s := newStage(t)
	se := s.atWork("se.spoc")
	s.cut("se.spoc")
	for name, test := range map[string]struct {
		change func(*client.Draft)
		code   problem.Code
		figure string
	}{
		"nothing amiss": {func(*client.Draft) {}, "", ""},
		"too big":       {func(d *client.Draft) { d.Attachments[0].Data = make([]byte, 1<<20) }, problem.Oversize, "a message takes 1032192"},
		"too many attachments": {func(d *client.Draft) {
			for range 40 {
				d.Attachments = append(d.Attachments, d.Attachments[0])
			}
		}, problem.Oversize, "41 attachments, and a message takes 32"},
		"waits too long": {func(d *client.Draft) { d.Lifetime = client.Duration(31 * 24 * time.Hour) }, problem.DatesInvalid, "30 days"},
		"ends before":    {func(d *client.Draft) { d.Lifetime = -client.Duration(time.Hour) }, problem.DatesInvalid, "is not after created"},
		"a faulty body":  {func(d *client.Draft) { d.Body = []byte(`{}`) }, problem.BodyInvalid, ""},
		"to nobody":      {func(d *client.Draft) { d.To = nil }, problem.UnknownDesk, ""},
		"to a stranger":  {func(d *client.Draft) { d.To[0] = "xx.spoc" }, "", "xx.spoc"},
	} {
		t.Run(name, func(t *testing.T) {
			draft := request(t)
			draft.Body = unlisted(t)
			test.change(&draft)
			explained := func() (code problem.Code, detail string) {
				x := must(se.Explain(ctx, draft))
				p := x.Problem
				for _, r := range x.Recipients {
					if p == nil {
						p = r.Problem
					}
				}
				if p != nil {
					return p.Code, p.Detail
				}
				return "", ""
			}
			code, detail := explained()
			must(0, se.Lock(ctx))
			if lockedCode, _ := explained(); lockedCode != code {
				t.Errorf("explained as %q while locked, as %q else", lockedCode, code)
			}
			s.unlock(se)
			_, err := se.Send(ctx, draft)
			if p, _ := problem.Of(err); p == nil && code != "" || p != nil && p.Code != code {
				t.Errorf("explained as %q, sent with %v", code, err)
			}
			if test.code != "" && code != test.code || !strings.Contains(detail, test.figure) {
				t.Errorf("explained as %q: %s", code, detail)
			}
		})
	}
}
