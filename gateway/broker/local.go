package broker

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/local"
	"samband/gateway/signed"
	"samband/schema"
)

// ErrNotServed says that no process serves the broker: start samband-broker
// serve.
var ErrNotServed = local.ErrNotServed

// A Status is how a broker stands.
type Status struct {
	Exchange  signed.Hash `json:"exchange"`
	Name      string      `json:"name"`
	Desks     string      `json:"desks"`   // where they connect
	Metrics   string      `json:"metrics"` // where the operator asks
	Found     []string    `json:"found"`   // what the start met and settled
	Stopped   string      `json:"stopped,omitempty"`
	Waits     string      `json:"waits,omitempty"` // why it accepts nothing, where it goes on by itself
	Audit     signed.Head `json:"audit"`
	Register  signed.Head `json:"register"`
	Accepting bool        `json:"accepting"`
	Alarms    []Alarm     `json:"alarms,omitempty"` // that stand; why it stopped is no alarm of these
	Clock     ClockState  `json:"clock"`

	Lacks   []schema.BundleHash `json:"lacks,omitempty"`           // catalogue bundles that the register names
	Damaged []string            `json:"damaged_bundles,omitempty"` // the files of some of these, and what is wrong with them
}

// An Alarm stands until what raised it is settled, or an operator says that it is.
type Alarm struct {
	Kind   string         `json:"kind"`
	Desk   signed.Address `json:"desk,omitempty"` // who caused it
	Since  signed.Time    `json:"since"`
	Detail string         `json:"detail"`
}

// An Entered is what became of a register entry.
type Entered struct {
	Index int64  `json:"index"` // its place in the register
	Proof string `json:"proof"`
}

// Started tells how the broker stands, and what its start met.
func (b *Broker) Started() Status {
	s := Status{
		Exchange: b.keys.register.Exchange(), Name: b.keys.register.Federation().Name,
		Desks: b.Address(), Metrics: b.MetricsAddress(), Found: []string{},
		Accepting: b.accepting(context.Background()) == nil,
	}
	s.Lacks, s.Damaged = b.lacks()
	for _, a := range b.seq.Alarms() {
		s.Alarms = append(s.Alarms, Alarm{string(a.Kind), a.Desk, a.Since, a.Detail})
	}
	for _, f := range b.found {
		s.Found = append(s.Found, string(f))
	}
	if reason := b.seq.Stopped(); reason != nil {
		s.Stopped = reason.Error()
	}
	if err := b.accepting(context.Background()); err != nil && s.Stopped == "" {
		s.Waits = err.Error()
	}
	c := b.seq.Checkpoints()
	s.Clock = b.seq.Clock()
	s.Audit, s.Register = c.AuditHead, c.RegisterHead
	return s
}

// Enter brings a signed entry into the register. It may use the room that is
// left for ends: a key can be revoked while the store is nearly full.
func (b *Broker) Enter(ctx context.Context, note []byte) (*Entered, error) {
	if err := errors.Join(b.seq.Ready(), b.seq.Timed()); err != nil {
		return nil, err
	}
	done, err := b.seq.Do(ctx, sequencer.Entry{Note: note})
	if err != nil {
		return nil, err
	}
	b.grown()
	proof, err := prover.New(b.seq, api.Heads{}).Proof(ctx, done.Event)
	return &Entered{Index: done.Event.Leaf, Proof: proof}, err
}

// grown says that the register has a new entry: there may be a new desk, and whoever polls
// may hear of it.
func (b *Broker) grown() {
	b.expect()
	for _, desk := range b.view().Desks() {
		b.reader.Wake(desk.Address)
	}
}

// An enterCall brings one signed entry.
type enterCall struct {
	Note []byte `json:"note"`
}

// A settleCall names an alarm.
type settleCall struct {
	Kind string         `json:"kind"`
	Desk signed.Address `json:"desk,omitempty"`
}

// A Vouched is how the clock stands after the operator told the time.
type Vouched struct {
	ClockState
	Differs bool `json:"differs,omitempty"` // by more than a minute: the word changed nothing
}

// Vouch takes the operator's word that this machine's clock is right: what time it is
// by another clock. Zero only asks how the clock stands.
func (b *Broker) Vouch(says signed.Time) Vouched {
	differs := !says.IsZero() && !b.seq.Vouch(says)
	return Vouched{b.seq.Clock(), differs}
}

// A clockCall brings the operator's word.
type clockCall struct {
	Says signed.Time `json:"says,omitzero"`
}

// serveLocal answers the machine's own operator: whoever may write to the socket's
// file may enter what a party has signed, settle alarms, and say that the
// clock is right, and no more.
func (b *Broker) serveLocal(ctx context.Context) error {
	return local.Serve(ctx, b.local, local.Calls{
		"status": local.Answer(func(context.Context, struct{}) (Status, error) { return b.Started(), nil }),
		"clock":  local.Answer(func(_ context.Context, c clockCall) (Vouched, error) { return b.Vouch(c.Says), nil }),
		"enter":  local.Answer(func(ctx context.Context, c enterCall) (*Entered, error) { return b.Enter(ctx, c.Note) }),
		"settle": local.Answer(func(_ context.Context, c settleCall) (struct{}, error) {
			return struct{}{}, b.seq.Settle(c.Kind, c.Desk)
		}),
	})
}

// A Client asks the process that serves a broker's folder, through its socket.
type Client struct{ local *local.Client }

// NewClient makes a Client of a broker's folder. It connects at the first call.
func NewClient(dir string) (*Client, error) {
	s, err := ReadSettings(dir)
	if err != nil {
		return nil, err
	}
	return &Client{local.NewClient("broker", dir, s.socket())}, nil
}

// Enter brings a signed entry into the register. A refusal is a problem.
func (c *Client) Enter(ctx context.Context, note []byte) (*Entered, error) {
	return local.Ask[*Entered](ctx, c.local, "enter", enterCall{note})
}

// Clock tells how the broker's clock stands, and says before that what time it is by
// another clock; zero says nothing.
func (c *Client) Clock(ctx context.Context, says signed.Time) (*Vouched, error) {
	return local.Ask[*Vouched](ctx, c.local, "clock", clockCall{says})
}

// Status asks how the broker stands.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return local.Ask[*Status](ctx, c.local, "status", struct{}{})
}

// Settle ends an alarm by the operator's word; desk is who caused it, "" for nobody.
func (c *Client) Settle(ctx context.Context, kind string, desk signed.Address) error {
	_, err := local.Ask[struct{}](ctx, c.local, "settle", settleCall{kind, desk})
	return err
}
