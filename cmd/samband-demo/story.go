package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// The desks of the story.
const (
	sweden  signed.Address = "se.spoc"
	finland signed.Address = "fi.spoc"
	bureau  signed.Address = "icpb.command"
	ankara  signed.Address = "no.liaison-ankara"
)

// A story is one case, told step by step. What a step learns the next ones use.
type story struct {
	*scene
	request, clarify, inquiry signed.ID
	sum                       summary
}

// A part is one step of a story, and how it is told.
type part struct {
	name string
	tell func(*story, context.Context) (step, error)
}

// The order of the story.
var parts = []part{
	{"an exchange is founded", (*story).founded},
	{"Sweden asks who would receive it", (*story).explain},
	{"an urgent request, with a photograph", (*story).ask},
	{"Finland has it, and the clock runs", (*story).handOver},
	{"Finland needs to know more: the clock pauses", (*story).pause},
	{"Sweden clarifies: the clock runs on", (*story).resume},
	{"Finland answers, structured: the clock stops", (*story).reply},
	{"the bureau asks the liaison officer in Ankara", (*story).inquire},
	{"Ankara refuses, with its ground", (*story).decline},
	{"a message that no agreement permits", (*story).forbidden},
	{"an envelope that was tampered with", (*story).tampered},
	{"an envelope that is played again", (*story).replayed},
	{"the same envelope by another desk", (*story).stolen},
	{"the broker's folder is searched for the suspect", (*story).searched},
	{"an outsider verifies both logs", (*story).verified},
}

// run tells the parts to their end, or to the first that does not go as the story
// says, which is told too.
func (s *story) run(ctx context.Context, t *teller, parts []part) error {
	for _, part := range parts {
		told, err := part.tell(s, ctx)
		if ctx.Err() != nil {
			return ctx.Err() // who interrupts the story knows why it ends
		}
		if p, refused := problem.Of(err); refused {
			told.Problem = p.Code
		}
		if told.Problem != "" {
			s.sum.Refused++
		}
		if err != nil {
			return s.broken(ctx, t, part.name, told, err)
		}
		told.Step, told.OK = part.name, true
		if err := t.tell(told); err != nil {
			return err
		}
	}
	s.sum.OK, s.sum.What = true, "The story is told."
	return t.sum(s.sum)
}

// broken tells the step that failed, and sums up what was reached. The log is
// proved all the same: whether it verifies is what one wants to know then.
func (s *story) broken(ctx context.Context, t *teller, name string, told step, err error) error {
	told.Step, told.What = name, err.Error()
	s.sum.What = "The story broke off."
	if s.scene != nil && s.sum.LogSize == 0 {
		if _, bent := s.verified(ctx); bent != nil {
			s.sum.What += " " + bent.Error()
		}
	}
	return errors.Join(fmt.Errorf("%s: %v", name, err), t.tell(told), t.sum(s.sum))
}

func (s *story) founded(context.Context) (step, error) {
	v, err := s.Register()
	if err != nil {
		return step{}, err
	}
	return step{What: fmt.Sprintf("Sweden and Finland signed the federation file of %s together; its fingerprint %s is the exchange. "+
		"%d parties, %d desks and %d agreements stand in the register, each signed by the one whose word it is. Every desk replays it and believes nobody.",
		v.Federation().Name, v.Exchange(), len(v.Now().Parties()), len(v.Now().Desks()), len(v.Now().Agreements()))}, nil
}

func (s *story) explain(ctx context.Context) (step, error) {
	draft, err := requestDraft(finland, bureau, ankara)
	if err != nil {
		return step{}, err
	}
	x, err := s.Desks[sweden].Explain(ctx, draft)
	if err != nil {
		return step{}, err
	}
	if x.Problem != nil {
		return step{}, fmt.Errorf("the draft itself: %s: %s", x.Problem.Code, x.Problem.Detail)
	}
	var lines []string
	for _, r := range x.Recipients {
		if r.Problem == nil {
			lines = append(lines, fmt.Sprintf("%s would get it under %q.", r.Address, r.Agreements[0].Title))
			continue
		}
		lines = append(lines, fmt.Sprintf("%s would not get it: %s.", r.Address, r.Problem.Detail))
	}
	if len(x.Recipients) != 3 || x.Recipients[0].Problem != nil || x.Recipients[1].Problem == nil || x.Recipients[2].Problem == nil {
		return step{}, fmt.Errorf("the explanation is not what the agreements say: %s", strings.Join(lines, " "))
	}
	return step{What: "Nothing is sent yet. " + strings.Join(lines, " ")}, nil
}

