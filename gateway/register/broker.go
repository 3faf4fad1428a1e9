package register

import (
	"errors"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Broker is what the federation file says of the broker: the keys that its
// logs are signed with, its operator's, and its TLS keys. A log's origin is the
// name of its key.
type Broker struct {
	Audit    *signed.PublicKey
	Register *signed.PublicKey
	Operator *signed.PublicKey
	ServerKeys
}

// ServerKeys name a broker's two TLS keys, each by the SHA-256 of its PKIX DER: the one
// that it uses, and one that lies offline for the day when the first is lost or stolen.
type ServerKeys struct{ InUse, Offline signed.Hash }

func (k *ServerKeys) lines(l *signed.Lines) {
	l.Line("broker-tls").Hash(&k.InUse).Hash(&k.Offline)
}

func (k *ServerKeys) check() error {
	if k.InUse == k.Offline {
		return invalid("the broker's two TLS keys are one")
	}
	return nil
}

// Has reports whether a key is one of the two.
func (k ServerKeys) Has(key signed.Hash) bool { return key == k.InUse || key == k.Offline }

// OperatorName is the name under which an exchange's operator signs.
func OperatorName(exchange string) string { return exchange + "/operator" }

func (b *Broker) lines(l *signed.Lines, exchange string) {
	log(l.Line("log").Is("audit"), &b.Audit)
	log(l.Line("log").Is("register"), &b.Register)
	l.Line("operator").Key(&b.Operator, OperatorName(exchange), signed.Ed25519)
	b.ServerKeys.lines(l)
}

// log describes the rest of a log's line: its origin and key.
func log(l *signed.Lines, k **signed.PublicKey) {
	var origin string
	if *k != nil {
		origin = (*k).Name
	}
	l.Origin(&origin)
	l.Key(k, origin, signed.Ed25519)
}

func (b *Broker) check(exchange string) error {
	for _, log := range []*signed.PublicKey{b.Audit, b.Register} {
		if !strings.HasPrefix(log.Name, exchange+"/") {
			return invalid("the origin of a log does not begin with %q", exchange+"/")
		}
	}
	if b.Audit.Name == b.Register.Name {
		return invalid("both logs have the same origin")
	}
	return b.ServerKeys.check()
}

// nameLine is the line of an exchange's name.
func nameLine(l *signed.Lines, name *string) {
	signed.Value(l.Line("name"), "origin without a path", name, signed.Same, func(s string) (string, error) {
		if strings.Contains(s, "/") {
			return "", errors.New("an exchange's name has a path")
		}
		return signed.ParseOrigin(s)
	})
}

// BrokerKeys is an entry of the root that names new TLS keys of the broker. It replaces
// the two before.
type BrokerKeys struct {
	Link
	Number int64 // counts up: the federation file's two keys have 0
	ServerKeys
}

func (b *BrokerKeys) Text() string { return brokerForm.Text(b) }
func (*BrokerKeys) author() author { return byRoot }

var brokerForm = signed.Form[BrokerKeys]{Title: "samband/broker/v1", Lines: func(b *BrokerKeys, l *signed.Lines) {
	b.Link.lines(l)
	l.Line("number").Int(&b.Number)
	b.ServerKeys.lines(l)
}}

// check lets a key that is in force stay, in either place.
func (b *BrokerKeys) check(s *state) error {
	before := s.servers()
	if b.Number != before.Number+1 {
		return invalid("the broker's TLS keys before have number %d", before.Number)
	}
	if err := b.ServerKeys.check(); err != nil {
		return err
	}
	for _, key := range []signed.Hash{b.InUse, b.Offline} {
		if before.Has(key) {
			continue
		}
		if err := s.keys.freshTLS(key); err != nil {
			return err
		}
	}
	return nil
}

func (b *BrokerKeys) apply(s *state, at place) {
	s.server.set(at.index, b)
	s.keys.noteTLS(b.InUse)
	s.keys.noteTLS(b.Offline)
}

// VerifyBrokerKeys reads an entry of the root that names TLS keys of the broker, and
// verifies it by the federation file alone: the root's keys never change. So it counts
// for whoever gets it as a file, too, when no connection can bring it.
func VerifyBrokerKeys(f *Federation, note []byte) (*BrokerKeys, error) {
	s := newState(f, f.Hash())
	n, e, err := readNote(note, MaxEntry, ParseEntry)
	if err != nil {
		return nil, err
	}
	b, ok := e.(*BrokerKeys)
	switch {
	case !ok:
		return nil, invalid("the entry names no TLS keys of the broker")
	case b.Exchange != s.exchange:
		return nil, problem.New(problem.WrongExchange, "the entry is of another exchange")
	}
	keys, err := s.signers(b)
	if err != nil {
		return nil, err
	}
	if err := signed.Verify(n, keys); err != nil {
		return nil, err
	}
	return b, b.ServerKeys.check()
}
