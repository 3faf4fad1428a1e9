// Package api is the contract between a desk and the broker: the calls of [Routes] over
// HTTP/2 and mutual TLS 1.3.
//
// A desk submits envelopes and statements, and follows two feeds: its inbox
// (what was sent to it and waits for its word) and its progress (what became of what
// it sent, and what was said in its name). [Client] makes the calls, and a broker serves
// the same ones as a [Service]:
//
//	broker, err := api.New(api.Config{URL: "https://broker.nordic.example", TLS: conf})
//	answer, err := broker.Submit(ctx, api.Heads{Audit: 4711, Register: 123}, [][]byte{first, second})
//	if p, refused := problem.Of(err); refused {
//		// of the whole call: nothing is known of any item
//	}
//	for i := range answer.Items {
//		if p, refused := problem.Of(answer.Items[i].Refusal()); refused {
//			// p.Class() says: send the same bytes again, seal anew, or stop
//		}
//		// answer.Items[i].Acceptance is a proof; answer.Catchup leads from leaf 4711 to it
//	}
//
// On the wire this is
//
//	POST /v1/envelopes HTTP/2
//	Content-Type: application/vnd.samband.envelopes
//	Samband-Audit: 4711
//	Samband-Register: 123
//	Samband-Clock: 2026-11-23T03:12:00Z
//
// and a sequence: each envelope behind its length ([AppendItem], [CutSequence]).
// The items of the answer stand in the same order, each with the hash of the bytes
// that it is about. The broker orders them in that order, but one that is refused
// keeps no other waiting.
//
// A caller names in the first two headers how far it has verified each log; an
// answer that bears proofs brings a [Catchup] from there. The third is the time by its
// own clock; an answer has the log's in a header of that name. Proofs and
// checkpoints are opaque texts here, which auditlog reads and verifies.
//
// Progress is resumed by a [Cursor] that the caller stores together with what came
// before it. To ask with one says nothing of what the caller has: after a power cut it
// may ask again with an earlier one. The inbox has none: it lists what the caller has
// said nothing of, but for what it names as [Held].
//
// A refusal is a [Refusal]: a problem of the closed list, carried as a problem
// document of RFC 9457. SPEC §11 says every byte, and openapi.json beside this
// file says it for tools.
package api

