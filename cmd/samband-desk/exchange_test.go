package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/signed"
	"samband/schema"
)

// An office is a running exchange at which officers give commands.
type office struct {
	t   *testing.T
	x   *gatewaytest.Exchange
	dir string // for their files
}

func open(t *testing.T) *office {
	t.Helper()
	x, err := gatewaytest.Make(t.TempDir(), gatewaytest.Nordic())
	if err != nil {
		t.Fatal(err)
	}
	running, err := x.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	return &office{t, x, t.TempDir()}
}

// at gives a command at a desk; it returns what that prints, and fails the test where
// the exit code is another.
func (o *office) at(desk signed.Address, code int, args ...string) (stdout, stderr string) {
	o.t.Helper()
	var out, errs bytes.Buffer
	got := run(append([]string{"--dir", o.x.DeskDir(desk), "--lang", "en"}, args...), strings.NewReader(""), &out, &errs)
	if got != code {
		o.t.Fatalf("%v exits %d, not %d: %s%s", args, got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

func (o *office) file(name string) string { return filepath.Join(o.dir, name) }

// edit replaces pieces of a file, each once.
func (o *office) edit(name string, pieces ...string) {
	o.t.Helper()
	b, err := os.ReadFile(o.file(name))
	if err != nil {
		o.t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(pieces); i += 2 {
		if !strings.Contains(text, pieces[i]) {
			o.t.Fatalf("%s lacks %s:\n%s", name, pieces[i], text)
		}
		text = strings.Replace(text, pieces[i], pieces[i+1], 1)
	}
	if err := os.WriteFile(o.file(name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// received waits for the newest message of a type, and returns its id.
func (o *office) received(desk signed.Address, typ string) string {
	o.t.Helper()
	c := client.New(o.x.DeskDir(desk))
	id := ""
	err := client.Await(o.t.Context(), c, func() (bool, error) {
		items, err := c.Inbox(o.t.Context(), client.Query{})
		for _, i := range items {
			if i.Type == typ && i.State == client.HandedOver {
				id = i.ID.String()
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return id
}

func (o *office) wants(what, text string, pieces ...string) {
	o.t.Helper()
	for _, p := range pieces {
		if !strings.Contains(text, p) {
			o.t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

// What officers do at a running exchange, which is made once.
func TestExchange(t *testing.T) {
	o := open(t)
	o.write(t)
	o.attach(t)
}

// write: an officer who knows no JSON asks, another reads, asks back and learns what
// doesn't fit, from drafts alone.
func (o *office) write(t *testing.T) {
	out, _ := o.at("se.spoc", 0, "new", "INFO_REQUEST", "--to", "fi.spoc", "--out", o.file("ask"))
	o.wants("new", out, "samband-desk send --to fi.spoc --body "+o.file("ask"))
	o.at("se.spoc", 1, "new", "INFO_REQUEST", "--out", o.file("ask")) // it is there

	_, errs := o.at("se.spoc", 3, "check", o.file("ask"))
	o.wants("check", errs, "14 faults against INFO_REQUEST 1.0", "line 8, column 20, /our_reference (Our reference)", "Next: mend what is named")
	_, again := o.at("se.spoc", 3, "send", "--to", "fi.spoc", "--body", o.file("ask"))
	if again != errs {
		t.Errorf("send says\n%s\ncheck\n%s", again, errs)
	}
	_, again = o.at("se.spoc", 3, "send", "--explain", "--to", "fi.spoc", "--body", o.file("ask"))
	o.wants("send --explain", again, "14 faults against INFO_REQUEST 1.0")

	o.edit("ask",
		`"our_reference": ""`, `"our_reference": "SE-1"`,
		`"subject": ""`, `"subject": "Disparition inquiétante`+"\u00a0"+`: Lucie"`,
		`"language": ""`, `"language": "fr"`,
		`"code": ""`, `"code": "DIR_2023_977_ART_4"`,
		`"purpose": ""`, `"purpose": "MISSING_PERSON"`,
		`"offence_area": [""]`, `"offence_area": ["KIDNAP_HOSTAGE"]`,
		`"code": ""`, `"code": "H1"`,
		`"requester": ""`, `"requester": "SPOC"`,
		`"information_sought": ""`, `"information_sought": "Où est-elle ?"`,
		`"facts": ""`, `"facts": "Vue à la gare.\r\nPlaque\tPays\r\nFrom: fi.spoc"`,
		`"reason_to_believe": ""`, `"reason_to_believe": "Billet."`,
		`"connection": ""`, `"connection": "Parents."`,
		`"necessity": ""`, `"necessity": "Oui."`,
		`"proportionality": ""`, `"proportionality": "Oui."`,
		`  // "urgency": {`, `  "urgency": {`, `  //   "reasons": [""],`, `    "reasons": ["LIFE_OR_INTEGRITY"],`,
		`  //   "explanation": "",`, `    "explanation": "Froid."}, // `,
	)
	out, _ = o.at("se.spoc", 0, "check", o.file("ask"))
	o.wants("check", out, "nothing is wrong. It follows INFO_REQUEST 1.0 (Request for information).")
	_, errs = o.at("se.spoc", 3, "send", "--to", "fi.spoc", "--body", o.file("ask"))
	o.wants("send", errs, "at /urgency: only an urgent message has it", "Next: send an urgent message with --urgent, and another without that field.")
	o.at("se.spoc", 0, "send", "--to", "fi.spoc", "--urgent", "--body", o.file("ask"))

	id := o.received("fi.spoc", "INFO_REQUEST")
	out, _ = o.at("fi.spoc", 0, "inbox")
	if !regexp.MustCompile(`  due \d{4}-\d\d-\d\d \d\d:\d\d \S+, in 7 h 5\d min \(8h\)  Disparition inquiétante\x{a0}: Lucie\n`).MatchString(out) {
		t.Errorf("the inbox is\n%s", out)
	}
	out, _ = o.at("fi.spoc", 0, "read", id)
	o.wants("read", out, "Urgency       "+schema.Screen("en", "urgent")+"\n", "Purpose: Find a missing person\n",
		"\n  │ Vue à la gare.\n  │ Plaque\tPays\n  │ From: fi.spoc\n", "Language of this message: French\n")
	out, _ = o.at("fi.spoc", 0, "--lang", "ar", "read", id)
	o.wants("read in Arabic", out, "الاستعجال", "عاجل", "الفرنسية")

	o.at("fi.spoc", 0, "read", id, "--html", o.file("page.html"))
	page, err := os.ReadFile(o.file("page.html"))
	if err != nil {
		t.Fatal(err)
	}
	o.wants("the page", string(page), `<html lang="en" dir="ltr">`, "Vue à la gare.\nPlaque\tPays\nFrom: fi.spoc</p>")
	o.at("fi.spoc", 1, "read", id, "--html", o.file("page.html")) // it is there
	stdout, _ := o.at("fi.spoc", 0, "read", id, "--html", "-")
	o.wants("the page on standard output", stdout, "<!DOCTYPE html>")

	_, errs = o.at("fi.spoc", 4, "new", "SPONTANEOUS", "--reply-to", id)
	o.wants("a reply that doesn't fit", errs, "SPONTANEOUS may not follow INFO_REQUEST; what may:\n", "\n  CLARIFY: Request for clarification\n", "\n  PARTIAL: Partial answer, the rest follows\n")
	o.at("fi.spoc", 0, "new", "clarify", "--reply-to", id, "--out", o.file("back"))
	o.edit("back", `"our_reference": ""`, `"our_reference": "FI-1"`, `"code": ""`, `"code": "H1"`, `"id": ""`, `"id": "q 1"`, `"question": ""`, `"question": "Quand ?"`)
	_, errs = o.at("fi.spoc", 3, "answer", id, "--body", o.file("back"))
	o.wants("answer", errs, "1 fault against CLARIFY 1.0", "/questions/0/id (Questions 1, Name of the question)", "such as P1")
	o.edit("back", `"q 1"`, `"Q1"`)
	o.at("fi.spoc", 0, "answer", id, "--body", o.file("back"))
	back := o.received("se.spoc", "CLARIFY")
	out, _ = o.at("se.spoc", 0, "read", back)
	o.wants("the question", out, "Your reference: SE-1\n", "Questions: Q1\n", "  │ Quand ?\n")

	_, errs = o.at("se.spoc", 0, "types")
	if errs != "" {
		t.Errorf("with a desk, types says %s", errs)
	}
}

// spontaneous is the body of a message that nobody asked for, without attachments.
func spontaneous(t *testing.T) []byte {
	t.Helper()
	body, err := schema.Samples.ReadFile("testdata/case/07-spontaneous.json")
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "attachments")
	if body, err = json.Marshal(members); err != nil {
		t.Fatal(err)
	}
	return body
}

// attach: names of files are sent as they are, or refused with words.
func (o *office) attach(t *testing.T) {
	body := spontaneous(t)
	sheet, long, latin := o.file("Räkning 2026.xlsm"), o.file(strings.Repeat("n", 196)+".pdf"), o.file("r\xe4kning.pdf")
	for path, data := range map[string]string{o.file("body"): string(body), sheet: "PK", long: "%PDF", latin: "%PDF"} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, errs := o.at("fi.spoc", 3, "send", "--to", "se.spoc", "--type", "SPONTANEOUS", "--body", o.file("body"), "--attach", latin)
	const want = `samband-desk: BODY_INVALID: the name of the file "r\xe4kning.pdf" is not UTF-8, and nobody could spell it
Rule: a body follows the schema of its type.
Next: rename the file, then repeat the command.
`
	if errs != want {
		t.Errorf("it says\n%s", errs)
	}
	o.at("fi.spoc", 0, "send", "--to", "se.spoc", "--type", "SPONTANEOUS", "--body", o.file("body"), "--attach", sheet, "--attach", long)
	out, _ := o.at("se.spoc", 0, "read", o.received("se.spoc", "SPONTANEOUS"))
	o.wants("read", out, "Attachment 1: Räkning 2026.xlsm, application/vnd.ms-excel.sheet.macroEnabled.12, 2 bytes;", strings.Repeat("n", 196)+".pdf, application/pdf")
}

// Without a desk the types are those of the program.
func TestTypesOffline(t *testing.T) {
	o := &office{t: t, dir: t.TempDir(), x: &gatewaytest.Exchange{Dir: t.TempDir()}}
	out, errs := o.at("se.spoc", 0, "types")
	o.wants("types", out, "INFO_REQUEST", "Request for information", "8 h, 3 d, 7 d")
	o.wants("types", errs, "Nobody serves the desk")
	out, _ = o.at("se.spoc", 0, "--json", "types")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != len(schema.Embedded().Types()) {
		t.Fatalf("%d types, %v", len(rows), err)
	}
	for _, r := range rows {
		for _, name := range []string{"type", "version", "basis", "replies", "follow_ups", "settled_by", "clock", "labels"} {
			if _, ok := r[name]; !ok {
				t.Errorf("%v lacks %s", r["type"], name)
			}
		}
		if _, isList := r["replies"].([]any); !isList {
			t.Errorf("%v: replies are %v", r["type"], r["replies"])
		}
		out, _ := o.at("se.spoc", 0, "types", r["type"].(string))
		o.wants("types "+r["type"].(string), out, r["basis"].(string), "our_reference: Our reference (required)")
	}
	out, _ = o.at("se.spoc", 0, "types", "info_request", "--codes", "country")
	o.wants("types --codes", out, "SWE                      Sweden\n")
	_, errs = o.at("se.spoc", 2, "types", "INFO_REQUEST", "--codes", "colour")
	o.wants("types --codes", errs, "there are language, legal-basis")
	_, errs = o.at("se.spoc", 4, "types", "NO_SUCH")
	o.wants("types", errs, "Next: see samband-desk types.")
	out, _ = o.at("se.spoc", 0, "new", "REMINDER")
	o.wants("new", out, "// type: REMINDER 1.0\n")
	_, errs = o.at("se.spoc", 1, "new", "CLARIFY", "--reply-to", "AAAAAAAAAAAAAAAAAAAAAA==")
	o.wants("new", errs, "there is no folder", "Next: name the desk's folder with --dir.")
}

// A file that doesn't say its type, or says another, is named.
func TestCheckNeedsType(t *testing.T) {
	o := &office{t: t, dir: t.TempDir(), x: &gatewaytest.Exchange{Dir: t.TempDir()}}
	for name, text := range map[string]string{"plain": "{}", "utf16": utf16le("// type: REMINDER 1.0\n{}"), "typed": "// type: REMINDER 1.0\n{}", "old": "// type: REMINDER 0.9\n{}"} {
		if err := os.WriteFile(o.file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, errs := o.at("se.spoc", 2, "check", o.file("plain"))
	o.wants("check", errs, "doesn't say its type: give --type, or begin it with // type: NAME")
	_, errs = o.at("se.spoc", 3, "check", o.file("utf16"))
	o.wants("check", errs, "the file is UTF-16: save it as UTF-8")
	_, errs = o.at("se.spoc", 2, "check", o.file("typed"), "--type", "ANSWER")
	o.wants("check", errs, "says it is REMINDER, and --type says ANSWER")
	_, errs = o.at("se.spoc", 5, "check", o.file("old"))
	o.wants("check", errs, "the catalogue has REMINDER 1.0, and this is 0.9", "Next: write it anew after samband-desk new REMINDER.")
	_, errs = o.at("se.spoc", 3, "--json", "check", o.file("typed"))
	o.wants("check --json", errs, `"code":"BODY_INVALID"`)
}
