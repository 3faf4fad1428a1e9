package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

// speaking is a program for a reader of a language, an hour east of Greenwich.
func speaking(lang string) *program {
	l := language(lang)
	return &program{types: sync.OnceValue(schema.NewLibrary), lang: &l, zone: time.FixedZone("CET", 3600)}
}

// A deadline is told in the reader's zone, with what is left.
func TestDue(t *testing.T) {
	due := signed.At(time.Date(2026, 11, 29, 3, 12, 0, 0, time.UTC))
	now := due.AsTime().Add(-7*time.Hour - 40*time.Minute - 59*time.Second)
	for want, d := range map[string]*client.Deadline{
		"-": nil,
		"due 2026-11-29 04:12 CET, in 7 h 40 min (8h)":                    {Class: "8h", Due: due},
		"due 2026-11-29 04:12 CET, in 7 h 40 min (3d), declared indirect": {Class: "3d", Due: due, Access: schema.Indirect},
		"paused, 8h term": {Class: "8h", Due: due, Paused: true},
		"OVERDUE since 2026-11-25 04:12 CET, by 3 d 16 h": {Class: "8h", Due: due.Add(-4 * 24 * time.Hour), Overdue: true},
		"answered in time": {Answered: due, OnTime: true},
		"answered late":    {Answered: due},
	} {
		if got := speaking("en").deadlineTextAt(d, now); got != want {
			t.Errorf("it says %q, not %q", got, want)
		}
	}
	d := &client.Deadline{Class: "8h", Due: due}
	for lang, want := range map[string]string{
		"sv": "senast 2026-11-29 04:12 CET, om 7 h 40 min (8h)",
		"ar": "حتى \u200e2026-11-29 04:12 CET\u200e، بعد 7 س 40 د (\u200e8h\u200e)",
	} {
		if got := speaking(lang).deadlineTextAt(d, now); got != want {
			t.Errorf("in %s it says %q, not %q", lang, got, want)
		}
	}
}

// What is left is never less than what is said.
func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "less than a minute", 59 * time.Second: "less than a minute", time.Minute: "1 min", 59*time.Minute + 59*time.Second: "59 min",
		time.Hour: "1 h 0 min", 24*time.Hour - time.Second: "23 h 59 min", 24 * time.Hour: "1 d 0 h", 7*24*time.Hour - time.Second: "6 d 23 h",
	} {
		if got := speaking("en").span(d); got != want {
			t.Errorf("%v is %q, not %q", d, got, want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for locale, want := range map[string]language{
		"sv_SE.UTF-8": "sv", "ar_EG": "ar", "fr_CA@euro": "fr", "es_419": "es", "C.UTF-8": "en", "POSIX": "en", "fi_FI.UTF-8": "en", "": "en",
	} {
		for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
			t.Setenv(name, "")
		}
		t.Setenv("LANG", locale)
		if got := environmentLanguage(); got != want {
			t.Errorf("%q gives %s", locale, got)
		}
	}
	t.Setenv("LC_MESSAGES", "fr_FR")
	t.Setenv("LC_ALL", "es_ES")
	if got := environmentLanguage(); got != "es" {
		t.Errorf("LC_ALL doesn't go first: %s", got)
	}
	l := language("en")
	if err := l.Set("no such"); err == nil || l.Set("sv-FI") != nil || l != "sv" {
		t.Errorf("%v, %s", err, l)
	}
}

// A line that a writer made long can't begin again at the edge of the screen, where it
// could pass for a field.
func TestFolded(t *testing.T) {
	long := "  │ " + strings.Repeat("a", 20) + strings.Repeat(" ", 30) + "From: se.spoc"
	for _, test := range []struct {
		line   string
		screen int
		want   []string
	}{
		{long, 0, []string{long}},
		{"short", 40, []string{"short"}},
		{"Subject: one two three four five six seven eight", 40, []string{"Subject: one two three four five six ", "┆ seven eight"}},
		{strings.Repeat("国", 30), 40, []string{strings.Repeat("国", 20), "┆ " + strings.Repeat("国", 10)}},
	} {
		if got := folded(test.line, test.screen); !slices.Equal(got, test.want) {
			t.Errorf("%q becomes %q", test.line, got)
		}
	}
	for _, screen := range []int{40, 54, 60} {
		for i, part := range folded(long, screen) {
			if i > 0 && !strings.HasPrefix(part, "  ┆ ") || len([]rune(part)) > screen {
				t.Errorf("on %d columns a part is %q", screen, part)
			}
		}
	}
}

// No part of a message looks like another, or like what stands above it.
func TestShow(t *testing.T) {
	g := &page{Above: []row{{"From", "se.spoc"}, {"Urgency", "urgent"}}, Parts: []schema.View{
		{Label: "Subject", Values: []string{"a\u00a0b\x1b[2J"}},
		{Label: "Facts", Text: true, Values: []string{"one\r\nFrom: fi.spoc\u2028Urgency\tnone\u202e"}},
		{Label: "Person", Number: "1 of 2", ID: "P1", Parts: []schema.View{
			{Label: "Nationalities", Values: []string{"Sweden", "Finland"}},
			{Label: "Name", Parts: []schema.View{{Label: "Family name", Values: []string{"X"}}}},
		}},
	}, Files: []row{{"Attachment 1", "a\nb.jpg"}}}
	var b strings.Builder
	g.show(&b, 0)
	const want = `From     se.spoc
Urgency  urgent

Subject: a` + "\u00a0" + `b\u001b[2J

Facts:
  │ one
  │ From: fi.spoc
  │ Urgency	none\u202e

Person 1 of 2: P1
  Nationalities:
    - Sweden
    - Finland
  Name:
    Family name: X

Attachment 1: a\u000ab.jpg
`
	if b.String() != want {
		t.Errorf("it shows\n%s", &b)
	}
	b.Reset()
	if err := g.writeHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<bdi>se.spoc</bdi>", "one\nFrom: fi.spoc\nUrgency\tnone\\u202e", "<bdi>Person 1 of 2: P1</bdi>", "<p><span dir=\"auto\">Finland</span></p>"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("the page lacks %s:\n%s", part, &b)
		}
	}
}

