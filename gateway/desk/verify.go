package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// Verify proves again what this desk has of one message, or of all for the zero
// Ref: it replays the register from its entries, checks the newest checkpoints,
// and of each event the proof, the record and the other desk's signature. What it shows of
// an event the proof's own record says. That the heads of older proofs are prefixes of the
// newest was proven when each was learned. Then it compares what this desk goes by with
// that: state, desks, id, sealed part, file key, answers and links; each row with its seal,
// and the desk's own log with its chain. A fault is of this desk's own disk: what it has
// was verified when it came. Faults are in the result; the error is another.
func (d *Desk) Verify(_ context.Context, message client.Ref) (*client.Verification, error) {
	if err := d.room.MendAll(); err != nil {
		return nil, err
	}
	// The events before the heads: while the desk runs, newer events come under
	// newer heads, and an event is checked under a head that reaches it.
	events, of, err := d.eventsOf(message)
	if err != nil {
		return nil, err
	}
	l, v, err := d.verifyLogs()
	if err != nil {
		return nil, err
	}
	if !message.ID.IsZero() {
		v.Envelope = of
	}
	messages := map[signed.Hash]bool{}
	for _, f := range events {
		messages[f.TextHash] = true
		r, err := d.verifyEvent(l, f)
		if err == nil {
			err = fits(f, r)
		}
		if err != nil {
			p := problemIn(err)
			if p == nil {
				return nil, err
			}
			addFault(v, own(err), string(f.Event)+" of message "+f.TextHash.String())
			continue
		}
		v.Proven++
		if !message.ID.IsZero() {
			v.Facts = append(v.Facts, client.Fact{
				Event: string(r.Kind), Time: r.Time, Index: r.Index, Register: r.RegisterSize, Code: r.Code, Note: f.Note, Proof: f.Proof,
			})
		}
	}
	v.Messages = len(messages)
	if err := d.verifyRows(v, message); err != nil {
		return nil, err
	}
	if err := d.verifyOwn(v, message); err != nil {
		return nil, err
	}
	return v, d.exhibit(v)
}

// own is a fault of this desk's own disk.
func own(err error) error {
	if problem.CodeOf(err) == problem.DeskDamaged {
		return err
	}
	return problem.New(problem.DeskDamaged, "what this desk had verified does not verify any more: %v", err)
}

// fits checks what stands beside a proof.
func fits(f store.ProvenEvent, r *auditlog.Record) error {
	if f.Event != r.Kind || f.Index != r.Index || f.Time != r.Time || f.Register != r.RegisterSize || f.Code != r.Code {
		return problem.New(problem.DeskDamaged, "beside the proof stands %s at %s, entry %d, and the record says %s at %s, entry %d",
			f.Event, f.Time, f.Index, r.Kind, r.Time, r.Index)
	}
	return nil
}

