package router

import (
	"context"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/schema"
)

// chain refuses a message whose header shows that it doesn't fit its conversation: it
// is of a type that always answers or follows, and names nothing; or what it names is
// known here, and went between other desks, or in another conversation, or can't be
// followed so. What isn't known here, the recipient judges: it sees more. A message
// that is another's counts as not known, or the answer would tell that it is here. So this is no
// part of the law, which must be the same for all (SPEC §11.3).
func (r *Router) chain(_ context.Context, e *submission) error {
	t, ok := schema.Embedded().FindHash(e.Type.Hash)
	if !ok {
		return nil
	}
	if e.InReplyTo.IsZero() {
		if t.OnlyReplies() {
			return problem.New(problem.ReplyNotAllowed, "%s always answers or follows a message, and this one names none", t.Name)
		}
		return nil
	}
	earlier, err := r.seq.Message(e.From, e.InReplyTo)
	if err != nil || earlier == nil {
		return err
	}
	return follows(&e.Header, t, earlier)
}

// follows checks a message against the earlier one that it names.
func follows(h *envelope.Header, t *schema.Type, earlier *journal.Message) error {
	answers, follows := earlier.From == h.To && earlier.To == h.From, earlier.From == h.From && earlier.To == h.To
	switch {
	case !answers && !follows:
		return problem.New(problem.ReplyNotAllowed, "the message that it names did not go between %s and %s", h.From, h.To)
	case !earlier.Conversation.IsZero() && earlier.Conversation != h.Conversation:
		return problem.New(problem.ReplyNotAllowed, "the message that it names is of another conversation")
	}
	known := false
	for _, asked := range schema.Embedded().Types() {
		if asked.Name != earlier.Type {
			continue
		}
		known = true
		if answers && asked.AllowsType(t, false) || follows && asked.AllowsType(t, true) {
			return nil
		}
	}
	if known {
		return problem.New(problem.ReplyNotAllowed, "%s may not be followed so by %s", earlier.Type, t.Name)
	}
	return nil
}
