package signed_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// wantCode fails unless err is a problem of the code; "" stands for no error.
func wantCode(t *testing.T, err error, code problem.Code) {
	t.Helper()
	switch {
	case err == nil && code == "":
	case err == nil:
		t.Errorf("taken, want %s", code)
	case problem.CodeOf(err) != code:
		t.Errorf("%v, want %s", err, code)
	}
}

func TestCheckText(t *testing.T) {
	line := strings.Repeat("a", signed.MaxLine)
	full := strings.Repeat(strings.Repeat("a", 1023)+"\n", signed.MaxText/1024)
	for name, c := range map[string]struct {
		text string
		code problem.Code
	}{
		"one line":         {"a\n", ""},
		"all of ASCII":     {" !~\n", ""},
		"longest line":     {line + "\n", ""},
		"longest text":     {full, ""},
		"empty":            {"", problem.TextMalformed},
		"no newline":       {"a", problem.TextMalformed},
		"newline alone":    {"\n", problem.TextMalformed},
		"empty line":       {"a\n\nb\n", problem.TextMalformed},
		"empty last line":  {"a\n\n", problem.TextMalformed},
		"CRLF":             {"a\r\n", problem.TextMalformed},
		"tab":              {"a\tb\n", problem.TextMalformed},
		"NUL":              {"a\x00\n", problem.TextMalformed},
		"DEL":              {"a\x7f\n", problem.TextMalformed},
		"Latin-1":          {"\xe5\n", problem.TextMalformed},
		"UTF-8":            {"å\n", problem.TextMalformed},
		"byte order mark":  {"\ufeffa\n", problem.TextMalformed},
		"line too long":    {line + "a\n", problem.Oversize},
		"text too long":    {full + "a\n", problem.Oversize},
		"end, no newline":  {"a\nb", problem.TextMalformed},
		"long, no newline": {line + line, problem.TextMalformed},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, signed.CheckText(c.text), c.code) })
	}
}

const form = "samband/accede/v1"

// accede is a form of two lines, as register entries have it.
type accede struct {
	exchange, previous signed.Hash
	title              string
}

var accedeForm = signed.Form[accede]{Title: form, Lines: func(a *accede, l *signed.Lines) {
	l.Exchange(&a.exchange)
	l.Line("previous").Hash(&a.previous)
	l.Line("title").Quoted(&a.title)
}}

func (a accede) text() string { return accedeForm.Text(&a) }

func parseAccede(text string) (accede, error) {
	a, err := accedeForm.Parse(text)
	if err != nil {
		return accede{}, err
	}
	return *a, nil
}

func TestParse(t *testing.T) {
	want := accede{signed.HashOf("exchange"), signed.HashOf("previous"), "Tullverket och Polisen, Åbo"}
	text := want.text()
	if got, err := parseAccede(text); err != nil || got != want {
		t.Fatalf("parse(%q) = %v, %v", text, got, err)
	}
	first, rest, _ := strings.Cut(text, "\n")
	lines := strings.SplitAfter(rest, "\n")
	exchange, previous, title := lines[0], lines[1], lines[2]
	zero := "exchange " + signed.Hash{}.String() + "\n"
	for name, c := range map[string]struct {
		text string
		code problem.Code
	}{
		"other form":            {"samband/accede/v2\n" + rest, problem.TextMalformed},
		"form with a space":     {first + " \n" + rest, problem.TextMalformed},
		"form alone":            {first + "\n", problem.TextMalformed},
		"no form":               {rest, problem.TextMalformed},
		"no exchange":           {first + "\n" + previous + title, problem.TextMalformed},
		"exchange of none":      {first + "\nexchange -\n" + previous + title, problem.TextMalformed},
		"exchange of zeros":     {first + "\n" + zero + previous + title, problem.TextMalformed},
		"line missing":          {first + "\n" + exchange + title, problem.TextMalformed},
		"lines swapped":         {first + "\n" + exchange + title + previous, problem.TextMalformed},
		"line twice":            {first + "\n" + exchange + previous + previous + title, problem.TextMalformed},
		"unknown line":          {first + "\n" + exchange + previous + "colour red\n" + title, problem.TextMalformed},
		"trailing line":         {text + "colour red\n", problem.TextMalformed},
		"trailing known line":   {text + title, problem.TextMalformed},
		"two spaces":            {strings.Replace(text, "previous ", "previous  ", 1), problem.TextMalformed},
		"space at the end":      {strings.Replace(text, previous, previous[:len(previous)-1]+" \n", 1), problem.TextMalformed},
		"space at the start":    {strings.Replace(text, "previous", " previous", 1), problem.TextMalformed},
		"no value":              {strings.Replace(text, previous, "previous\n", 1), problem.TextMalformed},
		"empty value":           {strings.Replace(text, previous, "previous \n", 1), problem.TextMalformed},
		"upper-case name":       {strings.Replace(text, "previous", "Previous", 1), problem.TextMalformed},
		"CRLF":                  {strings.ReplaceAll(text, "\n", "\r\n"), problem.TextMalformed},
		"unused bits":           {strings.Replace(text, want.previous.String(), "KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1t=", 1), problem.TextMalformed},
		"name quoted otherwise": {strings.Replace(text, `\u00c5`, `\u00C5`, 1), problem.TextMalformed},
		"too long":              {text + strings.Repeat("a\n", signed.MaxText), problem.Oversize},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseAccede(c.text)
			wantCode(t, err, c.code)
		})
	}
}

