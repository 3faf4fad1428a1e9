package register

import (
	"errors"
	"strconv"
	"strings"

	"samband/gateway/signed"
)

// maxFounders bounds the founders of an exchange: each signs with two keys, and so does,
// beside them, a party that they admit anew.
const maxFounders = signed.MaxSignatures/2 - 1

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

// A Founder is one of the parties that together are the root.
type Founder struct {
	Party string
	Keys  []*signed.PublicKey
}

// RootName is the name under which a founder signs for the root.
func RootName(party string) string { return party + rootSuffix }

// Hash is the exchange: the hash of the federation file's text.
func (f *Federation) Hash() signed.Hash { return signed.HashOf(f.Text()) }

var federationForm = signed.Form[Federation]{Title: FederationForm, Lines: func(f *Federation, l *signed.Lines) {
	l.Line("exchange").Is("-") // the file's own hash is the exchange
	nameLine(l, &f.Name)
	l.Line("nonce").ID(&f.Nonce)
	signed.Value(l.Line("threshold"), "number", &f.Threshold, strconv.Itoa, parseThreshold)
	signed.Repeat(l, "root", 0, maxFounders, signed.AnyOrder, &f.Founders, func(founder *Founder) { founder.lines(l) })
	f.Broker.lines(l, f.Name)
	signed.OneOf(l.Line("policy"), &f.Policy, PolicyLogged)
}}

func (f *Founder) lines(l *signed.Lines) {
	l.Keys(&f.Keys, signed.UseEntry, func(i int) string {
		signed.Value(l.Line("root"), "`<party>/root`", &f.Party, RootName, func(s string) (string, error) {
			party, ok := strings.CutSuffix(s, rootSuffix)
			switch {
			case !ok:
				return "", errors.New("a founder's name is not <party>/root")
			case i > 0 && party != f.Party:
				return "", errors.New("a founder's keys do not stand together")
			}
			return signed.ParseName(party)
		})
		return RootName(f.Party)
	})
}

func parseThreshold(s string) (int, error) {
	n, err := signed.ParseInt(s)
	return int(n), err
}

// Text writes the federation file.
func (f *Federation) Text() string { return federationForm.Text(f) }

// ParseFederation reads a federation file and verifies that all its founders
// signed it. That it is the right exchange, people settle by comparing hashes.
func ParseFederation(note []byte) (*Federation, error) {
	n, f, err := readNote(note, MaxEntry, ParseFederationText)
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
	return f, signed.Verify(n, keys)
}

// ParseFederationText reads the text of a federation file, as founders do with a
// draft before they sign. It verifies nothing.
func ParseFederationText(text string) (*Federation, error) { return federationForm.Parse(text) }

// Check checks what one line of the file can't show; it verifies no signature.
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
