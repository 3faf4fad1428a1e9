package schema

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A Query is what a body asks of a data set, so that a machine may answer it.
type Query struct {
	Dataset string            // a code
	Keys    map[string]string // by x-key: plate, vin, family, …
	Reason  string            // the asking officer's
}

// Query returns what the body asks of a data set; false for one that asks nothing of
// the kind.
func (b *Body) Query() (q Query, ok bool) {
	q.Keys = map[string]string{}
	b.typ.Shape.visit("", b.doc, func(_ string, s *Shape, v any) {
		word, isText := v.(string)
		if !isText {
			return
		}
		switch s.Role {
		case queriedDataset:
			q.Dataset, ok = word, true
		case queryKey:
			q.Keys[s.Key] = word
		case queryReason:
			q.Reason = word
		}
	})
	return q, ok
}

// A machineReply says that a machine may answer a type.
type machineReply struct {
	Type string                     `json:"type"` // of the reply: what it may say is one of its outcomes
	Adds map[string]json.RawMessage `json:"adds"` // members of its body that are the same in each
}

// MachineReply is the type by which a machine may answer a message of t; "" when only
// people may.
func (t *Type) MachineReply() string {
	if t.file.MachineReply == nil {
		return ""
	}
	return t.file.MachineReply.Type
}

// A MachineAnswer is what a machine found.
type MachineAnswer struct {
	Outcome      string // one of the reply's outcomes, such as NO_HIT
	OurReference string
	Match        string // by which the asker names what was found; "" when nothing was
}

// MachineReply makes the body of a reply of type with to a query, for Fill to complete:
// what a reply repeats of its query is not in it yet.
func (b *Body) MachineReply(with *Type, a MachineAnswer) ([]byte, error) {
	says := b.typ.file.MachineReply
	if says == nil || says.Type != with.Name {
		return nil, fmt.Errorf("%s is not answered by machine with %s", b.typ.Name, with.Name)
	}
	i := slices.IndexFunc(with.file.Outcomes, func(o outcome) bool { return o.Name == a.Outcome })
	if i < 0 || !b.typ.AllowsReply(a.Outcome) {
		return nil, fmt.Errorf("%s is not answered by %q", b.typ.Name, a.Outcome)
	}
	o := with.file.Outcomes[i]
	members := map[string]any{with.Shape.top(ourReference): a.OurReference, o.At[1:]: o.Is}
	for name, value := range says.Adds {
		members[name] = value
	}
	if a.Match != "" {
		members[with.Shape.top(matchReference)] = a.Match
	}
	return json.Marshal(members)
}

// checkMachines refuses a type that a machine may answer, and couldn't.
func (c *Catalogue) checkMachines() error {
	for _, t := range c.types {
		says := t.file.MachineReply
		if says == nil {
			continue
		}
		if !t.Shape.has(queriedDataset) || !t.Shape.has(queryKey) || !t.Shape.has(queryReason) {
			return fmt.Errorf("%s %s may be answered by machine, and lacks a data set, keys or a reason", t.Name, t.Version)
		}
		found := false
		for _, with := range c.types {
			if with.Name != says.Type {
				continue
			}
			found = true
			if err := with.checkMachineReply(says); err != nil {
				return fmt.Errorf("%s %s may be answered by machine with %s %s, %w", t.Name, t.Version, with.Name, with.Version, err)
			}
		}
		if !found {
			return fmt.Errorf("%s %s may be answered by machine with %q, which is no type", t.Name, t.Version, says.Type)
		}
	}
	return nil
}

func (t *Type) checkMachineReply(says *machineReply) error {
	if len(t.file.Outcomes) == 0 || t.Shape.top(matchReference) == "" || t.Shape.top(ourReference) == "" {
		return fmt.Errorf("which lacks outcomes or a reference")
	}
	for _, o := range t.file.Outcomes {
		if len(o.At) < 2 || t.Shape.Field(o.At[1:]) == nil {
			return fmt.Errorf("whose outcome %s is not at the top of its body", o.Name)
		}
	}
	for name := range says.Adds {
		if t.Shape.Field(name) == nil {
			return fmt.Errorf("which has no %q", name)
		}
	}
	return nil
}