// A form from before the exchange fixes "-", and no other form takes that.
func TestNoExchange(t *testing.T) {
	f := signed.Form[struct{}]{Title: form, Lines: func(_ *struct{}, l *signed.Lines) { l.Line("exchange").Is("-") }}
	if _, err := f.Parse(f.Text(&struct{}{})); err != nil {
		t.Error(err)
	}
	_, err := f.Parse(form + "\nexchange " + hash32 + "\n")
	wantCode(t, err, problem.TextMalformed)
}

// all has a line of every value and every multiplicity.
type all struct {
	Exchange, Hash, None signed.Hash
	ID                   signed.ID
	Int, Parts           int64
	Time                 signed.Time
	Address              signed.Address
	Name, Origin, Word   string
	Quoted, Choice       string
	Bytes                []byte
	Head                 signed.Head
	Optional             string
	Ascending, Distinct  []string
	Any                  []signed.Head
	Key                  *signed.PublicKey
	Keys                 []*signed.PublicKey
}

var allForm = signed.Form[all]{Title: "samband/all/v1", MaxBytes: 16 << 10, Lines: func(a *all, l *signed.Lines) {
	l.Exchange(&a.Exchange)
	l.Line("hashes").Hash(&a.Hash).HashOrNone(&a.None)
	l.Line("id").ID(&a.ID)
	l.Line("numbers").Is("of").Int(&a.Int).Time(&a.Time)
	l.Line("names").Address(&a.Address).Name(&a.Name).Origin(&a.Origin).Word(&a.Word)
	l.Line("quoted").Quoted(&a.Quoted)
	signed.OneOf(l.Line("choice"), &a.Choice, "this", "that")
	l.When("if `that`", a.Choice == "that").Line("parts").Int(&a.Parts)
	l.Line("bytes").Bytes(&a.Bytes, 8)
	l.Line("head").Head(&a.Head)
	l.Optional("optional", a.Optional != "").Word(&a.Optional)
	signed.Repeat(l, "ascending", 1, 3, signed.Ascending, &a.Ascending, func(s *string) { l.Line("ascending").Word(s) })
	signed.Repeat(l, "distinct", 1, 3, signed.Distinct, &a.Distinct, func(s *string) { l.Line("distinct").Word(s) })
	signed.Repeat(l, "any", 0, 3, signed.AnyOrder, &a.Any, func(h *signed.Head) { l.Line("any").Head(h) })
	l.Line("key").Key(&a.Key, a.Name, signed.Ed25519)
	l.Keys(&a.Keys, signed.UseEntry, func(int) string {
		l.Line("keys").Is("entry")
		return a.Name
	})
}, Check: func(a *all) error {
	if a.Word == "FORBIDDEN" {
		return problem.New(problem.KeyReused, "seen before")
	}
	return nil
}}

func allOf(t testing.TB) *all {
	pair := signed.PublicKeys(pairOf(t, "fi"))
	head := signed.Head{Origin: "nordic.example/audit", Size: 123456, Root: signed.HashOf("root")}
	return &all{
		Exchange: signed.HashOf("x"), Hash: signed.HashOf("y"), ID: signed.ID{1}, Int: 7, Time: night(t),
		Address: "fi.spoc", Name: "fi", Origin: "nordic.example", Word: "W", Quoted: "a b", Choice: "this",
		Bytes: []byte("12345678"), Head: head, Ascending: []string{"a", "b", "c"}, Distinct: []string{"b", "a"},
		Key: pair[0], Keys: pair,
	}
}

