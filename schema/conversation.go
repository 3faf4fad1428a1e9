package schema

import (
	"fmt"
	"slices"
)

// Replies lists what the recipient of t may answer: types and outcomes of types.
func (t *Type) Replies() []string { return slices.Clone(t.file.Replies) }

// FollowUps lists what the sender of t may send after it.
func (t *Type) FollowUps() []string { return slices.Clone(t.file.FollowUps) }

// AllowsReply reports whether the recipient of t may answer with that outcome.
func (t *Type) AllowsReply(outcome string) bool { return slices.Contains(t.file.Replies, outcome) }

// AllowsFollowUp reports whether the sender of t may send that outcome after it.
func (t *Type) AllowsFollowUp(outcome string) bool { return slices.Contains(t.file.FollowUps, outcome) }

// Allows reports whether a message of that outcome may name one of t in in-reply-to:
// as a follow-up, which its sender sends, or as a reply.
func (t *Type) Allows(outcome string, followUp bool) bool {
	if followUp {
		return t.AllowsFollowUp(outcome)
	}
	return t.AllowsReply(outcome)
}

// AllowsType is Allows for who knows the type alone: whether one of what a message of
// that type may be is allowed.
func (t *Type) AllowsType(next *Type, followUp bool) bool {
	return slices.ContainsFunc(append(next.Outcomes(), next.Name), func(o string) bool { return t.Allows(o, followUp) })
}

// OnlyReplies reports whether t can't open a conversation: it always answers or
// follows a message.
func (t *Type) OnlyReplies() bool { return t.file.OnlyReplies }

// Asks reports whether t asks for something: it is open until a reply settles it.
func (t *Type) Asks() bool { return len(t.file.SettledBy) > 0 }

// SettledBy reports whether a reply of that outcome ends what t asks for: a partial
// answer whose rest follows doesn't.
func (t *Type) SettledBy(outcome string) bool { return slices.Contains(t.file.SettledBy, outcome) }

// DroppedBy reports whether a follow-up of that outcome says that the sender of t asks no
// more: it stops what it began, or puts another message in its place.
func (t *Type) DroppedBy(outcome string) bool { return slices.Contains(t.file.DroppedBy, outcome) }

// Closes reports whether t closes its conversation.
func (t *Type) Closes() bool { return t.file.Closes }

// AfterClose reports whether t may be sent in a conversation that is closed: the law
// asks for it whatever the officers agreed.
func (t *Type) AfterClose() bool { return t.file.AfterClose }

// Outcome is what every message of t is; "" where its body decides.
func (t *Type) Outcome() string {
	if len(t.file.Outcomes) > 0 {
		return ""
	}
	return t.Name
}

// Outcomes lists what a message of t may be besides t itself.
func (t *Type) Outcomes() []string {
	var names []string
	for _, o := range t.file.Outcomes {
		names = append(names, o.Name)
	}
	return names
}

// names lists every reply and event that t's file speaks of.
func (t *Type) names() []string {
	names := slices.Concat(t.file.Replies, t.file.FollowUps, t.file.SettledBy)
	if c := t.Clock; c != nil {
		names = append(names, c.ExtendedBy...)
		if c.Pause != nil {
			names = append(names, c.Pause.By, c.Pause.Until)
		}
	}
	return names
}

// checkConversation refuses a reply, or a clock's event, that is neither a type nor an
// outcome of a type, a settlement that is no reply, and a pause whose end doesn't
// settle what began it.
func (c *Catalogue) checkConversation() error {
	known := map[string]bool{}
	for _, t := range c.types {
		known[t.Name] = true
		for _, o := range t.file.Outcomes {
			known[o.Name] = true
		}
	}
	for _, t := range c.types {
		for _, name := range t.names() {
			if !known[name] {
				return fmt.Errorf("%s %s names %q, which is neither a type nor an outcome", t.Name, t.Version, name)
			}
		}
		for _, name := range t.file.SettledBy {
			if !t.AllowsReply(name) {
				return fmt.Errorf("%s %s is settled by %q, which is none of its replies", t.Name, t.Version, name)
			}
		}
		if t.Clock != nil && t.Clock.Pause != nil {
			by, until := t.Clock.Pause.By, t.Clock.Pause.Until
			if !slices.ContainsFunc(c.types, func(q *Type) bool { return q.Name == by && q.SettledBy(until) }) {
				return fmt.Errorf("%s %s has a clock that is paused by %q until %q, which doesn't settle it", t.Name, t.Version, by, until)
			}
		}
		for _, name := range t.file.DroppedBy {
			if !t.AllowsFollowUp(name) || !t.Asks() {
				return fmt.Errorf("%s %s is dropped by %q, which is none of its follow-ups, or asks for nothing", t.Name, t.Version, name)
			}
		}
		if t.Clock != nil && t.Clock.Yearly == nil && !t.Asks() {
			return fmt.Errorf("%s %s has a clock, and no reply settles it", t.Name, t.Version)
		}
	}
	return nil
}