func (s *story) ask(ctx context.Context) (step, error) {
	draft, err := requestDraft(finland)
	if err != nil {
		return step{}, err
	}
	s.request, err = s.send(ctx, sweden, draft)
	if err != nil {
		return step{}, err
	}
	s.sum.Sent++
	item, err := s.sent(ctx, sweden, s.request, func(o client.OutboxItem) bool { return !o.Accepted.IsZero() })
	if err != nil {
		return step{}, err
	}
	if err := s.sample(s.request); err != nil {
		return step{}, err
	}
	return step{ID: s.request.String(), What: fmt.Sprintf("Sealed to Finland's key alone, signed twice (Ed25519 and ML-DSA-65), "+
		"accepted at %s. Sweden holds the proof: the log has this very text under a checkpoint that the log's key signed.", item.Accepted)}, nil
}

func (s *story) handOver(ctx context.Context) (step, error) {
	if _, err := s.received(ctx, finland, s.request); err != nil {
		return step{}, err
	}
	m, err := s.Desks[finland].Read(ctx, client.Ref{ID: s.request})
	if err != nil {
		return step{}, err
	}
	if len(m.Attachments) != 1 || m.Deadline == nil {
		return step{}, errors.New("the photograph or the clock is missing")
	}
	item, err := s.ended(ctx, sweden, s.request)
	if err != nil {
		return step{}, err
	}
	return step{ID: s.request.String(), What: fmt.Sprintf("Finland checked the proof of acceptance and every signature itself, "+
		"opened the message, kept it and said so: handed over at %s, and the %s clock runs, due %s. It is %q with %s of %d bytes. "+
		"Sweden has Finland's own signature of that.",
		item.Ended, m.Deadline.Class, m.Deadline.Due, m.Summary.Subject, m.Attachments[0].Name, m.Attachments[0].Bytes)}, nil
}

func (s *story) pause(ctx context.Context) (_ step, err error) {
	var d *client.Deadline
	s.clarify, d, err = s.answerUntil(ctx, finland, s.request, "CLARIFY", "02-clarify.json",
		finland, func(d *client.Deadline) bool { return d.Paused })
	if err != nil {
		return step{}, err
	}
	return step{ID: s.clarify.String(), What: fmt.Sprintf("The question is logged, so both desks see the same pause; were it answered now, the request would be due %s.", d.Due)}, nil
}

func (s *story) resume(ctx context.Context) (step, error) {
	id, d, err := s.answerUntil(ctx, sweden, s.clarify, "CLARIFICATION", "03-clarification.json",
		finland, func(d *client.Deadline) bool { return !d.Paused })
	if err != nil {
		return step{}, err
	}
	return step{ID: id.String(), What: fmt.Sprintf("Accepted and handed over. Due %s, by logged time, on both sides alike.", d.Due)}, nil
}

func (s *story) reply(ctx context.Context) (step, error) {
	id, d, err := s.answerUntil(ctx, finland, s.request, "ANSWER", "04-answer.json",
		sweden, func(d *client.Deadline) bool { return !d.Answered.IsZero() })
	if err != nil {
		return step{}, err
	}
	m, err := s.Desks[sweden].Read(ctx, client.Ref{ID: id})
	if err != nil {
		return step{}, err
	}
	var found struct {
		Persons   []json.RawMessage `json:"persons"`
		Vehicles  []json.RawMessage `json:"vehicles"`
		Documents []json.RawMessage `json:"identity_documents"`
	}
	if err := json.Unmarshal(m.Body, &found); err != nil {
		return step{}, err
	}
	return step{ID: id.String(), What: fmt.Sprintf("Persons: %d, vehicles: %d, identity documents: %d, valid by the schema on both sides. "+
		"Answered at %s, on time: %v.", len(found.Persons), len(found.Vehicles), len(found.Documents), d.Answered, d.OnTime)}, nil
}

