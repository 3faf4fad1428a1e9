package schema

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/problem"
)

var oneFile = []Attachment{{Name: "a.txt", MediaType: "text/plain", Bytes: 1, SHA256: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}

// What a desk fills in, and what it leaves as it was written.
func TestFill(t *testing.T) {
	typ, _ := Find("REMINDER", "1.0")
	two := []string{"fi.spoc", "no.spoc"}
	for _, test := range []struct{ body, want string }{
		{`{}`, `{"attachments":[{"name":"a.txt","media_type":"text/plain","bytes":1,"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}],"recipients":["fi.spoc","no.spoc"],"your_reference":"Ref <1>"}`},
		{`{"attachments":[],"recipients":["x"],"your_reference":"y"} `, `{"attachments":[],"recipients":["x"],"your_reference":"y"}`},
		{`{"a":1,"a":2,"attachments":0,"recipients":0}`, `{"a":1,"a":2,"attachments":0,"recipients":0,"your_reference":"Ref <1>"}`},
		{`[]`, `[]`},
		{`{"a":`, `{"a":`},
		{`null`, `null`},
	} {
		got := string(typ.Fill([]byte(test.body), Filling{oneFile, two, "Ref <1>"}))
		if json.Valid([]byte(got)) {
			got = unescaped(got)
		}
		if got != test.want {
			t.Errorf("%s became %s", test.body, got)
		}
	}
	if got := string(typ.Fill([]byte(`{"a":1}`), Filling{Recipients: two[:1]})); got != `{"a":1}` {
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

// The type file alone says where these fields stand: a type that calls them
// otherwise is filled in and checked there.
func TestFieldsAreNamedByTheType(t *testing.T) {
	for _, typ := range Catalogue() {
		for _, path := range []string{typ.file.Read.YourReference, typ.file.Read.Attachments, typ.file.Read.Recipients} {
			var body struct{ Properties map[string]any }
			if err := json.Unmarshal(typ.file.Body, &body); err != nil || body.Properties[path[1:]] == nil {
				t.Errorf("%s has no %s, %v", typ.Name, path, err)
			}
		}
	}
	fsys := copied(t)
	const file = "types/SPONTANEOUS-1.0.json"
	bent := string(fsys[file].Data)
	for _, name := range []string{"your_reference", "attachments", "recipients"} {
		bent = strings.Replace(bent, `"/`+name+`"`, `"/our_`+name+`"`, 1)
		bent = strings.Replace(bent, `"`+name+`": {"$ref"`, `"our_`+name+`": {"$ref"`, 1)
	}
	fsys[file] = &fstest.MapFile{Data: []byte(bent)}
	types, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range types {
		if typ.Name != "SPONTANEOUS" {
			continue
		}
		var left map[string]json.RawMessage
		if err := json.Unmarshal(sample(t, "case/07-spontaneous.json"), &left); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"your_reference", "attachments", "recipients"} {
			delete(left, name)
		}
		less, err := json.Marshal(left)
		if err != nil {
			t.Fatal(err)
		}
		filled := typ.Fill(less, Filling{oneFile, []string{"fi.spoc", "no.spoc"}, "Ref 1"})
		b, err := typ.Read(filled)
		if err != nil {
			t.Fatalf("%v: %s", err, filled)
		}
		if b.Summary.YourReference != "Ref 1" || b.FitsAttachments(oneFile) != nil || b.FitsRecipients([]string{"no.spoc", "fi.spoc"}, false) != nil {
			t.Errorf("read as %+v", b)
		}
		if b.FitsAttachments(nil) == nil || b.FitsRecipients([]string{"fi.spoc"}, false) == nil {
			t.Error("fields of another name are not checked")
		}
	}
}

// bodyOf is a body that was read: of these members.
func bodyOf(t *testing.T, members string) *Body {
	t.Helper()
	doc, err := parse([]byte(members))
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := Find("REMINDER", "1.0")
	return &Body{read: &typ.file.Read, doc: doc}
}

func TestFitsRecipients(t *testing.T) {
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
		err := bodyOf(t, test.body).FitsRecipients([]string{"fi.spoc", "no.spoc"}, test.confidential)
		if (err == nil) != test.ok {
			t.Errorf("%s, confidential %t: %v", test.body, test.confidential, err)
		}
	}
}

func TestFitsAttachments(t *testing.T) {
	for body, want := range map[string]problem.Code{
		`{"attachments":[{"name":"a.txt","media_type":"text/plain","bytes":1,"sha256":"` + oneFile[0].SHA256 + `","description":"An a"}]}`: "",
		`{"attachments":[]}`:              problem.BodyInvalid,
		`{}`:                              problem.BodyInvalid,
		`{"attachments":[{"bytes":1.0}]}`: problem.BodyMalformed,
	} {
		if err := bodyOf(t, body).FitsAttachments(oneFile); err != nil && problem.CodeOf(err) != want || err == nil && want != "" {
			t.Errorf("%s: %v", body, err)
		}
	}
}