// verifyLogs replays the register and checks both newest checkpoints by it.
func (d *Desk) verifyLogs() (*verify.Logs, *client.Verification, error) {
	var entries [][]byte
	var heads [2]store.Head
	var seen []verify.Sighting
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		if entries, err = tx.Entries(); err != nil {
			return err
		}
		if seen, err = tx.Sightings(); err != nil {
			return err
		}
		for i, log := range []string{mail.AuditLog, mail.RegisterLog} {
			if heads[i], err = tx.Head(log); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	r, err := register.Replay(entries)
	if err != nil {
		return nil, nil, fmt.Errorf("replay the register: %w", err)
	}
	var audit signed.Head
	fed := r.Federation()
	v := &client.Verification{Exchange: fed.Name, Hash: r.Exchange(), Entries: r.Size()}
	v.Audit, v.Register = client.Head{Origin: fed.Audit.Name}, client.Head{Origin: fed.Register.Name}
	if heads[0].Size > 0 {
		audit, err = auditlog.VerifyCheckpoint(heads[0].Checkpoint, fed.Audit)
		if known := (signed.Head{Origin: fed.Audit.Name, Size: heads[0].Size, Root: heads[0].Root}); err == nil && audit != known {
			err = problem.New(problem.DeskDamaged, "size and root are not those of the signed checkpoint")
		}
		addFault(v, err, "the newest checkpoint of "+fed.Audit.Name)
		v.Audit.Size, v.Audit.Root, v.Audit.Verified = audit.Size, audit.Root, heads[0].Verified
	}
	if heads[1].Size > 0 {
		head, err := auditlog.VerifyCheckpoint(heads[1].Checkpoint, fed.Register)
		if err == nil && head != r.Head() {
			err = problem.New(problem.DeskDamaged, "the register's entries here do not give the root of its checkpoint: they are fetched again")
		}
		addFault(v, err, "the newest checkpoint of "+fed.Register.Name)
		v.Register.Size, v.Register.Root, v.Register.Verified = head.Size, head.Root, heads[1].Verified
	}
	return verify.New(r, audit, heads[0].Checkpoint, seen), v, nil
}

// addFault adds err to the faults, if it is a refusal.
func addFault(v *client.Verification, err error, subject string) {
	if p := problemIn(err); p != nil {
		v.Faults = append(v.Faults, client.Fault{Subject: subject, Problem: *p})
	}
}

// eventsOf reads the events of one message and its envelope, if that was not
// erased or hidden, or, for the zero Ref, the events of all messages.
func (d *Desk) eventsOf(message client.Ref) (events []store.ProvenEvent, envelope []byte, err error) {
	if message.ID.IsZero() {
		err = d.room.Store.View(func(tx *store.Tx) (err error) {
			events, err = tx.AllProven()
			return err
		})
		return events, nil, err
	}
	m, err := d.find(message)
	if err != nil {
		return nil, nil, err
	}
	err = d.room.Store.View(func(tx *store.Tx) (err error) {
		if envelope, err = envelopeShown(tx, m.Message); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		events, err = tx.ProvenOf(m.Message)
		return err
	})
	return events, envelope, err
}

// verifyEvent checks one event under the head that its own proof brought, and returns its
// record.
func (d *Desk) verifyEvent(l *verify.Logs, f store.ProvenEvent) (*auditlog.Record, error) {
	a, err := l.Under(f.Proof)
	if err != nil {
		return nil, err
	}
	if a.Audit().Size > l.Audit().Size {
		return nil, problem.New(problem.ProofInvalid, "the proof is of a log longer than the newest checkpoint")
	}
	var note []byte
	err = d.room.Store.View(func(tx *store.Tx) (err error) {
		note, err = tx.Note(f.TextHash)
		return err
	})
	if err != nil {
		return nil, err
	}
	e, err := mail.ParseNote(note)
	if err != nil {
		return nil, problem.New(problem.DeskDamaged, "%v", err)
	}
	if e.TextHash() != f.TextHash {
		return nil, problem.New(problem.DeskDamaged, "the header has another hash than its row")
	}
	var proven *verify.ProvenEvent
	switch f.Event {
	case envelope.Accepted:
		proven, err = a.Admit(e, "", f.Proof, nil)
	case envelope.Rejected:
		if e, err = d.whole(e, f.TextHash); err == nil {
			proven, err = a.Refusal(e, f.Proof)
		}
	default:
		proven, err = a.Event(&e.Header, f.TextHash, d.Address(), verify.Claim{Event: f.Event, Note: f.Note, Proof: f.Proof})
		if errors.Is(err, verify.ErrNoNote) {
			err = problem.New(problem.DeskDamaged, "the statement itself is gone")
		}
	}
	if err != nil {
		return nil, err
	}
	return proven.Record, nil
}

// whole is a message with its sealed part, where that is not erased: the log may have refused
// the very bytes.
func (d *Desk) whole(e *envelope.Envelope, text signed.Hash) (*envelope.Envelope, error) {
	err := d.room.Store.View(func(tx *store.Tx) error {
		b, err := tx.Envelope(text)
		if err == nil {
			e, err = envelope.Parse(b)
		}
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return e, nil
}

func (d *Desk) exhibit(v *client.Verification) error {
	return d.room.Store.View(func(tx *store.Tx) error {
		all, err := tx.Evidence()
		if err != nil {
			return err
		}
		for _, e := range all {
			x := client.Evidence{Seen: e.Seen, Signed: e.Signed, Subject: e.Subject, Problem: problem.DetailsOf(e.Code, e.Detail)}
			if err := json.Unmarshal(e.Bytes, &x.Exhibits); err != nil {
				return fmt.Errorf("read evidence about %s: %w", e.Subject, err)
			}
			v.Evidence = append(v.Evidence, x)
		}
		v.Breaches, err = breaches(tx)
		return err
	})
}

// breaches are what this desk has seen of each code.
func breaches(tx *store.Tx) (all []client.Breaches, err error) {
	seen, err := tx.Breaches()
	for _, b := range seen {
		all = append(all, client.Breaches{
			Problem: problem.DetailsOf(b.Code, ""), Pieces: b.Seen, Lost: b.Lost, Bytes: b.Bytes, Since: b.Since, Newest: b.New, Subject: b.Subject,
		})
	}
	return all, err
}
