package register

import (
	"slices"

	"samband/gateway/signed"
)

// Forms of the cards that people carry to each other. A card bears public keys
// and a signature by each of them, so nobody can show another's key as his own.
// It isn't an entry: whoever makes an entry of it compares its fingerprint with
// its owner first.
const (
	FounderCardForm = "samband/founder-card/v1"
	PartyCardForm   = "samband/party-card/v1"
	BrokerCardForm  = "samband/broker-card/v1"
	RequestForm     = "samband/request/v1"
)

// MaxCard bounds a card with its signatures.
const MaxCard = 32 << 10

// A FounderCard shows one founder's share of the root.
type FounderCard struct{ Founder }

// Text writes the card.
func (c *FounderCard) Text() string {
	w := signed.NewWriter(FounderCardForm, signed.Hash{})
	w.Line("party", c.Party)
	writeKeys(w, c.Keys, "key")
	return w.Text()
}

// ParseFounderCard reads a card and verifies it by its own keys.
func ParseFounderCard(note []byte) (*FounderCard, error) {
	return parseCard(note, FounderCardForm, func(r *signed.Reader) *FounderCard {
		c := &FounderCard{}
		c.Party = r.Name(one(r, "party"))
		c.Keys = readKeys(r, RootName(c.Party), signed.UseEntry, "key")
		return c
	})
}

func (c *FounderCard) signers() []*signed.PublicKey { return c.Keys }

// A PartyCard shows the keys of a party's authority.
type PartyCard struct {
	Name  string
	Title string
	Keys  []*signed.PublicKey
}

// Text writes the card.
func (c *PartyCard) Text() string {
	w := signed.NewWriter(PartyCardForm, signed.Hash{})
	w.Line("party", c.Name)
	w.Line("title", signed.Quote(c.Title))
	writeKeys(w, c.Keys, "key")
	return w.Text()
}

// ParsePartyCard reads a card and verifies it by its own keys.
func ParsePartyCard(note []byte) (*PartyCard, error) {
	return parseCard(note, PartyCardForm, func(r *signed.Reader) *PartyCard {
		c := &PartyCard{Name: r.Name(one(r, "party"))}
		c.Title = r.Quoted(one(r, "title"))
		c.Keys = readKeys(r, c.Name, signed.UseEntry, "key")
		return c
	})
}

func (c *PartyCard) signers() []*signed.PublicKey { return c.Keys }

// A BrokerCard shows the keys of a broker's logs and operator, and its CA. The
// exchange's name is in it, since the origins of the logs begin with it.
type BrokerCard struct {
	Name string
	Broker
}

// Text writes the card.
func (c *BrokerCard) Text() string {
	w := signed.NewWriter(BrokerCardForm, signed.Hash{})
	w.Line("name", c.Name)
	c.Broker.write(w)
	return w.Text()
}

// ParseBrokerCard reads a card and verifies it by its own keys.
func ParseBrokerCard(note []byte) (*BrokerCard, error) {
	c, err := parseCard(note, BrokerCardForm, func(r *signed.Reader) *BrokerCard {
		c := &BrokerCard{Name: exchangeName(r, one(r, "name"))}
		c.Broker = readBroker(r, c.Name)
		return c
	})
	if err != nil {
		return nil, err
	}
	return c, c.Broker.check(c.Name)
}

func (c *BrokerCard) signers() []*signed.PublicKey {
	return []*signed.PublicKey{c.Audit, c.Register, c.Operator}
}

// A Request is a desk's card: its keys, as its party shall enter them, and the
// key that it wants a TLS certificate for. The desk's message keys and its
// receipts key sign it.
type Request struct {
	Exchange signed.Hash
	Address  signed.Address
	DeskKeys
	TLS []byte // public key in PKIX DER; see certs.ParsePublicKey
}

// maxTLS bounds the DER of a public key.
const maxTLS = 512

// Text writes the card.
func (c *Request) Text() string {
	w := signed.NewWriter(RequestForm, c.Exchange)
	w.Line("desk", string(c.Address))
	keys := c.DeskKeys
	keys.TLS = signed.HashOf(c.TLS) // one says the other, or the card is not canonical
	keys.write(w)
	w.Line("tls-key", signed.EncodeBytes(c.TLS))
	return w.Text()
}

// ParseRequest reads a desk's card and verifies it by its own keys.
func ParseRequest(note []byte) (*Request, error) {
	return parseCard(note, RequestForm, func(r *signed.Reader) *Request {
		c := &Request{Exchange: r.Exchange()}
		c.Address = r.Address(one(r, "desk"))
		c.DeskKeys = readDeskKeys(r, c.Address)
		c.TLS = readDER(r, "tls-key", maxTLS)
		return c
	})
}

func (c *Request) signers() []*signed.PublicKey {
	return slices.Concat(c.Message, c.Consignment)
}

// A Card is a text signed by the keys that it shows.
type Card interface {
	Text() string
	signers() []*signed.PublicKey
}

// SignCard signs a card with the private halves of the keys that it shows, in
// their order: a founder's or party's pair; audit, register, operator; a desk's
// message pair, then its receipts key.
func SignCard(c Card, keys ...*signed.PrivateKey) ([]byte, error) {
	n, err := signed.Sign(c.Text(), keys...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), signed.Verify(n, c.signers())
}

func parseCard[C Card](note []byte, form string, read func(*signed.Reader) C) (C, error) {
	var none C
	if len(note) > MaxCard {
		return none, oversize(MaxCard)
	}
	n, err := signed.ParseNote(note)
	if err != nil {
		return none, err
	}
	begin := signed.NewFoundingReader
	if form == RequestForm {
		begin = signed.NewReader // by then there is an exchange
	}
	r := begin(n.Text, form)
	c := read(r)
	if r.Err() != nil {
		return none, r.Err()
	}
	if err := r.Close(n.Text, c.Text()); err != nil {
		return none, err
	}
	if err := signed.Verify(n, c.signers()); err != nil {
		return none, err
	}
	return c, nil
}