func night(t testing.TB) signed.Time {
	at, err := signed.ParseTime("2026-11-23T03:12:00Z")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestEveryValueRoundTrips(t *testing.T) {
	plain, full := allOf(t), allOf(t)
	full.None, full.Choice, full.Parts, full.Optional = signed.HashOf("none"), "that", 3, "O"
	full.Any = []signed.Head{full.Head, full.Head}
	for _, want := range []*all{plain, full} {
		got, err := allForm.Parse(allForm.Text(want))
		if err != nil {
			t.Fatalf("%v\n%s", err, allForm.Text(want))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read as %+v, want %+v", got, want)
		}
	}
}

// What no line alone can hide: order and number of lines that stand together,
// the first fault before a later one, and the code of the form's own check.
func TestFaultsOfForms(t *testing.T) {
	text := allForm.Text(allOf(t))
	for name, c := range map[string]struct {
		old, new string
		code     problem.Code
		names    string // stands in the error
	}{
		"descending":         {"ascending a\nascending b\n", "ascending b\nascending a\n", problem.TextMalformed, `"ascending"`},
		"twice, ascending":   {"ascending b\n", "ascending a\n", problem.TextMalformed, `"ascending"`},
		"twice, distinct":    {"distinct a\n", "distinct b\n", problem.TextMalformed, `"distinct"`},
		"none of a list":     {"distinct b\ndistinct a\n", "", problem.TextMalformed, `"distinct"`},
		"too many":           {"ascending c\n", "ascending c\nascending d\n", problem.Oversize, `3 of "ascending"`},
		"too few values":     {"numbers of 7 2026-11-23T03:12:00Z", "numbers of 7", problem.TextMalformed, `"numbers": value 3 is missing`},
		"one value more":     {"choice this", "choice this that", problem.TextMalformed, `"choice": more than 1 values`},
		"outside the list":   {"choice this", "choice those", problem.TextMalformed, `"choice": a word is not "this" or "that"`},
		"fixed word":         {"numbers of", "numbers off", problem.TextMalformed, `"numbers": a word is not "of"`},
		"condition not met":  {"choice this\n", "choice this\nparts 3\n", problem.TextMalformed, `"bytes"`},
		"condition met":      {"choice this\n", "choice that\n", problem.TextMalformed, `"parts"`},
		"none, spelled out":  {" -\nid", " " + signed.Hash{}.String() + "\nid", problem.TextMalformed, "canonical"},
		"too many bytes":     {"bytes MTIzNDU2Nzg=", "bytes MTIzNDU2Nzg5", problem.TextMalformed, `"bytes"`},
		"key of other uses":  {"keys entry ml-dsa-65", "keys entry ed25519", problem.TextMalformed, `"keys": a word is not "ml-dsa-65"`},
		"check":              {" W\n", " FORBIDDEN\n", problem.KeyReused, "seen before"},
		"first of two":       {"id AQAAAAAAAAAAAAAAAAAAAA==\nnumbers of 7", "id AQ==\nnumbers of -7", problem.TextMalformed, `"id"`},
		"fault before check": {"id AQAAAAAAAAAAAAAAAAAAAA==\nnumbers of 7 2026-11-23T03:12:00Z\nnames fi.spoc fi nordic.example W", "id AQ==\nnumbers of 7 2026-11-23T03:12:00Z\nnames fi.spoc fi nordic.example FORBIDDEN", problem.TextMalformed, `"id"`},
		"past its bound":     {"quoted \"a b\"", "quoted \"" + strings.Repeat("a", 16<<10) + "\"", problem.Oversize, "16384"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(text, c.old) != 1 {
				t.Fatalf("%q does not stand once in\n%s", c.old, text)
			}
			_, err := allForm.Parse(strings.Replace(text, c.old, c.new, 1))
			wantCode(t, err, c.code)
			if err != nil && !strings.Contains(err.Error(), c.names) {
				t.Errorf("%v does not say %s", err, c.names)
			}
		})
	}
}

// The one long line is bounded by its form alone; every other by MaxLine.
func TestLongLine(t *testing.T) {
	type long struct{ Word, Long []byte }
	f := signed.Form[long]{Title: form, MaxBytes: 1 << 20, LongLine: "long", Lines: func(v *long, l *signed.Lines) {
		l.Line("word").Bytes(&v.Word, 1<<20)
		l.Line("long").Bytes(&v.Long, 1<<20)
	}}
	_, err := f.Parse(f.Text(&long{[]byte{1}, make([]byte, 256<<10)}))
	wantCode(t, err, "")
	_, err = f.Parse(f.Text(&long{make([]byte, signed.MaxLine), []byte{1}}))
	wantCode(t, err, problem.Oversize)
	_, err = f.Parse(f.Text(&long{[]byte{1}, make([]byte, 1<<20)}))
	wantCode(t, err, problem.Oversize)
}

// A table has each line, with SPEC's words for its values and how often it stands.
func TestTable(t *testing.T) {
	rows := allForm.Table(all{}).Rows
	for _, want := range []signed.Row{
		{Name: "hashes", Values: []string{"hash", "hash or `-`"}},
		{Name: "numbers", Values: []string{"`of`", "number", "time"}},
		{Name: "choice", Values: []string{"`this` or `that`"}},
		{Name: "parts", Values: []string{"number"}, Times: "if `that`"},
		{Name: "optional", Values: []string{"word"}, Times: "optional"},
		{Name: "ascending", Values: []string{"word"}, Times: "1 to 3, ascending"},
		{Name: "any", Values: []string{"head"}, Times: "0 to 3"},
		{Name: "keys", Values: []string{"`entry`", "`ml-dsa-65`", "key"}},
	} {
		if !slices.ContainsFunc(rows, func(r signed.Row) bool { return reflect.DeepEqual(r, want) }) {
			t.Errorf("no row %+v in %+v", want, rows)
		}
	}
}

func TestFormOf(t *testing.T) {
	if got := signed.FirstLine("samband/party/v1\nexchange -\n"); got != "samband/party/v1" {
		t.Errorf("FirstLine = %q", got)
	}
}
