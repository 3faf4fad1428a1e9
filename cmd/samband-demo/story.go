package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// The desks of the story.
const (
	sweden  signed.Address = "se.spoc"
	finland signed.Address = "fi.spoc"
	bureau  signed.Address = "icpb.command"
	ankara  signed.Address = "no.liaison-ankara"
)

// A story is one case, told step by step. It keeps what later steps need of earlier
// ones.
type story struct {
	*recordedExchange
	request, clarify, inquiry signed.ID
	sum                       summary
}

// A step is one step of a story: its name in the output, and what it does.
type step struct {
	name string
	run  func(*story, context.Context) (stepResult, error)
}

// The steps of the story, in their order.
var steps = []step{
	{"an exchange is founded", (*story).founded},
	{"Sweden asks who would receive it", (*story).explain},
	{"an urgent request, with a photograph", (*story).sendRequest},
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

// run runs the steps and prints each result. It stops at the first step that does not
// go as the story says, and prints that one too.
func (s *story) run(ctx context.Context, p *printer, steps []step) error {
	for _, step := range steps {
		result, err := step.run(s, ctx)
		if ctx.Err() != nil {
			return ctx.Err() // who interrupts the story knows why it ends
		}
		if refusal, refused := problem.Of(err); refused {
			result.Problem = refusal.Code
		}
		if result.Problem != "" {
			s.sum.Refused++
		}
		if err != nil {
			return s.reportFailure(ctx, p, step.name, result, err)
		}
		result.Step, result.OK = step.name, true
		if err := p.printStep(result); err != nil {
			return err
		}
	}
	s.sum.OK, s.sum.What = true, "The story is told."
	return p.printSummary(s.sum)
}

// reportFailure prints the step that failed, and the summary of what was reached. The
// log is verified all the same: after a failure people want to know whether it is
// intact.
func (s *story) reportFailure(ctx context.Context, p *printer, name string, result stepResult, err error) error {
	result.Step, result.What = name, err.Error()
	s.sum.What = "The story broke off."
	if s.recordedExchange != nil && s.sum.LogSize == 0 {
		if _, failed := s.verified(ctx); failed != nil {
			s.sum.What += " " + failed.Error()
		}
	}
	return errors.Join(fmt.Errorf("%s: %v", name, err), p.printStep(result), p.printSummary(s.sum))
}

func (s *story) founded(context.Context) (stepResult, error) {
	v, err := s.Register()
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{What: fmt.Sprintf("Sweden and Finland signed the federation file of %s together; its fingerprint %s is the exchange. "+
		"%d parties, %d desks and %d agreements stand in the register, each signed by the one whose word it is. Every desk replays it and believes nobody.",
		v.Federation().Name, v.Exchange(), len(v.Now().Parties()), len(v.Now().Desks()), len(v.Now().Agreements()))}, nil
}

func (s *story) explain(ctx context.Context) (stepResult, error) {
	draft, err := requestDraft(finland, bureau, ankara)
	if err != nil {
		return stepResult{}, err
	}
	x, err := s.Desks[sweden].Explain(ctx, draft)
	if err != nil {
		return stepResult{}, err
	}
	if x.Problem != nil {
		return stepResult{}, fmt.Errorf("the draft itself: %s: %s", x.Problem.Code, x.Problem.Detail)
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
		return stepResult{}, fmt.Errorf("the explanation is not what the agreements say: %s", strings.Join(lines, " "))
	}
	return stepResult{What: "Nothing is sent yet. " + strings.Join(lines, " ")}, nil
}

func (s *story) sendRequest(ctx context.Context) (stepResult, error) {
	draft, err := requestDraft(finland)
	if err != nil {
		return stepResult{}, err
	}
	s.request, err = s.send(ctx, sweden, draft)
	if err != nil {
		return stepResult{}, err
	}
	s.sum.Sent++
	item, err := s.awaitOutbox(ctx, sweden, s.request, func(o client.OutboxItem) bool { return !o.Accepted.IsZero() })
	if err != nil {
		return stepResult{}, err
	}
	if err := s.saveSample(s.request); err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: s.request.String(), What: fmt.Sprintf("Sealed to Finland's key alone, signed twice (Ed25519 and ML-DSA-65), "+
		"accepted at %s. Sweden holds the proof: the log has this very text under a checkpoint that the log's key signed.", item.Accepted)}, nil
}

