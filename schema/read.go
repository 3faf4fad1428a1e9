package schema

import (
	"fmt"
	"slices"
	"strings"

	"samband/gateway/problem"
)

// A Body is what Samband itself understands of a valid body. The rest is for
// the officers.
type Body struct {
	Summary    Summary
	Sealed     Sealed
	Outcome    string // an outcome such as PARTIAL, else the type's own name
	Statistics []byte // see Type.Read

	read *reading
	doc  any
}

// A Summary is what a listing shows.
type Summary struct {
	OurReference  string
	YourReference string
	Subject       string
	Language      string // two letters, ISO 639-1
}

// Sealed is the half of the law that the broker can't see: both desks check it
// against the agreement, before sealing and after opening.
type Sealed struct {
	Purpose     string   // of codes/purpose
	OffenceArea []string // of codes/offence-area
	Handling    []string // of codes/handling
	Categories  []string // of codes/data-subject: whose data the body has
}

// A reading says where in a type's body those things stand.
type reading struct {
	OurReference  string       `json:"our_reference"`
	YourReference string       `json:"your_reference"`
	Subject       string       `json:"subject"`
	Language      string       `json:"language"`
	Purpose       string       `json:"purpose"`
	OffenceArea   string       `json:"offence_area"`
	Handling      string       `json:"handling"`
	Categories    string       `json:"categories"`
	Attachments   string       `json:"attachments"`
	Recipients    string       `json:"recipients"`
	Urgency       *urgencyRule `json:"urgency"`
	IDs           []string     `json:"ids"`        // values that name a part of the body, each once
	References    []string     `json:"references"` // values that must be one of them
	Statistics    []statistic  `json:"statistics"`
}

// An urgencyRule names the object that an urgent message has and another lacks.
type urgencyRule struct {
	At     string `json:"at"`
	Source string `json:"source"`
	Mark   string `json:"mark"`
}

// A statistic is one line of the statistics record.
type statistic struct {
	Name  string `json:"name"`
	At    string `json:"at"`
	Codes string `json:"codes"` // the pinned list that its values are of
}

// Read checks a body and returns what Samband understands of it. Problems:
// OVERSIZE; BODY_MALFORMED, not strict JSON; BODY_INVALID, against the type's
// schema. A problem names places and rules and never a value of the body.
//
// The statistics record is lines of text, the same for the same facts in any
// order, with codes of closed lists and nothing else: SPEC §9.
//
//	samband/statistics/v1
//	type INFO_REQUEST 1.0
//	outcome INFO_REQUEST
//	offence-area DRUGS MOTOR_VEHICLE
//	purpose INVESTIGATE_CRIME
func (t *Type) Read(body []byte) (*Body, error) {
	doc, err := parse(body)
	if err != nil {
		return nil, err
	}
	if err := t.body.check(doc); err != nil {
		return nil, err
	}
	r := &t.file.Read
	if err := r.resolve(doc); err != nil {
		return nil, err
	}
	b := &Body{
		Summary: Summary{
			OurReference:  text(doc, r.OurReference),
			YourReference: text(doc, r.YourReference),
			Subject:       text(doc, r.Subject),
			Language:      text(doc, r.Language),
		},
		Sealed: Sealed{
			Purpose:     text(doc, r.Purpose),
			OffenceArea: texts(doc, r.OffenceArea),
			Handling:    texts(doc, r.Handling),
			Categories:  texts(doc, r.Categories),
		},
		Outcome: t.outcome(doc),
		read:    r,
		doc:     doc,
	}
	b.Statistics, err = t.statistics(doc, b.Outcome)
	return b, err
}

// Validate is Read for who needs only the verdict.
func (t *Type) Validate(body []byte) error {
	_, err := t.Read(body)
	return err
}

// FitsUrgency refuses, as BODY_INVALID, a body whose reasons for urgency and
// the header's urgency line don't fit each other.
func (b *Body) FitsUrgency(u Urgency) error {
	rule := b.read.Urgency
	if rule == nil {
		return nil
	}
	switch states := len(walk(b.doc, rule.At)) > 0; {
	case states == (u == Urgent):
		return nil
	case states:
		return problem.New(problem.BodyInvalid, "at %s: only an urgent message has it", rule.At)
	}
	return problem.New(problem.BodyInvalid, "at %s: an urgent message needs it", rule.At)
}

func (t *Type) outcome(doc any) string {
	for _, o := range t.file.Outcomes {
		if text(doc, o.At) == o.Is {
			return o.Name
		}
	}
	return t.Name
}

func (t *Type) statistics(doc any, outcome string) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "samband/statistics/v1\ntype %s %s\noutcome %s\n", t.Name, t.Version, outcome)
	for _, s := range t.file.Read.Statistics {
		values := texts(doc, s.At)
		slices.Sort(values)
		list := t.body.parts[s.Codes].codes
		for _, v := range values {
			if !list.has(v, len(list.Codes)) {
				return nil, fmt.Errorf("statistic %q of %s: not a code of %s", s.Name, t.Name, s.Codes)
			}
		}
		if len(values) == 0 {
			values = []string{"-"}
		}
		fmt.Fprintf(&b, "%s %s\n", s.Name, strings.Join(values, " "))
	}
	return []byte(b.String()), nil
}

// resolve checks that a body's inner references name parts that it has.
func (r *reading) resolve(doc any) error {
	named := map[any]bool{}
	for _, path := range r.IDs {
		for _, f := range walk(doc, path) {
			if named[f.value] {
				return problem.New(problem.BodyInvalid, "at %s: the id stands twice", f.pointer)
			}
			named[f.value] = true
		}
	}
	for _, path := range r.References {
		for _, f := range walk(doc, path) {
			if !named[f.value] {
				return problem.New(problem.BodyInvalid, "at %s: names nothing in this body", f.pointer)
			}
		}
	}
	return nil
}

// check refuses a type file that doesn't say where the common fields stand, or
// counts what is no closed code.
func (r *reading) check(parts map[string]part) error {
	for _, path := range []string{r.OurReference, r.Subject, r.Language, r.Purpose, r.Handling} {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("read: a common field has no place")
		}
	}
	for _, path := range []string{r.YourReference, r.Attachments, r.Recipients} {
		if strings.LastIndex(path, "/") != 0 {
			return fmt.Errorf("read: %q is no member at the top of a body, where a desk could fill it in", path)
		}
	}
	for _, s := range r.Statistics {
		if parts[s.Codes].codes == nil {
			return fmt.Errorf("statistic %q: %q is no pinned code list", s.Name, s.Codes)
		}
	}
	return nil
}
