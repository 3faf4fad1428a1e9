package desk

import (
	"context"

	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A Service is what officers and case-management systems ask of a desk. A *Desk
// answers itself; a *Client asks the process that serves one. Refusals wrap a
// *problem.Problem; its class says whether to try again.
//
// A sender chooses its messages' ids. Where from may be given, it says whose
// message is meant, this desk's own address for one that it sent; without it, an
// id that stands for messages of several desks is UNKNOWN_MESSAGE.
type Service interface {
	// Status tells how the desk stands.
	Status(ctx context.Context) (*Status, error)
	// Unlock opens the locked ring; a wrong passphrase is DESK_LOCKED.
	Unlock(ctx context.Context, passphrase []byte) error
	// Lock forgets the locked ring.
	Lock(ctx context.Context) error
	// Explain tells who would get a draft and what blocks it; nothing is sent.
	Explain(ctx context.Context, draft Draft) (*Explanation, error)
	// Send seals a draft and queues it, durably.
	Send(ctx context.Context, draft Draft) (*Sending, error)
	// Answer sends a reply to a received message.
	Answer(ctx context.Context, id signed.ID, draft Draft, from ...signed.Address) (*Sending, error)
	// Withdraw takes a message back that nobody has consigned.
	Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error)
	// Outbox lists what the desk sends, the newest first.
	Outbox(ctx context.Context, q Query) ([]OutboxItem, error)
	// Inbox lists what the desk received, the newest first.
	Inbox(ctx context.Context, q Query) ([]InboxItem, error)
	// Read opens one message, sent or received, with its attachments.
	Read(ctx context.Context, id signed.ID, from ...signed.Address) (*Message, error)
	// Declare says how the desk reaches what a received request asks for.
	Declare(ctx context.Context, id signed.ID, access schema.Access, from ...signed.Address) (*InboxItem, error)
	// Erase destroys the key of a message that has ended.
	Erase(ctx context.Context, id signed.ID, from ...signed.Address) error
	// Verify proves again what the desk holds: of one message, or of all.
	Verify(ctx context.Context, id signed.ID, from ...signed.Address) (*Verification, error)
	// Log lists the desk's own log, the newest first.
	Log(ctx context.Context, q Query) ([]LogEntry, error)
	// Ended returns a message that the desk sent once it has ended, or as it stands
	// when ctx ends.
	Ended(ctx context.Context, id signed.ID) (*OutboxItem, error)
	// Wait returns once the number of changes is not after, or when ctx ends.
	Wait(ctx context.Context, after int64) (int64, error)
}

var (
	_ Service = (*Desk)(nil)
	_ Service = (*Client)(nil)
)

// A Status is how a desk stands.
type Status struct {
	Desk       signed.Address `json:"desk"`
	Exchange   string         `json:"exchange"`
	Hash       signed.Hash    `json:"hash"`
	Broker     string         `json:"broker"`
	Locked     bool           `json:"locked"`
	Reachable  bool           `json:"broker_reachable"`
	Registered bool           `json:"registered"` // the register knows this desk by the keys it has
	Register   int64          `json:"register"`   // entries known
	Audit      int64          `json:"audit"`      // entries of the audit log known
	Evidence   int            `json:"evidence"`   // breaches by the broker
	Changes    int64          `json:"changes"`    // for Wait
}

// Status tells how the desk stands.
func (d *Desk) Status(context.Context) (*Status, error) {
	l := d.room.Logs()
	n, _ := d.room.Changed()
	var evidence map[problem.Code]int
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		evidence, err = tx.CountEvidence()
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &Status{
		Desk: d.Address(), Exchange: l.Register().Federation().Name, Hash: l.Register().Exchange(),
		Broker: d.settings.Broker, Locked: d.Locked(), Reachable: d.room.Reachable(),
		Registered: d.registered() == nil, Register: l.Register().Size(), Audit: l.Audit().Size, Changes: n,
	}
	for _, count := range evidence {
		s.Evidence += count
	}
	return s, nil
}
