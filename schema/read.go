package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"samband/gateway/problem"
)

// A Body is what Samband itself understands of a valid body. The rest is for
// the officers.
type Body struct {
	Summary    Summary
	Sealed     Sealed
	Outcome    string // an outcome such as PARTIAL, else the type's own name
	Statistics []byte // see Type.Read
	Access     Access // how its sender reaches what was asked for; "" it doesn't say
	Withheld   string // of codes/copy-withheld: why nobody is copied; "" it doesn't say

	typ *Type
	doc any
}

// A Summary is what a listing shows.
type Summary struct {
	OurReference  string
	YourReference string
	Subject       string
	Language      string // ISO 639
}

// Sealed is the half of the law that the broker can't see: both desks check it
// against the agreement, before sealing and after opening.
type Sealed struct {
	Purpose     string   // of codes/purpose
	OffenceArea []string // of codes/offence-area
	Handling    []string // of codes/handling
	Categories  []string // of codes/data-subject: whose data the body has
}

// Read checks a body and returns what Samband understands of it. Problems:
// OVERSIZE; BODY_MALFORMED, not strict JSON; BODY_INVALID, against the type's
// schema. A problem names places and rules and never a value of the body.
//
// The statistics record is lines of text, the same for the same facts in any
// order, with codes of closed lists and nothing else: SPEC §9.3.
//
//	samband/statistics/v1
//	type INFO_REQUEST 1.0
//	outcome INFO_REQUEST
//	offence-area DRUGS MOTOR_VEHICLE
//	purpose INVESTIGATE_CRIME
func (t *Type) Read(body []byte) (*Body, error) {
	doc, fault := parseValue(body)
	if fault != nil {
		return nil, fault.problem()
	}
	faults, err := t.faults(doc)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, refusal(faults)
	}
	b := &Body{typ: t, doc: doc, Outcome: t.outcome(doc)}
	values := map[role][]string{}
	statistics := map[string][]string{}
	t.Shape.visit("", doc, func(_ string, s *Shape, v any) {
		word, ok := v.(string)
		if !ok {
			return
		}
		if s.Role != "" {
			values[s.Role] = append(values[s.Role], word)
		}
		if s.statistic != "" {
			statistics[s.statistic] = append(statistics[s.statistic], word)
		}
	})
	one := func(r role) string { return strings.Join(values[r], " ") }
	b.Summary = Summary{OurReference: one(ourReference), YourReference: one(yourReference), Subject: one(subject), Language: one(language)}
	b.Sealed = Sealed{
		Purpose: one(purpose), OffenceArea: distinct(values[offenceArea]), Handling: distinct(values[handling]),
		Categories: distinct(values[category]),
	}
	b.Access, b.Withheld = accessOf(one(access)), one(copyWithheld)
	b.Statistics = t.statistics(b.Outcome, statistics)
	return b, nil
}

// Type is what the body was read as.
func (b *Body) Type() *Type { return b.typ }

// Validate is Read for who needs only the verdict.
func (t *Type) Validate(body []byte) error {
	_, err := t.Read(body)
	return err
}

// Check returns every fault of a body, for whoever wrote it. There are none where Read
// would take it.
func (t *Type) Check(body []byte) ([]Fault, error) {
	return t.check(body, t.faults)
}

// CheckAt is Check for a body that is written at that time: it returns what FitsCreated
// refuses as well.
func (t *Type) CheckAt(body []byte, created time.Time) ([]Fault, error) {
	return t.check(body, func(doc any) ([]Fault, error) {
		faults, err := t.faults(doc)
		if len(faults) == 0 {
			faults = t.Shape.lateFaults(doc, created)
		}
		return faults, err
	})
}

// Malformed returns the fault by which a body is no strict JSON, whatever its type; nil
// where it is.
func Malformed(body []byte) *Fault {
	_, fault := parseValue(body)
	return fault
}

func (t *Type) check(body []byte, check func(doc any) ([]Fault, error)) ([]Fault, error) {
	doc, fault := parseValue(body)
	if fault != nil {
		return []Fault{*fault}, nil
	}
	faults, err := check(doc)
	if len(faults) > 0 {
		at := locate(body)
		for i := range faults {
			place := faults[i].Path
			if name := faults[i].name; name != "" {
				place += "/" + name
			}
			if pos, ok := at[place]; ok {
				faults[i].Line, faults[i].Column = position(body, pos)
			}
		}
	}
	return faults, err
}

