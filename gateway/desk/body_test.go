package desk

import (
	"encoding/json"
	"testing"

	"samband/gateway/desk/internal/mail"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// What the desk fills in, and what it leaves as it was written.
func TestComplete(t *testing.T) {
	files := []seal.Attachment{{Name: "a.txt", MediaType: "text/plain", Data: []byte("a")}}
	two := []signed.Address{"fi.spoc", "no.spoc"}
	for _, test := range []struct{ body, want string }{
		{`{}`, `{"attachments":[{"name":"a.txt","media_type":"text/plain","bytes":1,"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}],"recipients":["fi.spoc","no.spoc"],"your_reference":"Ref <1>"}`},
		{`{"attachments":[],"recipients":["x"],"your_reference":"y"} `, `{"attachments":[],"recipients":["x"],"your_reference":"y"}`},
		{`{"a":1,"a":2,"attachments":0,"recipients":0}`, `{"a":1,"a":2,"attachments":0,"recipients":0,"your_reference":"Ref <1>"}`},
		{`[]`, `[]`},
		{`{"a":`, `{"a":`},
		{`null`, `null`},
	} {
		got := string(complete([]byte(test.body), files, two, "Ref <1>"))
		if json.Valid([]byte(got)) {
			got = unescaped(got)
		}
		if got != test.want {
			t.Errorf("%s became %s", test.body, got)
		}
	}
	if got := string(complete([]byte(`{"a":1}`), nil, two[:1], "")); got != `{"a":1}` {
		t.Errorf("nothing to fill in made %s", got)
	}
}

// unescaped writes < and > as they are: encoding/json escapes them.
func unescaped(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		switch {
		case len(s) > i+5 && s[i:i+6] == `\u003c`:
			b, i = append(b, '<'), i+5
		case len(s) > i+5 && s[i:i+6] == `\u003e`:
			b, i = append(b, '>'), i+5
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// A body lists exactly the files beside it.
func TestManifest(t *testing.T) {
	files := []seal.Attachment{
		{Name: "a.txt", MediaType: "text/plain", Data: []byte("a")},
		{Name: "b.txt", MediaType: "text/plain", Data: []byte("b")},
	}
	body := complete([]byte(`{}`), files, nil, "")
	if err := mail.CheckManifest(body, files); err != nil {
		t.Error(err)
	}
	for name, beside := range map[string][]seal.Attachment{
		"one missing":      files[:1],
		"none":             nil,
		"in another order": {files[1], files[0]},
		"another content":  {files[0], {Name: "b.txt", MediaType: "text/plain", Data: []byte("c")}},
		"another name":     {files[0], {Name: "c.txt", MediaType: "text/plain", Data: []byte("b")}},
	} {
		if err := mail.CheckManifest(body, beside); problem.CodeOf(err) != problem.BodyInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoster(t *testing.T) {
	two := []signed.Address{"fi.spoc", "no.spoc"}
	for _, test := range []struct {
		body         string
		confidential bool
		ok           bool
	}{
		{`{}`, false, true},
		{`{}`, true, true},
		{`{"recipients":["no.spoc","fi.spoc"]}`, false, true},
		{`{"recipients":["fi.spoc"]}`, false, false},
		{`{"recipients":["fi.spoc","no.spoc"]}`, true, false},
	} {
		if err := checkRoster([]byte(test.body), two, test.confidential); (err == nil) != test.ok {
			t.Errorf("%s, confidential %t: %v", test.body, test.confidential, err)
		}
	}
}
