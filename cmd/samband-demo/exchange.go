package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/durable"
	"samband/gateway/gatewaytest"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// patience bounds each wait of the story.
const patience = time.Minute

// A recordedExchange is the exchange while it runs, with a recorder between each desk
// and the broker.
type recordedExchange struct {
	*gatewaytest.Running
	recorders map[signed.Address]*recorder
	clients   map[signed.Address]*api.Client
}

// A recorder is a desk's connection to the broker that keeps each envelope sent over it.
type recorder struct {
	desk.Broker
	mu        sync.Mutex
	envelopes map[signed.ID][]byte
}

func (r *recorder) Submit(ctx context.Context, heads api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	for _, b := range envelopes {
		if id, ok := gatewaytest.IDOf(b); ok {
			r.mu.Lock()
			r.envelopes[id] = b
			r.mu.Unlock()
		}
	}
	return r.Broker.Submit(ctx, heads, envelopes)
}

func (r *recorder) envelope(id signed.ID) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.envelopes[id]
}

// startExchange starts broker and desks in this process, over the real edge on loopback.
func startExchange(ctx context.Context, x *gatewaytest.Exchange) (*recordedExchange, error) {
	s := &recordedExchange{recorders: map[signed.Address]*recorder{}, clients: map[signed.Address]*api.Client{}}
	running, err := x.Start(ctx, func(d signed.Address, c *api.Client) desk.Broker {
		s.clients[d] = c
		s.recorders[d] = &recorder{Broker: c, envelopes: map[signed.ID][]byte{}}
		return s.recorders[d]
	})
	if err != nil {
		return nil, err
	}
	s.Running = running
	return s, nil
}

// Register replays the entries that the exchange was made with.
func (s *recordedExchange) Register() (*register.Register, error) {
	return register.Replay(append([][]byte{s.Federation()}, s.Entries...))
}

func caseFile(name string) ([]byte, error) { return schema.Samples.ReadFile("testdata/case/" + name) }

// caseDraft is a body of the case. Its file is named by its place in the case and its
// type: 01-info-request.json.
func caseDraft(file string, to ...signed.Address) (client.Draft, error) {
	body, err := caseFile(file)
	_, name, _ := strings.Cut(file, "-")
	name, _, _ = strings.Cut(name, ".")
	return client.Draft{To: to, Type: strings.ToUpper(strings.ReplaceAll(name, "-", "_")), Body: body}, err
}

// requestDraft is the case's first message, with its photograph.
func requestDraft(to ...signed.Address) (client.Draft, error) {
	draft, err := caseDraft("01-info-request.json", to...)
	if err != nil {
		return draft, err
	}
	draft.Urgent = true
	photo, err := caseFile("photo.jpg")
	draft.Attachments = []client.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: photo}}
	return draft, err
}

// send sends a draft to its one recipient and returns the message's id.
func (s *recordedExchange) send(ctx context.Context, from signed.Address, draft client.Draft) (signed.ID, error) {
	return onlyID(s.Desks[from].Send(ctx, draft))
}

// onlyID is the id of the one message of a sending.
func onlyID(sending *client.Sending, err error) (signed.ID, error) {
	if err != nil {
		return signed.ID{}, err
	}
	if len(sending.Blocked) > 0 {
		return signed.ID{}, fmt.Errorf("blocked: %s", sending.Blocked[0].Problem.Code)
	}
	return sending.Messages[0].ID, nil
}

// answerWith answers a received message with a sample and waits until the other
// desk has it in its officers' view.
func (s *story) answerWith(ctx context.Context, from signed.Address, id signed.ID, file string) (signed.ID, error) {
	draft, err := caseDraft(file)
	if err != nil {
		return signed.ID{}, err
	}
	reply, err := onlyID(s.Desks[from].Answer(ctx, client.Ref{ID: id}, draft))
	if err != nil {
		return signed.ID{}, err
	}
	s.sum.Sent++
	item, err := s.awaitEnd(ctx, from, reply)
	if err != nil {
		return signed.ID{}, err
	}
	_, err = s.awaitHandover(ctx, item.To, reply)
	return reply, err
}

// answerUntil is answerWith, and waits until the clock of the request is as wanted, at
// either desk.
func (s *story) answerUntil(ctx context.Context, from signed.Address, id signed.ID, file string,
	at signed.Address, wanted func(*client.Deadline) bool) (reply signed.ID, found *client.Deadline, err error) {
	if reply, err = s.answerWith(ctx, from, id, file); err != nil {
		return reply, nil, err
	}
	d := s.Desks[at]
	err = gatewaytest.Await(ctx, d, patience, func() (bool, error) {
		m, err := d.Read(ctx, client.Ref{ID: s.request})
		if err != nil {
			return false, err
		}
		if m.Deadline == nil {
			return false, errors.New("no clock runs")
		}
		found = m.Deadline
		return wanted(found), nil
	})
	return reply, found, err
}

// awaitOutbox waits until an item of a desk's outbox is as wanted.
func (s *recordedExchange) awaitOutbox(ctx context.Context, at signed.Address, id signed.ID, wanted func(client.OutboxItem) bool) (found client.OutboxItem, err error) {
	d := s.Desks[at]
	err = gatewaytest.Await(ctx, d, patience, func() (bool, error) {
		items, err := d.Outbox(ctx, client.Query{ID: id})
		if err != nil {
			return false, err
		}
		found = items[0]
		if found.Problem != nil && !found.Ended.IsZero() {
			return false, fmt.Errorf("message %s: %s", id, found.Problem.Code)
		}
		return wanted(found), nil
	})
	return found, err
}

// awaitEnd waits for the proven end of a sent message.
func (s *recordedExchange) awaitEnd(ctx context.Context, at signed.Address, id signed.ID) (client.OutboxItem, error) {
	return s.awaitOutbox(ctx, at, id, func(o client.OutboxItem) bool { return !o.Ended.IsZero() })
}

// awaitHandover waits until a message is in the officers' view and proven so.
func (s *story) awaitHandover(ctx context.Context, at signed.Address, id signed.ID) (found client.InboxItem, err error) {
	d := s.Desks[at]
	err = gatewaytest.Await(ctx, d, patience, func() (bool, error) {
		items, err := d.Inbox(ctx, client.Query{Limit: 1000})
		if err != nil {
			return false, err
		}
		for _, i := range items {
			if i.ID == id {
				found = i
				return !i.Ended.IsZero(), nil
			}
		}
		return false, nil
	})
	if err == nil {
		s.sum.HandedOver++
	}
	return found, err
}

// saveSample writes an envelope, as it was sent, to a file that people can look at.
func (s *recordedExchange) saveSample(id signed.ID) error {
	return writeFile(filepath.Join(s.Dir, "sample", "envelope"), s.recorders[sweden].envelope(id), 0o644)
}

// writeFile writes a file for people to look at or to use.
func writeFile(path string, b []byte, mode os.FileMode) error {
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	return durable.Replace(path, b, mode)
}