func (s *story) handOver(ctx context.Context) (stepResult, error) {
	if _, err := s.awaitHandover(ctx, finland, s.request); err != nil {
		return stepResult{}, err
	}
	m, err := s.Desks[finland].Read(ctx, client.Ref{ID: s.request})
	if err != nil {
		return stepResult{}, err
	}
	if len(m.Attachments) != 1 || m.Deadline == nil {
		return stepResult{}, errors.New("the photograph or the clock is missing")
	}
	item, err := s.awaitEnd(ctx, sweden, s.request)
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: s.request.String(), What: fmt.Sprintf("Finland checked the proof of acceptance and every signature itself, "+
		"opened the message, kept it and said so: handed over at %s, and the %s clock runs, due %s. It is %q with %s of %d bytes. "+
		"Sweden has Finland's own signature of that.",
		item.Ended, m.Deadline.Class, m.Deadline.Due, m.Summary.Subject, m.Attachments[0].Name, m.Attachments[0].Bytes)}, nil
}

func (s *story) pause(ctx context.Context) (_ stepResult, err error) {
	var d *client.Deadline
	s.clarify, d, err = s.answerUntil(ctx, finland, s.request, "02-clarify.json",
		finland, func(d *client.Deadline) bool { return d.Paused })
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: s.clarify.String(), What: fmt.Sprintf("The question is logged, so both desks see the same pause; were it answered now, the request would be due %s.", d.Due)}, nil
}

func (s *story) resume(ctx context.Context) (stepResult, error) {
	id, d, err := s.answerUntil(ctx, sweden, s.clarify, "03-clarification.json",
		finland, func(d *client.Deadline) bool { return !d.Paused })
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: id.String(), What: fmt.Sprintf("Accepted and handed over. Due %s, by logged time, on both sides alike.", d.Due)}, nil
}

func (s *story) reply(ctx context.Context) (stepResult, error) {
	id, d, err := s.answerUntil(ctx, finland, s.request, "04-answer.json",
		sweden, func(d *client.Deadline) bool { return !d.Answered.IsZero() })
	if err != nil {
		return stepResult{}, err
	}
	m, err := s.Desks[sweden].Read(ctx, client.Ref{ID: id})
	if err != nil {
		return stepResult{}, err
	}
	found, err := described(m)
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: id.String(), What: fmt.Sprintf("%s; valid by the schema on both sides. "+
		"Answered at %s, on time: %v.", found, d.Answered, d.OnTime)}, nil
}

// described says how many persons and things a message describes, by the labels of the
// lists that they stand in.
func described(m *client.Message) (string, error) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(m.Body, &body); err != nil {
		return "", err
	}
	types := schema.Embedded().Types()
	n := slices.IndexFunc(types, func(t *schema.Type) bool { return t.Name == m.Type })
	if n < 0 {
		return "", fmt.Errorf("this program lacks the type %s", m.Type)
	}
	var counts []string
	for _, f := range types[n].Shape.Fields {
		if f.Items == nil || f.Items.Subject == "" || body[f.Name] == nil {
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(body[f.Name], &list); err != nil {
			return "", err
		}
		counts = append(counts, fmt.Sprintf("%s: %d", types[n].FieldLabel(f.Shape, schema.Languages[0]).Label, len(list)))
	}
	return strings.Join(counts, ", "), nil
}

