package gatewaytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

// A KeyedDesk is a desk without a program: it has all its keys in the open, so a test
// can say with them whatever a desk would never say. It is a true desk to
// everyone else: its keys stand in the register.
type KeyedDesk struct {
	Address     signed.Address
	Exchange    signed.Hash
	Zone        register.Zone
	Message     []*signed.PrivateKey // Ed25519, ML-DSA-65
	Consignment []*signed.PrivateKey
	Identity    string // opens
	Recipient   string // is sealed to
	TLS         *ecdsa.PrivateKey
}

// NewKeyedDesk makes the keys of a desk, whose zone is UTC.
func NewKeyedDesk(exchange signed.Hash, address signed.Address) (*KeyedDesk, error) {
	h := &KeyedDesk{Address: address, Exchange: exchange, Zone: utc}
	var errs [4]error
	h.Message, errs[0] = signed.GenerateKeys(string(address), signed.UseMessage)
	h.Consignment, errs[1] = signed.GenerateKeys(string(address), signed.UseConsignment)
	h.Identity, h.Recipient, errs[2] = seal.NewOpeningKey()
	h.TLS, errs[3] = certs.NewKey()
	return h, errors.Join(errs[:]...)
}

// Request is the desk's card for its party.
func (h *KeyedDesk) Request() ([]byte, error) {
	return register.SignRequest(&register.Request{
		Exchange: h.Exchange,
		Address:  h.Address,
		Zone:     h.Zone,
		DeskKeys: register.DeskKeys{
			Message:     signed.PublicKeys(h.Message),
			Consignment: signed.PublicKeys(h.Consignment),
			Opening:     h.Recipient,
			Versions:    []int64{1},
		},
	}, h.TLS, slices.Concat(h.Message, h.Consignment)...)
}

// Certificate is what the desk shows.
func (h *KeyedDesk) Certificate() (*tls.Certificate, error) {
	return certs.Own(h.TLS, string(h.Address), certs.Client)
}

// TLSConfig is the desk's side of a connection to the broker that the federation file
// names.
func (h *KeyedDesk) TLSConfig(fed *register.Federation) *tls.Config {
	return certs.ClientConfig(func(key signed.Hash) error {
		if !fed.Has(key) {
			return errors.New("the peer has none of the broker's TLS keys")
		}
		return nil
	}, h.Certificate)
}

// Client speaks to the broker that the federation file names, as the desk.
func (h *KeyedDesk) Client(url string, fed *register.Federation) (*api.Client, error) {
	return api.New(api.Config{URL: url, TLS: h.TLSConfig(fed)})
}

// Header begins a header that may pass under the first agreement in force
// between the two parties: a test changes it from there. audit is the audit log's
// head as the desk claims to have verified it.
func (h *KeyedDesk) Header(v register.View, audit signed.Head, to signed.Address, typ string, now time.Time) (*envelope.Header, error) {
	ref, ok := v.Type(typ)
	if !ok {
		return nil, fmt.Errorf("the catalogue has no type %s", typ)
	}
	desk, ok := v.Desk(to)
	if !ok {
		return nil, fmt.Errorf("%s is no desk in the register", to)
	}
	at := signed.At(now)
	header := &envelope.Header{
		Exchange: h.Exchange, ID: signed.NewID(), Type: ref,
		From: h.Address, To: to, ToKey: desk.OpeningID(),
		Conversation: signed.NewID(),
		Created:      at, Expires: at.Add(7 * 24 * time.Hour),
		Urgency: envelope.NonUrgent, Classification: envelope.Unclassified,
		AsOfAudit: audit, AsOfRegister: v.Head(),
	}
	if as := v.AgreementsBetween(h.Address.Party(), to.Party(), at); len(as) > 0 {
		header.Agreement = as[0].Hash()
	}
	return header, nil
}

// Seal seals a body to the recipient that the header names and signs.
func (h *KeyedDesk) Seal(v register.View, header *envelope.Header, body []byte) (*envelope.Envelope, error) {
	desk, ok := v.Desk(header.To)
	if !ok {
		return nil, fmt.Errorf("%s is no desk in the register", header.To)
	}
	content := &seal.Content{Body: body}
	if t, ok := schema.Embedded().FindHash(header.Type.Hash); ok {
		if b, err := t.Read(body); err == nil {
			content.Statistics = b.Statistics
		}
	}
	sealed, _, err := seal.Seal(header, content, desk.Opening)
	if err != nil {
		return nil, err
	}
	return h.Sign(*header, sealed)
}

// Sign closes an envelope over any sealed bytes: a broker can't tell.
func (h *KeyedDesk) Sign(header envelope.Header, sealed []byte) (*envelope.Envelope, error) {
	header.Sealed = envelope.SealedOf(sealed)
	return envelope.Sign(header, sealed, h.Message)
}

// Consign signs that the desk has a message.
func (h *KeyedDesk) Consign(message signed.Hash, audit, reg signed.Head, now time.Time) ([]byte, error) {
	c := &envelope.Statement{Event: envelope.Consigned, Exchange: h.Exchange, Signer: h.Address, Message: message,
		Time: signed.At(now), AsOfAudit: audit, AsOfRegister: reg}
	return note(c.Text(), h.Consignment...)
}

// State signs a statement; its signer, exchange, time and heads are filled in.
func (h *KeyedDesk) State(s envelope.Statement, audit, reg signed.Head, now time.Time) ([]byte, error) {
	s.Exchange, s.Signer, s.Time = h.Exchange, h.Address, signed.At(now)
	s.AsOfAudit, s.AsOfRegister = audit, reg
	return note(s.Text(), h.Message[:1]...)
}

func note(text string, keys ...*signed.PrivateKey) ([]byte, error) {
	n, err := signed.Sign(text, keys...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), nil
}

// Submitted is the answer to one envelope that was submitted alone. Its proofs stand
// under the catchup.
type Submitted struct {
	api.SubmitItem
	Catchup api.Catchup
}

// SubmitOne submits one envelope as a sequence of its own. The error is a refusal,
// of the call or of the item; in the second case the answer is there too.
func SubmitOne(ctx context.Context, b desk.Broker, heads api.Heads, envelope []byte) (*Submitted, error) {
	a, err := b.Submit(ctx, heads, [][]byte{envelope})
	if err != nil {
		return nil, err
	}
	return &Submitted{a.Items[0], a.Catchup}, a.Items[0].Refusal()
}

// Stated is the answer to one statement, as Submitted is.
type Stated struct {
	api.StateItem
	Catchup api.Catchup
}

// StateOne states one note, as SubmitOne submits an envelope.
func StateOne(ctx context.Context, b desk.Broker, heads api.Heads, note []byte) (*Stated, error) {
	a, err := b.State(ctx, heads, [][]byte{note})
	if err != nil {
		return nil, err
	}
	return &Stated{a.Items[0], a.Catchup}, a.Items[0].Refusal()
}

// IDOf reads the id of an envelope as it crosses the wire.
func IDOf(b []byte) (signed.ID, bool) {
	e, err := envelope.Parse(b)
	if err != nil {
		return signed.ID{}, false
	}
	return e.ID, true
}
