package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/problem"
)

var oneFile = []Attachment{{Name: "a.txt", MediaType: "text/plain", Bytes: 1, SHA256: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}

// What a desk fills in, and what it leaves as it was written.
func TestFill(t *testing.T) {
	typ, _ := Embedded().Find("REMINDER", "1.0")
	two := []string{"fi.spoc", "no.spoc"}
	for _, test := range []struct{ body, want string }{
		{`{}`, `{"attachments":[{"name":"a.txt","media_type":"text/plain","bytes":1,"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}],"recipients":["fi.spoc","no.spoc"],"your_reference":"Ref <1>"}`},
		{`{"attachments":[],"recipients":["x"],"your_reference":"y"} `, `{"attachments":[],"recipients":["x"],"your_reference":"y"}`},
		{`{"a":1,"a":2,"attachments":0,"recipients":0}`, `{"a":1,"a":2,"attachments":0,"recipients":0,"your_reference":"Ref <1>"}`},
		{`[]`, `[]`},
		{`{"a":`, `{"a":`},
		{`null`, `null`},
	} {
		got := string(typ.Fill([]byte(test.body), Filling{oneFile, two, request(t, `{"our_reference":"Ref <1>"}`), nil}))
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
	fsys := copied(t)
	const common = "parts/common-1.json"
	before := fsys[common].Data
	renamed := string(before)
	for _, name := range []string{"your_reference", "attachments", "recipients"} {
		renamed = strings.Replace(renamed, `"`+name+`": {"$ref": "#/`, `"our_`+name+`": {"$ref": "#/`, -1)
		renamed = strings.Replace(renamed, `"our_`+name+`": {"$ref": "#/$defs/line"`, `"`+name+`": {"$ref": "#/$defs/line"`, 1)
		renamed = strings.Replace(renamed, `"required": ["your_reference"]`, `"required": ["our_your_reference"]`, 1)
	}
	fsys[common] = &fstest.MapFile{Data: []byte(renamed)}
	for p, f := range fsys {
		pinned := strings.ReplaceAll(string(f.Data), hexSum(before), hexSum([]byte(renamed)))
		fsys[p] = &fstest.MapFile{Data: []byte(pinned)}
	}
	c, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range c.Types() {
		if typ.file.Name != "SPONTANEOUS" {
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
		filled := typ.Fill(less, Filling{oneFile, []string{"fi.spoc", "no.spoc"}, request(t, `{"our_reference":"Ref 1"}`), nil})
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

// request is a body that is answered, with a reference of these members.
func request(t *testing.T, members string) *Body {
	b := bodyOf(t, members)
	b.Summary.OurReference = textAt(b.doc, "/our_reference")
	return b
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// bodyOf is a body that was read: of these members.
func bodyOf(t *testing.T, members string) *Body {
	t.Helper()
	doc, err := parse([]byte(members))
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := Embedded().Find("REMINDER", "1.0")
	return &Body{typ: typ, doc: doc}
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
