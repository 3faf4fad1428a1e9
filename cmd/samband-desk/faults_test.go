package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"samband/schema"
)

var update = flag.Bool("update", false, "write testdata/faults.md anew")

// A mistake is one that people make in a body, or their programs.
type mistake struct {
	what string
	make func(string) string
}

// replaced is a mistake made by replacing a piece of the body.
func replaced(what, old, wrong string) mistake {
	return mistake{what, func(body string) string {
		if !strings.Contains(body, old) {
			panic(fmt.Sprintf("%s: the body has no %s", what, old))
		}
		return strings.Replace(body, old, wrong, 1)
	}}
}

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// withDocument adds an identity document.
func withDocument(what, mrz string) mistake {
	return replaced(what, `  "vehicles": [`, `  "identity_documents": [{"id": "D1", "kind": "PASSPORT", "mrz": [`+mrz+`]}],
  "vehicles": [`)
}

const secondLine = `"L898902C36UTO7408122F1204159ZE184226B<<<<<10"`

var mistakes = []mistake{
	{"saved with a byte order mark", func(b string) string { return "\ufeff" + b }},
	{"saved as UTF-16", utf16le},
	{"saved as Latin-1", func(b string) string { return strings.Replace(b, "å", "\xe5", 1) }},
	{"lines end as on Windows (CR LF)", func(b string) string { return strings.ReplaceAll(b, "\n", "\r\n") }},
	{"an empty file", func(string) string { return "" }},
	{"cut off in the middle", func(b string) string { return b[:len(b)/2] }},
	replaced("a comma too many before a brace", `"requester": "SPOC",`, `"offence": {"title": "Rån",}, "requester": "SPOC",`),
	replaced("a comma missing", `"requester": "SPOC",`, `"requester": "SPOC"`),
	replaced("a name twice", `"requester": "SPOC",`, `"requester": "SPOC", "requester": "SPOC",`),
	replaced("the quotation marks of a word processor", `"requester"`, `“requester”`),
	replaced("single quotation marks", `"SPOC"`, `'SPOC'`),
	replaced("a quotation mark forgotten", `"SPOC"`, `"SPOC`),
	replaced("a tab typed into a text", `I går kl.`, "I går\tkl."),
	replaced("a line break typed into a text", `I går kl.`, "I går\nkl."),
	replaced("a Windows path in a text", `I går kl.`, `C:\Users\kl.`),
	replaced("a comment as in a shell", `  "requester"`, "  # who asks\n  \"requester\""),
	replaced("a number as text", `"year": 2019`, `"year": "2019"`),
	replaced("a number with a comma", `"year": 2019`, `"latitude": 59,33`),
	replaced("a number with leading zeros", `"year": 2019`, `"year": 02019`),
	replaced("text as a number", `"subject": "Grovt rån och människorov, flykt med färja mot Åbo"`, `"subject": 2026`),
	replaced("31 February", `"birth_date": "1987-02"`, `"birth_date": "1987-02-31"`),
	replaced("zeros for what is not known", `"birth_date": "1987-02"`, `"birth_date": "1985-00-00"`),
	replaced("day, month, year", `"birth_date": "1987-02"`, `"birth_date": "12.04.1985"`),
	replaced("born in the future", `"birth_date": "1987-02"`, `"birth_date": "2199-04-12"`),
	replaced("a plate with the wrong alphabet", `"WVZ 47K"`, `"АВ 1234 СЕ"`),
	withDocument("a wrong check digit in a machine-readable zone", `"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", `+strings.Replace(secondLine, "L898902C36", "L898902C37", 1)),
	withDocument("a line of a machine-readable zone cut off", `"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", `+strings.Replace(secondLine, "<<<<<10", "<<<<<1", 1)),
	replaced("a country of two letters", `["SWE", "CZE"]`, `["SE", "CZE"]`),
	replaced("a country's name", `["SWE", "CZE"]`, `["Sweden", "CZE"]`),
	replaced("a code misspelt", `"ROBBERY_AGG_THEFT"`, `"ROBERY_AGG_THEFT"`),
	replaced("a code in small letters", `"ROBBERY_AGG_THEFT"`, `"robbery agg theft"`),
	replaced("a word for a code", `"purpose": "INVESTIGATE_CRIME"`, `"purpose": "brottsutredning"`),
	replaced("a field misspelt", `"requester"`, `"requestor"`),
	replaced("a field that is not there", `"requester": "SPOC",`, `"requester": "SPOC", "priority": "high",`),
	replaced("a field forgotten", `"our_reference": "STHLM-K-0482217-26",`, ``),
	replaced("a blank for a text", `"Grovt rån och människorov, flykt med färja mot Åbo"`, `" "`),
	replaced("nothing for a text", `"Grovt rån och människorov, flykt med färja mot Åbo"`, `""`),
	replaced("one value for a list", `["ROBBERY_AGG_THEFT", "KIDNAP_HOSTAGE"]`, `"ROBBERY_AGG_THEFT"`),
	replaced("a field misspelt in a person", `"birth_date": "1987-02"`, `"birthdate": "1987-02"`),
	replaced("a language of another list", `"language": "sv"`, `"language": "swe"`),
	replaced("a language's name", `"language": "sv"`, `"language": "Swedish"`),
	replaced("a number out of its bounds", `"latitude": 59.7208`, `"latitude": 597208`),
	replaced("a number as some programs print it", `"longitude": 19.0642`, `"longitude": -1e-05`),
	replaced("a reference to nobody", `"from": "P1"`, `"from": "P9"`),
	replaced("two parts of one name", `"id": "P2"`, `"id": "P1"`),
}

// Each mistake is named by line, column and path, with what would be right; the table of
// testdata has the very words.
func TestMistakes(t *testing.T) {
	good, err := schema.Samples.ReadFile("testdata/case/01-info-request.json")
	if err != nil {
		t.Fatal(err)
	}
	body := string(good)
	var table bytes.Buffer
	table.WriteString("| what people do | what they see |\n|---|---|\n")
	for _, m := range mistakes {
		says, code := check(t, m.make(body))
		if code == 0 {
			says = "nothing: it is taken"
		} else if code != 3 {
			t.Errorf("%s: exit code %d", m.what, code)
		}
		fmt.Fprintf(&table, "| %s | %s |\n", m.what, strings.ReplaceAll(says, "|", `\|`))
	}
	golden := filepath.Join("testdata", "faults.md")
	if *update {
		if err := os.WriteFile(golden, table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(table.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != line {
			t.Errorf("line %d of the table is %q, expected %q", i+1, at(got, i), line)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// check runs the command on a body; it returns the lines that name faults, and the exit
// code.
func check(t *testing.T, body string) (says string, code int) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "body.json")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = run([]string{"--dir", dir, "--lang", "en", "check", file, "--type", "INFO_REQUEST"}, strings.NewReader(""), &stdout, &stderr)
	var lines []string
	for line := range strings.Lines(stderr.String()) {
		if line, ok := strings.CutPrefix(line, "  "); ok {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if code == 0 && !strings.Contains(stdout.String(), "nothing is wrong") {
		t.Errorf("it says %s%s", &stdout, &stderr)
	}
	return strings.Join(lines, "; "), code
}
