package register

import (
	"errors"
	"strings"

	"samband/certs"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// MaxFounders bounds the founders of an exchange: each signs with two keys.
const MaxFounders = signed.MaxSignatures / 2

const rootSuffix = "/root"

// A Federation is the first entry of a register: who founded the exchange, the
// keys of its logs and operator, and its policy. Its hash is the exchange.
type Federation struct {
	Name      string    // "nordic.example"
	Nonce     signed.ID // tells two exchanges of the same founders apart
	Threshold int       // how many founders sign an entry of the root
	Founders  []Founder // ascending
	Audit     *signed.PublicKey
	Register  *signed.PublicKey // the logs' keys; a key's name is its log's origin
	Operator  *signed.PublicKey
	BrokerCA  []byte // DER
	Policy    string // PolicyLogged
}

// PolicyLogged is the one policy of this version: traffic proceeds on what is
// logged, without waiting for witnesses.
const PolicyLogged = "logged"

// A Founder is one of the parties that hold the root together.
type Founder struct {
	Party string
	Keys  []*signed.PublicKey
}

// RootName is the name under which a founder signs for the root.
func RootName(party string) string { return party + rootSuffix }

// OperatorName is the name under which an exchange's operator signs.
func OperatorName(exchange string) string { return exchange + "/operator" }

// Hash is the exchange: the hash of the federation file's text.
func (f *Federation) Hash() signed.Hash { return signed.HashOf(f.Text()) }

// Text writes the federation file.
func (f *Federation) Text() string {
	w := signed.NewWriter(FederationForm, signed.Hash{})
	w.Line("name", f.Name)
	w.Line("nonce", f.Nonce.String())
	w.Line("threshold", signed.FormatInt(int64(f.Threshold)))
	for _, founder := range f.Founders {
		writeKeys(w, founder.Keys, "root", RootName(founder.Party))
	}
	w.Line("log", append([]string{"audit", f.Audit.Name}, f.Audit.Values()...)...)
	w.Line("log", append([]string{"register", f.Register.Name}, f.Register.Values()...)...)
	writeKeys(w, []*signed.PublicKey{f.Operator}, "operator")
	w.Line("broker-ca", signed.EncodeBytes(f.BrokerCA))
	w.Line("policy", f.Policy)
	return w.Text()
}

// ParseFederation reads a federation file and verifies that all its founders
// signed it. That it is the right exchange, people settle by comparing hashes.
func ParseFederation(note []byte) (*Federation, error) {
	if len(note) > MaxEntry {
		return nil, oversize()
	}
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, err
	}
	f, err := ParseFederationText(n.Text)
	if err != nil {
		return nil, err
	}
	var keys []*signed.PublicKey
	for _, founder := range f.Founders {
		keys = append(keys, founder.Keys...)
	}
	if err := signed.Verify(n, keys); err != nil {
		return nil, err
	}
	return f, f.check()
}

// ParseFederationText reads the text of a federation file, as founders do with a
// draft before they sign. It verifies nothing.
func ParseFederationText(text string) (*Federation, error) {
	r := signed.NewReader(text, FederationForm)
	if r.Exchange() != (signed.Hash{}) {
		r.Fail(errors.New("a federation file names an exchange: its own hash is the exchange"))
	}
	f := &Federation{Name: origin(r, one(r, "name"))}
	if strings.Contains(f.Name, "/") {
		r.Fail(errors.New("an exchange's name has a path"))
	}
	f.Nonce = r.ID(one(r, "nonce"))
	f.Threshold = int(r.Int(one(r, "threshold")))
	for r.Peek() == "root" {
		if len(f.Founders) == MaxFounders {
			return nil, problem.New(problem.Oversize, "more than %d founders", MaxFounders)
		}
		f.Founders = append(f.Founders, readFounder(r))
	}
	f.Audit, f.Register = ReadLog(r, "audit"), ReadLog(r, "register")
	if keys := readKeys(r, OperatorName(f.Name), signed.UseCheckpoint, "operator"); keys != nil {
		f.Operator = keys[0]
	}
	f.BrokerCA = readDER(r, "broker-ca", certs.MaxCA)
	f.Policy = closed(r, one(r, "policy"), PolicyLogged)
	if r.Err() != nil {
		return nil, r.Err()
	}
	return f, r.Close(text, f.Text())
}

// readFounder reads the two lines of one founder; the first gives the name.
func readFounder(r *signed.Reader) Founder {
	name := r.PeekValue()
	party, ok := strings.CutSuffix(name, rootSuffix)
	if !ok {
		r.Fail(errors.New("a founder's name is not <party>/root"))
	}
	return Founder{r.Name(party), readKeys(r, name, signed.UseEntry, "root", name)}
}

// check holds what one line can't show.
func (f *Federation) check() error {
	names := make([]string, len(f.Founders))
	keys := seen{}
	for i, founder := range f.Founders {
		names[i] = founder.Party
		if i > 0 && names[i-1] >= names[i] {
			return invalid("founders do not ascend")
		}
		if err := keys.add(founder.Keys...); err != nil {
			return err
		}
	}
	if f.Threshold < 1 || f.Threshold > len(f.Founders) {
		return invalid("the threshold is not from 1 to the number of founders")
	}
	for _, log := range []*signed.PublicKey{f.Audit, f.Register} {
		if !strings.HasPrefix(log.Name, f.Name+"/") {
			return invalid("the origin of a log does not begin with %q", f.Name+"/")
		}
	}
	if f.Audit.Name == f.Register.Name {
		return invalid("both logs have the same origin")
	}
	if _, err := certs.ParseCA(f.BrokerCA); err != nil {
		return invalid("the broker's CA: %v", err)
	}
	return keys.add(f.Audit, f.Register, f.Operator)
}
