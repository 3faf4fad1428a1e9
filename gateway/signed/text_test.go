package signed_test

import (
	"errors"
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

func (a accede) text() string {
	w := signed.NewWriter(form, a.exchange)
	w.Line("previous", a.previous.String())
	w.Line("title", signed.Quote(a.title))
	return w.Text()
}

func parseAccede(text string) (accede, error) {
	r := signed.NewReader(text, form)
	a := accede{exchange: r.Exchange()}
	if v := r.Line("previous", 1); v != nil {
		a.previous = r.Hash(v[0])
	}
	if v := r.Line("title", 1); v != nil {
		a.title = r.Quoted(v[0])
	}
	return a, r.Close(text, a.text())
}

func TestReader(t *testing.T) {
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

// Only the federation file, whose hash is the exchange, has none.
func TestFederationAloneHasNoExchange(t *testing.T) {
	text := signed.NewWriter("samband/federation/v1", signed.Hash{}).Text()
	r := signed.NewReader(text, "samband/federation/v1")
	if err := r.Close(text, text); err != nil || r.Exchange() != (signed.Hash{}) {
		t.Errorf("Close = %v, Exchange = %s", err, r.Exchange())
	}
}

// The first fault sticks, and every read after it gives zero values.
func TestReaderKeepsTheFirstFault(t *testing.T) {
	text := accede{exchange: signed.HashOf("x"), title: "x"}.text()
	r := signed.NewReader(text, form)
	r.Line("other", 1)
	first := r.Err()
	if first == nil {
		t.Fatal("a line of another name was read")
	}
	r.Fail(errors.New("a second fault"))
	if v := r.Line("previous", 1); v != nil {
		t.Errorf("Line after a fault = %q", v)
	}
	if r.Peek() != "" || r.Word("A") != "" || r.Int("7") != 0 || r.Head(nil) != (signed.Head{}) ||
		r.Address("se.spoc") != "" || r.Name("se") != "" || r.ID(id16) != (signed.ID{}) || !r.Time("2026-11-23T03:12:00Z").IsZero() {
		t.Error("a value was read after a fault")
	}
	if err := r.Close(text, text); err != first {
		t.Errorf("Close = %v, want %v", err, first)
	}
}

// A fault that a caller finds in a value is a malformed text, unless the caller
// names the problem itself.
func TestReaderFail(t *testing.T) {
	text := accede{title: "x", exchange: signed.HashOf("x")}.text()
	r := signed.NewReader(text, form)
	r.Fail(errors.New("the day does not exist"))
	wantCode(t, r.Err(), problem.TextMalformed)
	r = signed.NewReader(text, form)
	r.Fail(problem.New(problem.KeyReused, "seen before"))
	wantCode(t, r.Err(), problem.KeyReused)
	r = signed.NewReader(text, form)
	r.Fail(nil)
	wantCode(t, r.Err(), "")
}

func TestHeadIsThreeValues(t *testing.T) {
	head := signed.Head{Origin: "nordic.example/audit", Size: 123456, Root: signed.HashOf("root")}
	w := signed.NewWriter(form, signed.HashOf("x"))
	w.Line("as-of", head.Values()...)
	r := signed.NewReader(w.Text(), form)
	if got := r.Head(r.Line("as-of", 3)); got != head || r.Err() != nil {
		t.Errorf("Head = %v, %v", got, r.Err())
	}
}

func TestFormOf(t *testing.T) {
	if got := signed.FormOf("samband/party/v1\nexchange -\n"); got != "samband/party/v1" {
		t.Errorf("FormOf = %q", got)
	}
}
