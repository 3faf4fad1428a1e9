package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/schema"
)

func newTypes(p *program) *cobra.Command {
	var codes string
	c := &cobra.Command{
		Use:   "types [TYPE]",
		Short: "List the message types, or explain one: its fields, codes, replies and clock",
		Long: `List the message types of the exchange's catalogue, or explain one: what it is for,
which replies may follow, its legal clock with the articles, its fields and codes.
Where nobody serves the desk, the types are those that this program was built with.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := p.catalogue(c)
			switch {
			case err != nil:
				return err
			case len(args) == 0 && codes != "":
				return cli.Usagef("--codes needs a TYPE")
			case len(args) == 0:
				return p.listTypes(c, k)
			}
			t, err := k.find(args[0], "")
			if err != nil {
				return err
			}
			if codes != "" {
				return p.listCodes(c, t, codes)
			}
			x := p.explained(t)
			return p.Print(c, x, func(w io.Writer) { p.showType(w, k, t, x) })
		},
	}
	c.Flags().StringVar(&codes, "codes", "", "list the codes of this list of the type, such as country")
	return c
}

// A typeRow is what types --json has of a type.
type typeRow struct {
	Type      string                  `json:"type"`
	Version   string                  `json:"version"`
	Basis     string                  `json:"basis"`
	Mark      string                  `json:"mark"`
	Replies   []string                `json:"replies"`
	FollowUps []string                `json:"follow_ups"`
	SettledBy []string                `json:"settled_by"`
	Outcomes  []string                `json:"outcomes"`
	Clock     *schema.Clock           `json:"clock"`
	Labels    map[string]schema.Label `json:"labels"`
}

func rowOf(t *schema.Type) typeRow {
	r := typeRow{
		Type: t.Name, Version: t.Version, Basis: t.Source, Mark: t.Mark, Clock: t.Clock,
		Replies: orEmpty(t.Replies()), FollowUps: orEmpty(t.FollowUps()), SettledBy: orEmpty(settledBy(t)), Outcomes: orEmpty(t.Outcomes()),
		Labels: map[string]schema.Label{},
	}
	for _, lang := range schema.Languages {
		r.Labels[lang] = t.In(lang).Type()
	}
	return r
}

// orEmpty is a list that JSON writes as one.
func orEmpty(list []string) []string { return append([]string{}, list...) }

func settledBy(t *schema.Type) []string {
	return slices.DeleteFunc(t.Replies(), func(outcome string) bool { return !t.SettledBy(outcome) })
}

func (p *program) listTypes(c *cobra.Command, k *catalogue) error {
	if k.offline {
		fmt.Fprintln(c.ErrOrStderr(), "Nobody serves the desk: these are the types that this program was built with.")
	}
	for _, l := range k.lacking {
		fmt.Fprintf(c.ErrOrStderr(), "This desk does not have the catalogue bundle with %s %s yet.\n", l.Name, l.Version)
	}
	rows := []typeRow{}
	for _, t := range k.types {
		rows = append(rows, rowOf(t))
	}
	return p.Print(c, rows, func(w io.Writer) {
		var shown [][]string
		for _, t := range k.types {
			clock := "-"
			if t.Clock != nil {
				clock = strings.Join(p.terms(t.Clock), ", ")
			}
			replies := strings.Join(t.Replies(), " ")
			if replies == "" {
				replies = "-"
			}
			shown = append(shown, []string{t.Name, t.In(string(*p.lang)).Type().Label, t.Source, clock, replies})
		}
		p.table(w, "types.name types.label types.basis types.clock types.replies", shown)
	})
}

// terms are the terms of a clock in short: 8 h, 3 d.
func (p *program) terms(c *schema.Clock) (terms []string) {
	if c.Yearly != nil {
		return []string{fmt.Sprintf(p.say("type.yearly"), c.Yearly.Month, c.Yearly.Day)}
	}
	for _, k := range c.Classes {
		if term := p.length(k); !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	return terms
}

func (p *program) length(k schema.ClockClass) string {
	switch {
	case k.Months > 0:
		return fmt.Sprintf(p.say("type.months"), k.Months)
	case k.Days > 0:
		return fmt.Sprintf(p.say("days"), k.Days)
	}
	return fmt.Sprintf(p.say("hours"), k.Hours)
}

// A codeRow is one code of a list.
type codeRow struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}

func (p *program) codesOf(t *schema.Type, s *schema.Shape) (rows []codeRow) {
	for _, code := range s.Codes {
		rows = append(rows, codeRow{code, t.In(string(*p.lang)).Code(s, code).Label})
	}
	return rows
}

func (p *program) listCodes(c *cobra.Command, t *schema.Type, list string) error {
	s := t.CodeList(list)
	if s == nil {
		return cli.Usagef("%s has no codes called %q; there are %s", t.Name, list, strings.Join(t.CodeLists(), ", "))
	}
	rows := p.codesOf(t, s)
	return p.Print(c, rows, func(w io.Writer) {
		for _, r := range rows {
			fmt.Fprintf(w, "%-24s %s\n", r.Code, cli.Clean(r.Label))
		}
	})
}

// A typeExplained is what types TYPE --json has.
type typeExplained struct {
	typeRow
	Label  string       `json:"label"`
	Help   string       `json:"help"`
	Fields []fieldRow   `json:"fields"`
	Codes  []codeListed `json:"codes"`
}

// A codeListed is a code list that fields of the type draw on.
type codeListed struct {
	List  string    `json:"list"`
	Codes []codeRow `json:"codes"`
}

// A fieldRow is one field of a body.
type fieldRow struct {
	Name     string     `json:"name"`
	Label    string     `json:"label"`
	Help     string     `json:"help,omitempty"`
	Required bool       `json:"required"`
	Kind     string     `json:"kind"` // of an item, where it is a list
	IsList   bool       `json:"is_list,omitempty"`
	Codes    string     `json:"codes,omitempty"` // the name of its code list
	Fields   []fieldRow `json:"fields,omitempty"`
}

func (p *program) explained(t *schema.Type) *typeExplained {
	l := t.In(string(*p.lang)).Type()
	x := &typeExplained{typeRow: rowOf(t), Label: l.Label, Help: l.Help, Fields: p.fieldsOf(t, t.Shape)}
	for _, list := range t.CodeLists() {
		x.Codes = append(x.Codes, codeListed{list, p.codesOf(t, t.CodeList(list))})
	}
	return x
}

func (p *program) fieldsOf(t *schema.Type, s *schema.Shape) (rows []fieldRow) {
	for _, f := range s.Fields {
		l := t.In(string(*p.lang)).Field(f.Name, f.Shape)
		r := fieldRow{Name: f.Name, Label: l.Label, Help: l.Help, Required: f.Required}
		leaf := f.Shape
		if leaf.Items != nil {
			leaf, r.IsList = leaf.Items, true
		}
		r.Kind, r.Codes, r.Fields = leaf.Kind, leaf.ListName(), p.fieldsOf(t, leaf)
		rows = append(rows, r)
	}
	return rows
}

func (p *program) showType(w io.Writer, k *catalogue, t *schema.Type, x *typeExplained) {
	fmt.Fprintf(w, "%s %s: %s\n", t.Name, t.Version, cli.Clean(x.Label))
	if x.Help != "" {
		fmt.Fprintln(w, cli.Clean(x.Help))
	}
	fmt.Fprintf(w, "\n%s: %s\n", p.say("type.basis"), cli.Clean(t.Source))
	opens := "type.opens"
	if t.OnlyReplies() {
		opens = "type.only-replies"
	}
	fmt.Fprintln(w, p.say(opens))
	if t.Closes() {
		fmt.Fprintln(w, p.say("type.closes"))
	}
	if t.AfterClose() {
		fmt.Fprintln(w, p.say("type.after-close"))
	}
	p.showOutcomes(w, k, "type.replies", t.Replies())
	p.showOutcomes(w, k, "type.follow-ups", t.FollowUps())
	p.showOutcomes(w, k, "type.settled-by", settledBy(t))
	p.showClock(w, t)
	fmt.Fprintf(w, "\n%s:\n", p.say("type.fields"))
	(&fieldShower{p, t, map[string]bool{}}).show(w, x.Fields, "  ")
}

func (p *program) showOutcomes(w io.Writer, k *catalogue, key string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", p.say(key))
	for _, name := range names {
		label := ""
		if t := k.typeOfOutcome(name); t != nil {
			label = t.In(string(*p.lang)).Outcome(name).Label
		}
		fmt.Fprintf(w, "  %-20s %s\n", name, cli.Clean(label))
	}
}

// showClock explains a legal clock, each term with its article.
func (p *program) showClock(w io.Writer, t *schema.Type) {
	c := t.Clock
	if c == nil {
		fmt.Fprintf(w, "%s: %s\n", p.say("type.clock"), p.say("type.no-clock"))
		return
	}
	fmt.Fprintf(w, "%s: %s\n", p.say("type.clock"), cli.Clean(c.Source))
	if c.Yearly != nil {
		fmt.Fprintf(w, "  %s\n", p.terms(c)[0])
		return
	}
	for _, k := range c.Classes {
		fmt.Fprintf(w, "  %s\n", cli.Clean(p.term(t, &k)))
	}
	if s := c.Pause; s != nil {
		fmt.Fprintf(w, "  "+p.say("type.paused-by")+" (%s)\n", s.By, s.Until, cli.Clean(s.Source))
	}
	if len(c.ExtendedBy) > 0 {
		fmt.Fprintf(w, "  "+p.say("type.extended-by")+"\n", strings.Join(c.ExtendedBy, ", "))
	}
}

// term puts one term in words: 8 h: urgent, direct access.
func (p *program) term(t *schema.Type, k *schema.ClockClass) string {
	var when []string
	if k.Urgency != "" {
		when = append(when, p.say(string(k.Urgency)))
	}
	if k.Access != "" {
		when = append(when, p.say("access."+string(k.Access)))
	}
	if k.Outcome != "" {
		when = append(when, t.In(string(*p.lang)).Outcome(k.Outcome).Label)
	}
	if len(when) == 0 {
		when = append(when, p.say("type.any"))
	}
	words := p.length(*k) + ": " + strings.Join(when, ", ")
	if k.Source != "" {
		words += " (" + k.Source + ")"
	}
	if k.AtEnd == "stop" {
		words += "; " + p.say("type.stop")
	}
	if k.Then != nil {
		words += "; " + fmt.Sprintf(p.say("type.then"), p.term(t, k.Then))
	}
	return words
}

// maxShown is how many codes of a list stand among the fields.
const maxShown = 40

// A fieldShower shows the fields of a type, each code list once.
type fieldShower struct {
	p     *program
	t     *schema.Type
	shown map[string]bool
}

func (s *fieldShower) show(w io.Writer, fields []fieldRow, indent string) {
	for _, f := range fields {
		notes := []string{}
		if f.Required {
			notes = append(notes, s.p.say("required"))
		}
		if f.IsList {
			notes = append(notes, s.p.say("list"))
		}
		note := ""
		if len(notes) > 0 {
			note = " (" + strings.Join(notes, ", ") + ")"
		}
		fmt.Fprintf(w, "%s%s: %s%s\n", indent, f.Name, cli.Clean(f.Label), note)
		if f.Help != "" {
			fmt.Fprintf(w, "%s    %s\n", indent, cli.Clean(f.Help))
		}
		s.codes(w, f.Codes, indent+"    ")
		s.show(w, f.Fields, indent+"  ")
	}
}

func (s *fieldShower) codes(w io.Writer, list, indent string) {
	if list == "" {
		return
	}
	rows := s.p.codesOf(s.t, s.t.CodeList(list))
	switch {
	case len(rows) > maxShown:
		fmt.Fprintf(w, "%s"+s.p.say("type.long-list")+"\n", indent, len(rows), list)
	case s.shown[list]:
		fmt.Fprintf(w, "%s"+s.p.say("template.as-above")+"\n", indent, list)
	default:
		s.shown[list] = true
		for _, r := range rows {
			fmt.Fprintf(w, "%s%-24s %s\n", indent, r.Code, cli.Clean(r.Label))
		}
	}
}
