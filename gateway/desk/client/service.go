package client

import (
	"context"

	"samband/gateway/signed"
	"samband/schema"
)

// A Service is what officers and case-management systems ask of a desk. A
// *desk.Desk answers itself; a *Client asks the process that serves one. Refusals
// wrap a *problem.Problem; its class says whether to try again.
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
	// Answer sends a reply to a received message, or a follow-up to a sent one.
	Answer(ctx context.Context, to Ref, draft Draft) (*Sending, error)
	// Withdraw takes a message back that nobody has consigned.
	Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error)
	// Outbox lists what the desk sends, the newest first.
	Outbox(ctx context.Context, q Query) ([]OutboxItem, error)
	// Inbox lists what the desk received, the newest first.
	Inbox(ctx context.Context, q Query) ([]InboxItem, error)
	// Conversations lists what the desk speaks of with others: first where it is its
	// turn, by the nearest deadline.
	Conversations(ctx context.Context, q Query) ([]Conversation, error)
	// Read opens one message, sent or received, with its attachments.
	Read(ctx context.Context, message Ref) (*Message, error)
	// Declare says how the desk reaches what a received request asks for.
	Declare(ctx context.Context, request Ref, access schema.Access) (*InboxItem, error)
	// Erase destroys the key of a message that has ended, or is hidden.
	Erase(ctx context.Context, message Ref) error
	// Erased lists what is hidden, the newest first: the desk erased it before it was put
	// back from a backup.
	Erased(ctx context.Context, q Query) ([]HiddenMessage, error)
	// Keep shows a hidden message again; the desk's log takes the reason.
	Keep(ctx context.Context, message Ref, reason string) error
	// ShowAnyway shows content although the desk could not read in the log what it
	// erased; the desk's log takes the reason.
	ShowAnyway(ctx context.Context, reason string) error
	// Lost lists the messages that the desk had and that its database lost, as the log
	// and the broker show them, the newest first.
	Lost(ctx context.Context, q Query) ([]LostMessage, error)
	// SettleLosses has what the database lost stand in the status no more; the desk's log
	// takes the reason.
	SettleLosses(ctx context.Context, reason string) error
	// Verify proves again what the desk has: of one message, or of all for the
	// zero Ref.
	Verify(ctx context.Context, message Ref) (*Verification, error)
	// Import takes a catalogue bundle that the register names, where the broker can't
	// give it; BUNDLE_INVALID for another.
	Import(ctx context.Context, bundle []byte) error
	// Enter hands in a register entry, whoever signed it, durably: the desk hands it in
	// until the register has it, or the log proves the refusal, which is the error. It
	// waits for that until ctx ends, and a minute at most: an entry without a place then
	// waits on.
	Enter(ctx context.Context, entry []byte) (*Entered, error)
	// Match tells what the desk found for a query, by the reference that its answer gave.
	Match(ctx context.Context, reference string) (*Match, error)
	// Log lists the desk's own log, the newest first.
	Log(ctx context.Context, q Query) ([]LogEntry, error)
	// Types lists the message types of the exchange's catalogue, the newest version of
	// each.
	Types(ctx context.Context) ([]Type, error)
	// Bundle is the catalogue bundle in which the desk has a type: schema.ReadBundle
	// reads it.
	Bundle(ctx context.Context, typ signed.Hash) ([]byte, error)
	// Wait returns once what is watched for has happened, or when ctx ends, which
	// is no error.
	Wait(ctx context.Context, w Watch) (*Seen, error)
}

// Await looks at a desk now and after each change, until done is true or ctx ends,
// whose error it then returns.
func Await(ctx context.Context, s Service, done func() (bool, error)) error {
	for w := (Watch{}); ; {
		seen, err := s.Wait(ctx, w)
		if err != nil {
			return err
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.After = seen.Changes
	}
}