// The page runs nothing and fetches nothing, whatever a message says.
func TestPageIsPlain(t *testing.T) {
	evil := `</style><script>alert(1)</script><img src=x onerror=alert(1)>"'`
	g := &page{Lang: "en", Dir: "ltr", Title: evil, Above: []row{{evil, evil}}, Raw: evil, Files: []row{{evil, evil}}, Printed: evil,
		Parts: []schema.View{{Label: evil, Values: []string{evil}}, {Label: evil, Text: true, Values: []string{evil}}, {Label: evil, ID: evil, Parts: []schema.View{{Label: evil, Values: []string{evil}}}}}}
	var b strings.Builder
	if err := g.writeHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<script", "<img", "<link", "href="} {
		if strings.Contains(b.String(), part) {
			t.Errorf("the page has %s", part)
		}
	}
	if strings.Count(b.String(), "</style>") != 1 {
		t.Error("the page has a style of its writer's")
	}
}

// What a file is does not depend on what is installed here, and each type is one that
// a body may name.
func TestMediaType(t *testing.T) {
	for path, want := range map[string]string{
		"sheet.xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12", "FORM.DOCM": "application/vnd.ms-word.document.macroEnabled.12",
		"photo.jpg": "image/jpeg", "noending": "text/plain", "notes.unheard-of": "text/plain", ".pdf": "application/pdf",
	} {
		if got := mediaType(path, []byte("plain words")); got != want {
			t.Errorf("%s is %s", path, got)
		}
	}
	if got := mediaType("scan", []byte("%PDF-1.7")); got != "application/pdf" {
		t.Errorf("the first bytes say %s", got)
	}
}

// Where this program lacks the type of a message, the body stands there as it was
// written, with a mark before each line.
func TestShowWithoutType(t *testing.T) {
	m := &client.Message{Item: client.Item{Type: "NEWER"}, Body: []byte(`{"a":"<b>","From":"fi.spoc"}`)}
	var b strings.Builder
	speaking("en").pageOf(m, nil, nil).show(&b, 0)
	const want = `
This program lacks the type of the message. It stands below as it was written.
│ {
│   "a": "<b>",
│   "From": "fi.spoc"
│ }
`
	if !strings.HasSuffix(b.String(), want) || !strings.Contains(b.String(), "Type          NEWER\n") {
		t.Errorf("it shows\n%s", &b)
	}
}
