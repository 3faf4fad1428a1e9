package register

import (
	"errors"
	"strings"

	"samband/certs"
	"samband/gateway/signed"
)

// A Broker is what the federation file says of the broker: the keys that its
// logs are signed with, its operator's, and the CA of its server certificates.
// A log's origin is the name of its key.
type Broker struct {
	Audit    *signed.PublicKey
	Register *signed.PublicKey
	Operator *signed.PublicKey
	BrokerCA []byte // DER
}

// OperatorName is the name under which an exchange's operator signs.
func OperatorName(exchange string) string { return exchange + "/operator" }

func (b *Broker) lines(l *signed.Lines, exchange string) {
	log(l.Line("log").Is("audit"), &b.Audit)
	log(l.Line("log").Is("register"), &b.Register)
	l.Line("operator").Key(&b.Operator, OperatorName(exchange), signed.Ed25519)
	l.Line("broker-ca").Bytes(&b.BrokerCA, certs.MaxCA)
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
	if _, err := certs.ParseCA(b.BrokerCA); err != nil {
		return invalid("the broker's CA: %v", err)
	}
	return nil
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

// brokerKey is the public key of the broker's CA; check has passed.
func (b *Broker) brokerKey() []byte {
	ca, err := certs.ParseCA(b.BrokerCA)
	if err != nil {
		panic("register: the broker's CA was not checked: " + err.Error())
	}
	return ca.RawSubjectPublicKeyInfo
}
