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

func (b *Broker) write(w *signed.Writer) {
	w.Line("log", append([]string{"audit", b.Audit.Name}, b.Audit.Values()...)...)
	w.Line("log", append([]string{"register", b.Register.Name}, b.Register.Values()...)...)
	w.Line("operator", b.Operator.Values()...)
	w.Line("broker-ca", signed.EncodeBytes(b.BrokerCA))
}

func readBroker(r *signed.Reader, exchange string) (b Broker) {
	b.Audit, b.Register = readLog(r, "audit"), readLog(r, "register")
	if v := r.Line("operator", 2); v != nil {
		b.Operator = readKey(r, OperatorName(exchange), signed.Ed25519, v)
	}
	b.BrokerCA = readDER(r, "broker-ca", certs.MaxCA)
	return b
}

func readLog(r *signed.Reader, which string) *signed.PublicKey {
	v := r.Line("log", 4)
	if v == nil {
		return nil
	}
	if v[0] != which {
		r.Fail(errors.New("the logs are not audit, then register"))
	}
	return readKey(r, origin(r, v[1]), signed.Ed25519, v[2:])
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

func origin(r *signed.Reader, s string) string {
	o, err := signed.ParseOrigin(s)
	r.Fail(err)
	return o
}

func exchangeName(r *signed.Reader, s string) string {
	if strings.Contains(s, "/") {
		r.Fail(errors.New("an exchange's name has a path"))
	}
	return origin(r, s)
}

// brokerKey is the public key of the broker's CA; check has passed.
func (b *Broker) brokerKey() []byte {
	ca, err := certs.ParseCA(b.BrokerCA)
	if err != nil {
		panic("register: the broker's CA was not checked: " + err.Error())
	}
	return ca.RawSubjectPublicKeyInfo
}