import (
	"context"
	_ "embed"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// OpenAPI is the contract as an OpenAPI 3.1 document, in JSON.
//
//go:embed openapi.json
var OpenAPI []byte

// Bounds (SPEC §11.2). The longest answer of all is to 256 items that are known and
// have ended: each has three proofs of at most 8 KiB (64 hashes, a record and a
// checkpoint, none of which comes to 2 KiB), and two notes of at most 4 KiB, as
// only those that verified are shown, with a consistency proof of 3 KiB each. That
// is 10 MiB in all, so every sequence that is taken is answered within MaxAnswer.
const (
	MaxEnvelope   = envelope.MaxEnvelope // bytes of a submitted envelope
	MaxStatement  = 64 << 10             // bytes of a submitted consignment or statement
	maxWant       = 1 << 10              // bytes of a want
	maxRing       = 1 << 10              // bytes of a ring that is shown
	MaxCheckpoint = 16 << 10             // bytes of a checkpoint that is shown
	MaxAnswer     = 32 << 20             // bytes of any answer
	MaxPage       = 8 << 20              // bytes of envelopes, events or entries in an answer, beyond the first
	MaxSmall      = 32 << 10             // bytes of an envelope that counts as small
	MaxCatchup    = 64 << 10             // bytes of register entries beside an answer that is no page, beyond the first
	MaxLimit      = 100                  // items of a feed's answer
	DefaultLimit  = 20                   // items for a caller that names no limit
	MaxEntries    = 1000                 // register entries of an answer
	MaxWait       = 55 * time.Second     // of a long poll
)

// Names of the request headers: two say how far the caller has verified. The third
// tells the time by the caller's clock, and in an answer that of the log.
const (
	AuditHeader    = "Samband-Audit"
	RegisterHeader = "Samband-Register"
	ClockHeader    = "Samband-Clock"
)

// Media types.
const (
	EnvelopesType  = "application/vnd.samband.envelopes"  // a sequence
	StatementsType = "application/vnd.samband.statements" // a sequence
	checkpointType = "application/vnd.samband.checkpoint"
	ringType       = "application/vnd.samband.connection"
	entryType      = "application/vnd.samband.entry"
	JSONType       = "application/json"
	ProblemType    = "application/problem+json"
)

// Heads are the sizes of the two logs that a caller has verified; zero for a
// caller that knows nothing yet.
type Heads struct{ Audit, Register int64 }

// A Service is the broker's side of the contract. Each method takes the caller
// as the key of its connection names it and returns an answer, a *Refusal, another error
// that wraps a *problem.Problem, or a fault, which callers see as INTERNAL.
// All methods may be called at once.
type Service interface {
	// Submit takes in envelopes, in their order. A repeat of a known message gets
	// the first acceptance again and what is known of it since. A final refusal is
	// logged if the caller's budget has one left, and is BUDGET_EXHAUSTED otherwise:
	// what may pass waits for no budget.
	// The envelopes are not used any more after it has returned.
	Submit(ctx context.Context, caller signed.Address, heads Heads, envelopes [][]byte) (*SubmitAnswer, error)

	// State takes in consignments and statements, in their order: complete notes. An
	// identical repeat gets the first proof again; if a message has another end,
	// or is consigned, the refusal shows it. Budgets and notes as in Submit.
	State(ctx context.Context, caller signed.Address, heads Heads, notes [][]byte) (*StateAnswer, error)

	// Inbox lists what is addressed to the caller and it has neither consigned nor
	// ended, but for what it holds, and what it wanted again: parties in turn, each
	// one's urgent first. With nothing to list it waits up to ask.Wait.
	Inbox(ctx context.Context, caller signed.Address, heads Heads, ask Ask) (*InboxAnswer, error)

	// Progress lists what became of the caller's messages, and what was said in its
	// name, in the order of the log. With nothing to list it waits up to page.Wait.
	Progress(ctx context.Context, caller signed.Address, heads Heads, page Page) (*ProgressAnswer, error)

	// Want asks for the bytes of a message to the caller that the broker lost
	// before it consigned them, or the caller after.
	Want(ctx context.Context, caller signed.Address, heads Heads, want Want) error

	// Show takes a checkpoint of either log that the caller verified. One that
	// the logs' keys signed and that the logs do not reach or contradict proves a
	// loss: the broker stops, and its operator learns why.
	Show(ctx context.Context, caller signed.Address, checkpoint []byte) error

	// Ring checks a note by which the caller shows its locked ring on the connection
	// of this exporter (SPEC §11.6). It is asked again when the register has grown.
	Ring(ctx context.Context, caller signed.Address, exporter signed.Hash, note []byte) error

	// Enter brings a register entry into the register, whoever signed it. One that is there
	// already gets its place again. A final refusal is logged, from the caller's budget; what
	// enters counts against the party that signed it.
	Enter(ctx context.Context, caller signed.Address, heads Heads, entry []byte) (*EnterAnswer, error)

	// Register lists at most limit entries of the register, of at most so many bytes or
	// one, from an index on.
	Register(ctx context.Context, caller signed.Address, heads Heads, from int64, limit, bytes int) (*RegisterAnswer, error)

	// Consistency proves that the audit log of size to extends that of size from,
	// which is not larger.
	Consistency(ctx context.Context, caller signed.Address, from, to int64) (*ConsistencyAnswer, error)

	// Catalogue gives a catalogue bundle.
	Catalogue(ctx context.Context, caller signed.Address, hash schema.BundleHash) (Bundle, error)
}
