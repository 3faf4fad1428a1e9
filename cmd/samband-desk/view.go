package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/schema"
)

// A page is a message for people: what stands above it, and what it says.
type page struct {
	Lang, Dir string
	Title     string
	Above     []row
	Parts     []schema.View
	Seen      []row  // where else those were seen whom the message is about
	Raw       string // the body as it came, where this program lacks its type
	Lacks     string // and words that say so
	Files     []row
	Printed   string
}

// A row is a label and a value.
type row struct{ Label, Value string }

// pageOf puts a message in the reader's language and zone; saved are the paths of its
// attachments, where they were saved. t is its type; nil if the desk lacks it.
func (p *program) pageOf(m *client.Message, t *schema.Type, saved []string) *page {
	lang := string(*p.lang)
	g := &page{
		Lang: lang, Dir: "ltr", Title: m.Title,
		Printed: fmt.Sprintf(p.say("printed-at"), schema.Moment(time.Now().In(p.zone), lang)),
	}
	if schema.RightToLeft(lang) {
		g.Dir = "rtl"
	}
	if t != nil {
		g.Title = t.In(lang).Type().Label
	}
	above := func(key, value string) {
		if value != "-" {
			g.Above = append(g.Above, row{p.say(key), value})
		}
	}
	above("message", m.ID.String())
	above("state", p.say("state."+string(m.State)))
	above("from", string(m.From))
	above("to", string(m.To))
	if g.Title == "" {
		g.Title = m.Type
	}
	above("type", typeWords(m.Type, g.Title))
	above("urgency", p.say(m.Urgency))
	above("accepted", p.timeText(m.Accepted))
	above("consigned", p.timeText(m.Consigned))
	above("deadline", p.deadlineText(m.Deadline))
	if m.Owed != nil {
		above("owed", p.owedText(m.Owed))
	}
	above("agreement", m.Agreement.String())
	above("conversation", m.Conversation.String())
	if len(m.Replies) > 0 {
		with := "follow-with"
		if m.Received {
			with = "answer-with"
		}
		above(with, strings.Join(m.Replies, ", "))
	}
	for _, b := range m.SeenBefore {
		g.Seen = append(g.Seen, row{p.say("seen-before"), p.seenText(t, b)})
	}
	if t != nil {
		if v, err := t.View(m.Body, lang, p.zone); err == nil {
			g.Parts = v.Parts
		}
	}
	if g.Parts == nil {
		g.Raw, g.Lacks = indentedJSON(m.Body), p.say("lacks-type")
	}
	for n, a := range m.Attachments {
		where := p.say("save-with")
		if n < len(saved) {
			where = fmt.Sprintf(p.say("saved-as-file"), saved[n])
		}
		words := fmt.Sprintf("%s, %s, "+p.say("bytes")+"; %s", a.Name, a.MediaType, a.Bytes, where)
		g.Files = append(g.Files, row{fmt.Sprintf(p.say("attachment-number"), n+1), words})
	}
	return g
}

// seenText says in which other message somebody or something of this one was seen.
func (p *program) seenText(t *schema.Type, b client.SeenBefore) string {
	who, same := b.Path, "seen-near"
	if t != nil {
		who = t.In(string(*p.lang)).Path(b.Path)
	}
	if b.Certain {
		same = "seen-same"
	}
	words := fmt.Sprintf(p.say(same), who, b.Message.ID.String(), string(b.Message.From))
	if !b.Accepted.IsZero() {
		words += ", " + p.timeText(b.Accepted)
	}
	if b.Subject != "" {
		words += ": " + b.Subject
	}
	return words
}

func typeWords(name, label string) string {
	if label == name {
		return name
	}
	return name + ": " + label
}

func indentedJSON(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return string(body)
	}
	return b.String()
}

// show prints a page. What its writer spelled in several lines has a mark before each,
// and what is too long for the screen goes on behind a mark, so that no line of it looks
// like a field. Where the width of the screen is 0 nothing is too long.
func (g *page) show(w io.Writer, screen int) {
	var lines strings.Builder
	g.lines(&lines)
	for line := range strings.Lines(lines.String()) {
		for _, part := range folded(strings.TrimSuffix(line, "\n"), screen) {
			fmt.Fprintln(w, part)
		}
	}
}

func (g *page) lines(w io.Writer) {
	width := 0
	for _, r := range g.Above {
		width = max(width, utf8.RuneCountInString(r.Label))
	}
	for _, r := range g.Above {
		fmt.Fprintf(w, "%s%s  %s\n", r.Label, strings.Repeat(" ", width-utf8.RuneCountInString(r.Label)), cli.Clean(r.Value))
	}
	for n, r := range g.Seen {
		if n == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", r.Label, cli.Clean(r.Value))
	}
	showParts(w, g.Parts, "")
	if g.Raw != "" {
		fmt.Fprintf(w, "\n%s\n", g.Lacks)
		showText(w, g.Raw, "")
	}
	for _, r := range g.Files {
		fmt.Fprintf(w, "\n%s: %s\n", r.Label, cli.Clean(r.Value))
	}
}

func showParts(w io.Writer, parts []schema.View, indent string) {
	for i, v := range parts {
		if indent == "" && (i == 0 || len(v.Parts) > 0 || len(parts[i-1].Parts) > 0 || v.Text || parts[i-1].Text) {
			fmt.Fprintln(w)
		}
		fmt.Fprint(w, indent+cli.Clean(heading(v)))
		if v.ID == "" {
			fmt.Fprint(w, ":")
		}
		switch {
		case v.Text:
			fmt.Fprintln(w)
			for _, text := range v.Values {
				showText(w, text, indent+"  ")
			}
		case len(v.Values) == 1:
			fmt.Fprintln(w, " "+cli.Clean(v.Values[0]))
		default:
			fmt.Fprintln(w)
			for _, value := range v.Values {
				fmt.Fprintf(w, "%s  - %s\n", indent, cli.Clean(value))
			}
			showParts(w, v.Parts, indent+"  ")
		}
	}
}

// heading is the label of a part, such as "Person 1 of 2: P1".
func heading(v schema.View) string {
	words := v.Label
	if v.Number != "" {
		words += " " + v.Number
	}
	if v.ID != "" {
		words += ": " + v.ID
	}
	return words
}

func showText(w io.Writer, text, indent string) {
	for _, line := range cli.Lines(text) {
		fmt.Fprintf(w, "%s│ %s\n", indent, line)
	}
}
