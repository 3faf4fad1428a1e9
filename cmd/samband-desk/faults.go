package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"samband/gateway/problem"
	"samband/schema"
)

// A labelledFault is a fault with the words for its place.
type labelledFault struct {
	schema.Fault
	Label string `json:"label,omitempty"`
}

// faults checks the body of a draft, and returns its faults as they stand in the file.
func (p *program) faults(t *schema.Type, body []byte) (all []labelledFault, err error) {
	faults, err := t.CheckAt(body, time.Now())
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(faults, func(a, b schema.Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	for _, f := range faults {
		if at := t.At(f.Path); at != nil && len(at.Codes) > 0 && !strings.Contains(f.Hint, "did you mean") && !strings.Contains(f.Hint, "the codes are") {
			f.Hint = strings.TrimPrefix(f.Hint+"; all codes: samband-desk types "+t.Name+" --codes "+at.ListName(), "; ")
		}
		if names, needs := strings.CutPrefix(f.Rule, "needs "); needs && f.Hint == "" {
			f.Hint = p.labelsOf(t, f.Path, names)
		}
		all = append(all, labelledFault{f, t.In(string(*p.lang)).Path(f.Path)})
	}
	return all, nil
}

// labelsOf are the labels of the fields of an object that a rule names.
func (p *program) labelsOf(t *schema.Type, object, names string) string {
	at := t.At(object)
	if at == nil {
		return ""
	}
	var labels []string
	for _, name := range strings.FieldsFunc(names, func(c rune) bool { return c == ' ' || c == ',' }) {
		if f := at.Field(name); f != nil {
			labels = append(labels, `"`+t.In(string(*p.lang)).Field(name, f.Shape).Label+`"`)
		}
	}
	return strings.Join(labels, ", ")
}

// refused is the error that names each fault of a file.
func (p *program) refused(file, against string, faults []labelledFault) error {
	var text strings.Builder
	if len(faults) == 1 {
		fmt.Fprintf(&text, p.say("check.one"), file, against)
	} else {
		fmt.Fprintf(&text, p.say("check.many"), file, len(faults), against)
	}
	for _, f := range faults {
		text.WriteString("\n" + p.faultLine(f))
	}
	next := "mend what is named, then: samband-desk check " + file
	if file == "-" {
		next = "mend what is named, then send it again"
	}
	return &advice{&refusedBody{text.String(), faults[0].Code()}, next}
}

func (p *program) faultLine(f labelledFault) string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, p.say("check.at"), f.Line, f.Column)
		b.WriteString(", ")
	}
	switch {
	case f.Code() != problem.BodyInvalid: // the place is all there is
		b.WriteString(f.Rule)
		return b.String()
	case f.Path == "":
		b.WriteString(p.say("check.whole"))
	case f.Label == "":
		b.WriteString(f.Path)
	default:
		fmt.Fprintf(&b, "%s (%s)", f.Path, f.Label)
	}
	b.WriteString(": " + f.Rule)
	if f.Hint != "" {
		b.WriteString("; " + f.Hint)
	}
	return b.String()
}

// A refusedBody is the refusal of a body in the words for its writer.
type refusedBody struct {
	text string
	code problem.Code
}

func (r *refusedBody) Error() string { return string(r.code) + ": " + r.text }
func (r *refusedBody) Unwrap() error { return problem.New(r.code, "%s", r.text) }

// withoutFilled takes the place from faults of what the desk adds at the end of a body:
// the file that was written doesn't have it.
func withoutFilled(faults []labelledFault, written []byte) []labelledFault {
	line, column := 1, 1
	for _, c := range string(bytes.TrimRight(written, " \t\r\n")) {
		if column++; c == '\n' {
			line, column = line+1, 1
		}
	}
	for i := range faults {
		if f := &faults[i]; f.Path != "" && (f.Line > line || f.Line == line && f.Column >= column-1) {
			f.Line, f.Column = 0, 0
		}
	}
	return faults
}
