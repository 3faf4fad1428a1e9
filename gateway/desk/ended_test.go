package desk_test

import (
	"context"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Whoever waits for a message, at the desk or through its socket, gets it when it
// has ended, and as it stands when his time is over first. Of one that the desk
// did not send he hears at once.
func TestEnded(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t)) // Finland does not run yet
	c := client.New(s.desk("se.spoc"))
	waiters := map[string]func(context.Context, signed.ID) (*client.OutboxItem, error){}
	for name, service := range map[string]client.Service{"desk": se, "socket": c} {
		waiters[name] = func(ctx context.Context, id signed.ID) (*client.OutboxItem, error) {
			seen, err := service.Wait(ctx, client.Watch{Sent: id})
			if err != nil {
				return nil, err
			}
			return seen.Sent, nil
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, ended := range waiters {
		if o, err := ended(over, id); err != nil || o.State == "handed-over" {
			t.Errorf("%s: in no time %+v, %v", name, o, err)
		}
		if _, err := ended(t.Context(), signed.ID{1}); problem.CodeOf(err) != problem.UnknownMessage {
			t.Errorf("%s: of what was never sent: %v", name, err)
		}
	}
	type answer struct {
		name  string
		state client.State
		err   error
	}
	answers := make(chan answer, len(waiters))
	for name, ended := range waiters {
		go func() {
			o, err := ended(t.Context(), id)
			if err != nil {
				o = &client.OutboxItem{}
			}
			answers <- answer{name, o.State, err}
		}()
	}
	s.unlocked("fi.spoc")
	for range waiters {
		if a := <-answers; a.err != nil || a.state != "handed-over" {
			t.Errorf("%s: %q, %v", a.name, a.state, a.err)
		}
	}
	for name, ended := range waiters { // it has ended: nobody waits
		if o, err := ended(t.Context(), id); err != nil || o.State != "handed-over" {
			t.Errorf("%s: afterwards %+v, %v", name, o, err)
		}
	}
}