// faults checks a body against the schema, then against the rules that no schema can
// say.
func (t *Type) faults(doc any) ([]Fault, error) {
	faults, err := t.body.check(doc, t.Shape)
	if err != nil || len(faults) > 0 {
		return faults, err
	}
	return t.Shape.rules(doc), nil
}

// moments returns the times at the places of a role.
func (b *Body) moments(r role) (out []time.Time) {
	b.typ.Shape.visit("", b.doc, func(_ string, s *Shape, v any) {
		if word, ok := v.(string); ok && s.Role == r {
			if t, err := time.Parse(time.RFC3339, word); err == nil {
				out = append(out, t)
			}
		}
	})
	return out
}

// ClockFrom is when the clock of this message began by its sender's own word, if that
// was before the message; zero when it says nothing.
func (b *Body) ClockFrom() time.Time { return first(b.moments(clockFrom)) }

// ClockUntil is until when this message extends the clock of what it answers; zero
// when it doesn't.
func (b *Body) ClockUntil() time.Time { return first(b.moments(clockUntil)) }

func first(times []time.Time) time.Time {
	if len(times) == 0 {
		return time.Time{}
	}
	return times[0]
}

// accessOf reads the code of how a desk reaches what is asked for.
func accessOf(code string) Access { return Access(strings.ToLower(code)) }

// FitsUrgency refuses, as BODY_INVALID, a body whose reasons for urgency and
// the header's urgency line don't fit each other.
func (b *Body) FitsUrgency(u Urgency) error {
	name := b.typ.Shape.top(urgency)
	if name == "" {
		return nil
	}
	members, _ := b.doc.(map[string]any)
	switch _, states := members[name]; {
	case states == (u == Urgent):
		return nil
	case states:
		return problem.New(problem.BodyInvalid, "at /%s: only an urgent message has it", name)
	default:
		return problem.New(problem.BodyInvalid, "at /%s: an urgent message needs it", name)
	}
}

// FitsCreated refuses, as BODY_INVALID, a body with a date in the past by its meaning,
// such as a birth, that lies after the day on which the message was written.
func (b *Body) FitsCreated(created time.Time) error {
	if faults := b.typ.Shape.lateFaults(b.doc, created); len(faults) > 0 {
		return refusal(faults)
	}
	return nil
}

// lateFaults are the dates in the past by their meaning that lie after a day.
func (s *Shape) lateFaults(doc any, created time.Time) (faults []Fault) {
	today := created.UTC().AddDate(0, 0, 1).Format(time.DateOnly) // somewhere it is tomorrow already
	s.visit("", doc, func(pointer string, s *Shape, v any) {
		if day, ok := v.(string); ok && s.Role == past && !strings.HasPrefix(day, "--") && day > today[:min(len(day), len(today))] {
			faults = append(faults, faultAt(pointer, "must not lie after the day of the message"))
		}
	})
	return faults
}

func (t *Type) outcome(doc any) string {
	for _, o := range t.file.Outcomes {
		if textAt(doc, o.At) == o.Is {
			return o.Name
		}
	}
	return t.Name
}

// textAt is the text at a JSON pointer without indices; "" when there is none.
func textAt(doc any, pointer string) string {
	for _, step := range strings.Split(pointer, "/")[1:] {
		members, _ := doc.(map[string]any)
		doc = members[step]
	}
	s, _ := doc.(string)
	return s
}

func (t *Type) statistics(outcome string, values map[string][]string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "samband/statistics/v1\ntype %s %s\noutcome %s\n", t.Name, t.Version, outcome)
	for _, name := range t.counted {
		codes := "-"
		if all := values[name]; len(all) > 0 {
			slices.Sort(all)
			codes = strings.Join(slices.Compact(all), " ")
		}
		fmt.Fprintf(&b, "%s %s\n", name, codes)
	}
	return []byte(b.String())
}

// distinct returns each word once, in order of first sight.
func distinct(words []string) (out []string) {
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
