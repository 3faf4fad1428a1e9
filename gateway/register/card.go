package register

import "samband/gateway/signed"

// maxCard bounds a card with its signatures.
const maxCard = 32 << 10

// A FounderCard shows one founder's share of the root.
type FounderCard struct{ Founder }

var founderCardForm = signed.Form[FounderCard]{Title: "samband/founder-card/v1", Lines: func(c *FounderCard, l *signed.Lines) {
	l.Line("exchange").Is("-")
	l.Line("party").Name(&c.Party)
	keyLines(l, RootName(c.Party), &c.Keys)
}}

// Text writes the card.
func (c *FounderCard) Text() string { return founderCardForm.Text(c) }

// ParseFounderCard reads a card and verifies it by its own keys.
func ParseFounderCard(note []byte) (*FounderCard, error) { return parseCard(note, &founderCardForm) }

func (c *FounderCard) signers() []*signed.PublicKey { return c.Keys }

// A PartyCard shows the keys of a party's authority.
type PartyCard struct {
	Name  string
	Title string
	Keys  []*signed.PublicKey
}

var partyCardForm = signed.Form[PartyCard]{Title: "samband/party-card/v1", Lines: func(c *PartyCard, l *signed.Lines) {
	l.Line("exchange").Is("-")
	l.Line("party").Name(&c.Name)
	l.Line("title").Quoted(&c.Title)
	keyLines(l, c.Name, &c.Keys)
}}

// Text writes the card.
func (c *PartyCard) Text() string { return partyCardForm.Text(c) }

// ParsePartyCard reads a card and verifies it by its own keys.
func ParsePartyCard(note []byte) (*PartyCard, error) { return parseCard(note, &partyCardForm) }

func (c *PartyCard) signers() []*signed.PublicKey { return c.Keys }

// A BrokerCard shows the keys of a broker's logs and operator, and its TLS keys. The
// exchange's name is in it, since the origins of the logs begin with it.
type BrokerCard struct {
	Name string
	Broker
}

var brokerCardForm = signed.Form[BrokerCard]{Title: "samband/broker-card/v1", Lines: func(c *BrokerCard, l *signed.Lines) {
	l.Line("exchange").Is("-")
	nameLine(l, &c.Name)
	c.Broker.lines(l, c.Name)
}}

// Text writes the card.
func (c *BrokerCard) Text() string { return brokerCardForm.Text(c) }

// ParseBrokerCard reads a card and verifies it by its own keys.
func ParseBrokerCard(note []byte) (*BrokerCard, error) {
	c, err := parseCard(note, &brokerCardForm)
	if err != nil {
		return nil, err
	}
	return c, c.Broker.check(c.Name)
}

func (c *BrokerCard) signers() []*signed.PublicKey {
	return []*signed.PublicKey{c.Audit, c.Register, c.Operator}
}

// A Card is what people carry to each other before a register knows them: public
// keys, and a signature by each of them, so nobody can show another's key as his
// own. It isn't an entry: whoever makes an entry of it compares its fingerprint
// with its owner first.
type Card interface {
	Text() string
	signers() []*signed.PublicKey
}

// SignCard signs a card with the private halves of the keys that it shows, in
// their order: a founder's or party's pair; audit, register, operator.
func SignCard(c Card, keys ...*signed.PrivateKey) ([]byte, error) {
	n, err := signed.Sign(c.Text(), keys...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), signed.Verify(n, c.signers())
}

func parseCard[T any, C interface {
	*T
	Card
}](note []byte, form *signed.Form[T]) (C, error) {
	n, c, err := readNote(note, maxCard, form.Parse)
	if err != nil {
		return nil, err
	}
	return c, signed.Verify(n, C(c).signers())
}