func (s *story) inquire(ctx context.Context) (stepResult, error) {
	draft, err := caseDraft("05-info-request.fr.json", ankara)
	if err != nil {
		return stepResult{}, err
	}
	if s.inquiry, err = s.send(ctx, bureau, draft); err != nil {
		return stepResult{}, err
	}
	s.sum.Sent++
	if _, err := s.awaitHandover(ctx, ankara, s.inquiry); err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: s.inquiry.String(), What: "A Norwegian officer posted abroad is a desk of a party of its own, under an agreement of its own; neither Sweden nor Finland learns that this was asked."}, nil
}

func (s *story) decline(ctx context.Context) (stepResult, error) {
	id, err := s.answerWith(ctx, ankara, s.inquiry, "06-refusal.fr.json")
	if err != nil {
		return stepResult{}, err
	}
	m, err := s.Desks[bureau].Read(ctx, client.Ref{ID: id})
	if err != nil {
		return stepResult{}, err
	}
	return stepResult{ID: id.String(), What: fmt.Sprintf("A refusal is an answer too: its ground is a code of the law, its reasons are sealed. %q. The bureau's clock has stopped.", m.Summary.Subject)}, nil
}

func (s *story) forbidden(ctx context.Context) (stepResult, error) {
	draft, err := caseDraft("08-reminder.json", ankara)
	if err != nil {
		return stepResult{}, err
	}
	_, err = s.Desks[sweden].Send(ctx, draft)
	return s.refusedStep(err, problem.NoAgreement,
		"Sweden and Norway have none with each other. Nothing was sealed and nothing left the desk; a broker that is handed such a text says the same.")
}

func (s *story) tampered(ctx context.Context) (stepResult, error) {
	altered := strings.Replace(string(s.recorders[sweden].envelope(s.request)), "\nurgency urgent\n", "\nurgency non-urgent\n", 1)
	altered = strings.Replace(altered, s.request.String(), signed.NewID().String(), 1)
	_, err := gatewaytest.SubmitOne(ctx, s.clients[sweden], api.Heads{}, []byte(altered))
	return s.refusedStep(err, problem.SignatureInvalid,
		"Somebody copied the envelope, gave it a new id and made it non-urgent. That header is not what Sweden signed. The refusal is a leaf of the log, and Sweden gets its proof.")
}

func (s *story) replayed(ctx context.Context) (stepResult, error) {
	before := s.logHead()
	answer, err := gatewaytest.SubmitOne(ctx, s.clients[sweden], api.Heads{}, s.recorders[sweden].envelope(s.request))
	if err != nil {
		return stepResult{}, err
	}
	p, err := auditlog.ParseProof([]byte(answer.Acceptance))
	if err != nil {
		return stepResult{}, err
	}
	if s.logHead().Size != before.Size || answer.End == nil {
		return stepResult{}, errors.New("the repeat left a trace")
	}
	return stepResult{ID: s.request.String(), What: fmt.Sprintf("The same bytes again get the first acceptance again, entry %d, and its end with it. "+
		"No second entry, no second message: a desk whose answer was lost may repeat for ever.", p.Entry.Record.Index)}, nil
}

func (s *story) stolen(ctx context.Context) (stepResult, error) {
	_, err := gatewaytest.SubmitOne(ctx, s.clients[bureau], api.Heads{}, s.recorders[sweden].envelope(s.request))
	return s.refusedStep(err, problem.CertificateWrong,
		"The bureau holds a copy of Sweden's envelope and hands it in as its own. A desk submits only what it signed itself.")
}

func (s *story) refusedStep(err error, want problem.Code, what string) (stepResult, error) {
	p, ok := problem.Of(err)
	switch {
	case !ok:
		return stepResult{}, fmt.Errorf("it was not refused: %v", err)
	case p.Code != want:
		return stepResult{Problem: p.Code}, fmt.Errorf("refused with %s, the story says %s", p.Code, want)
	}
	return stepResult{Problem: p.Code, What: what}, nil
}
