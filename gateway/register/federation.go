package register

import (
	"errors"
	"strings"

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
	Broker
	Policy string // PolicyLogged
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
	f.Broker.write(w)
	w.Line("policy", f.Policy)
	return w.Text()
}

// ParseFederation reads a federation file and verifies that all its founders
// signed it. That it is the right exchange, people settle by comparing hashes.
func ParseFederation(note []byte) (*Federation, error) {
	if len(note) > MaxEntry {
		return nil, oversize(MaxEntry)
	}
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, err
	}
	f, err := ParseFederationText(n.Text)
	if err != nil {
		return nil, err
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	var keys []*signed.PublicKey
	for _, founder := range f.Founders {
		keys = append(keys, founder.Keys...)
	}
	if err := signed.Verify(n, keys); err != nil {
		return nil, err
	}
	return f, nil
}

// ParseFederationText reads the text of a federation file, as founders do with a
// draft before they sign. It verifies nothing.
func ParseFederationText(text string) (*Federation, error) {
	r := signed.NewReader(text, FederationForm)
	if r.Exchange() != (signed.Hash{}) {
		r.Fail(errors.New("a federation file names an exchange: its own hash is the exchange"))
	}
	f := &Federation{Name: exchangeName(r, one(r, "name"))}
	f.Nonce = r.ID(one(r, "nonce"))
	f.Threshold = int(r.Int(one(r, "threshold")))
	for r.Peek() == "root" {
		if len(f.Founders) == MaxFounders {
			return nil, problem.New(problem.Oversize, "more than %d founders", MaxFounders)
		}
		f.Founders = append(f.Founders, readFounder(r))
	}
	f.Broker = readBroker(r, f.Name)
	f.Policy = closed(r, one(r, "policy"), PolicyLogged)
	if r.Err() != nil {
		return nil, r.Err()
	}
	return f, r.Close(text, f.Text())
}

// readFounder reads the lines of one founder's keys; the first gives the name.
func readFounder(r *signed.Reader) (f Founder) {
	var name string
	for i, alg := range signed.Uses[signed.UseEntry] {
		v := r.Line("root", 3)
		if v == nil {
			return f
		}
		if i == 0 {
			party, ok := strings.CutSuffix(v[0], rootSuffix)
			if !ok {
				r.Fail(errors.New("a founder's name is not <party>/root"))
			}
			name, f.Party = v[0], r.Name(party)
		}
		if v[0] != name {
			r.Fail(errors.New("a founder's keys do not stand together"))
		}
		f.Keys = append(f.Keys, readKey(r, name, alg, v[1:]))
	}
	return f
}

// Check holds what one line of the file can't show; it verifies no signature.
func (f *Federation) Check() error {
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
	if err := f.Broker.check(f.Name); err != nil {
		return err
	}
	return keys.add(f.Audit, f.Register, f.Operator)
}