func (s *story) inquire(ctx context.Context) (step, error) {
	draft, err := caseDraft("05-info-request.fr.json", "INFO_REQUEST", ankara)
	if err != nil {
		return step{}, err
	}
	if s.inquiry, err = s.send(ctx, bureau, draft); err != nil {
		return step{}, err
	}
	s.sum.Sent++
	if _, err := s.received(ctx, ankara, s.inquiry); err != nil {
		return step{}, err
	}
	return step{ID: s.inquiry.String(), What: "A Norwegian officer posted abroad is a desk of a party of its own, under an agreement of its own; neither Sweden nor Finland learns that this was asked."}, nil
}

func (s *story) decline(ctx context.Context) (step, error) {
	id, err := s.answerWith(ctx, ankara, s.inquiry, "REFUSAL", "06-refusal.fr.json")
	if err != nil {
		return step{}, err
	}
	m, err := s.Desks[bureau].Read(ctx, client.Ref{ID: id})
	if err != nil {
		return step{}, err
	}
	return step{ID: id.String(), What: fmt.Sprintf("A refusal is an answer too: its ground is a code of the law, its reasons are sealed. %q. The bureau's clock has stopped.", m.Summary.Subject)}, nil
}

func (s *story) forbidden(ctx context.Context) (step, error) {
	draft, err := caseDraft("08-reminder.json", "REMINDER", ankara)
	if err != nil {
		return step{}, err
	}
	_, err = s.Desks[sweden].Send(ctx, draft)
	return s.refusedStep(err, problem.NoAgreement,
		"Sweden and Norway have none with each other. Nothing was sealed and nothing left the desk; a broker that is handed such a text says the same.")
}

func (s *story) tampered(ctx context.Context) (step, error) {
	bent := strings.Replace(string(s.wires[sweden].envelope(s.request)), "\nurgency urgent\n", "\nurgency non-urgent\n", 1)
	bent = strings.Replace(bent, s.request.String(), signed.NewID().String(), 1)
	_, err := gatewaytest.SubmitOne(ctx, s.clients[sweden], api.Heads{}, []byte(bent))
	return s.refusedStep(err, problem.SignatureInvalid,
		"Somebody copied the envelope, gave it a new id and made it non-urgent. That header is not what Sweden signed. The refusal is a leaf of the log, and Sweden gets its proof.")
}

func (s *story) replayed(ctx context.Context) (step, error) {
	before := s.logHead()
	answer, err := gatewaytest.SubmitOne(ctx, s.clients[sweden], api.Heads{}, s.wires[sweden].envelope(s.request))
	if err != nil {
		return step{}, err
	}
	p, err := auditlog.ParseProof([]byte(answer.Acceptance))
	if err != nil {
		return step{}, err
	}
	if s.logHead().Size != before.Size || answer.End == nil {
		return step{}, errors.New("the repeat left a trace")
	}
	return step{ID: s.request.String(), What: fmt.Sprintf("The same bytes again get the first acceptance again, entry %d, and its end with it. "+
		"No second entry, no second message: a desk whose answer was lost may repeat for ever.", p.Entry.Record.Index)}, nil
}

func (s *story) stolen(ctx context.Context) (step, error) {
	_, err := gatewaytest.SubmitOne(ctx, s.clients[bureau], api.Heads{}, s.wires[sweden].envelope(s.request))
	return s.refusedStep(err, problem.CertificateWrong,
		"The bureau holds a copy of Sweden's envelope and hands it in as its own. A desk submits only what it signed itself.")
}

func (s *story) refusedStep(err error, want problem.Code, what string) (step, error) {
	p, ok := problem.Of(err)
	switch {
	case !ok:
		return step{}, fmt.Errorf("it was not refused: %v", err)
	case p.Code != want:
		return step{Problem: p.Code}, fmt.Errorf("refused with %s, the story says %s", p.Code, want)
	}
	return step{Problem: p.Code, What: what}, nil
}
