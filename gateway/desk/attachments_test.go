package desk

import (
	"os"
	"testing"

	"samband/gateway/desk/internal/mail"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/schema"
)

func reminder(t *testing.T, files []schema.Attachment) (*schema.Body, error) {
	t.Helper()
	b, err := os.ReadFile("../../schema/testdata/case/08-reminder.json")
	if err != nil {
		t.Fatal(err)
	}
	typ, _ := schema.Embedded().Find("REMINDER", "1.0")
	return typ.Read(typ.Fill(b, schema.Filling{Attachments: files}))
}

// A body lists exactly the files beside it.
func TestManifest(t *testing.T) {
	files := []seal.Attachment{
		{Name: "a.txt", MediaType: "text/plain", Data: []byte("a")},
		{Name: "b.txt", MediaType: "text/plain", Data: []byte("b")},
	}
	read, err := reminder(t, mail.ListOf(files))
	if err != nil {
		t.Fatal(err)
	}
	if err := read.FitsAttachments(mail.ListOf(files)); err != nil {
		t.Error(err)
	}
	for name, beside := range map[string][]seal.Attachment{
		"one missing":      files[:1],
		"none":             nil,
		"in another order": {files[1], files[0]},
		"another content":  {files[0], {Name: "b.txt", MediaType: "text/plain", Data: []byte("c")}},
		"another name":     {files[0], {Name: "c.txt", MediaType: "text/plain", Data: []byte("b")}},
	} {
		if err := read.FitsAttachments(mail.ListOf(beside)); problem.CodeOf(err) != problem.BodyInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
