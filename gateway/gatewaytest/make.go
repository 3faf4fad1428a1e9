package gatewaytest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"samband/gateway/authority"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/internal/work"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// An Exchange is a whole exchange in one folder:
//
//	federation             the first entry; its hash is the exchange
//	broker/keys, data      the broker's
//	parties/<party>/       founder and authority of each party
//	desks/<address>/       each desk's
type Exchange struct {
	Dir        string
	Plan       Plan
	Listen     string // where desks reach the broker
	Metrics    string // where an operator does
	Parties    map[string]*authority.Party
	Founders   []*authority.Founder
	KeyedDesks map[signed.Address]*KeyedDesk
	Entries    [][]byte // of the register, after the federation file, in order

	federation []byte
}

// The folders of an exchange.
func (x *Exchange) BrokerDir() string           { return filepath.Join(x.Dir, "broker") }
func (x *Exchange) PartyDir(name string) string { return filepath.Join(x.Dir, "parties", name) }
func (x *Exchange) DeskDir(address signed.Address) string {
	return filepath.Join(x.Dir, "desks", string(address))
}
func (x *Exchange) FederationFile() string { return filepath.Join(x.Dir, "federation") }

// Federation is the exchange's first entry.
func (x *Exchange) Federation() []byte { return x.federation }

// Make makes an exchange on files, each participant with its own keys, by the same
// steps as people do. Nothing runs yet, and the broker has no entry but the
// federation file: Start enters the rest.
func Make(dir string, plan Plan) (*Exchange, error) {
	x := &Exchange{Dir: dir, Plan: plan, Parties: map[string]*authority.Party{}, KeyedDesks: map[signed.Address]*KeyedDesk{}}
	for _, step := range []func() error{x.addresses, x.makeFederation, x.admit, x.catalogue, x.desks, x.makeAgreements} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("make the exchange %s: %w", plan.Name, err)
		}
	}
	return x, nil
}

func (x *Exchange) addresses() (err error) {
	if x.Listen, err = freeAddress(); err == nil {
		x.Metrics, err = freeAddress()
	}
	return err
}

// URL is where desks reach the broker.
func (x *Exchange) URL() string { return "https://" + x.Listen }

// makeFederation makes the broker's and the founders' keys, and of their public keys the
// federation file; the founders sign it, and the broker gets it.
func (x *Exchange) makeFederation() error {
	card, err := broker.Init(x.BrokerDir(), broker.Setup{
		Name: x.Plan.Name,
		Settings: broker.Settings{
			Listen: x.Listen, Metrics: x.Metrics,
			// It lies on the disk of whoever tests or tries it, which may be nearly full.
			ReserveBytes: broker.MinReserve,
		},
	})
	if err != nil {
		return err
	}
	b, err := register.ParseBrokerCard(card)
	if err != nil {
		return err
	}
	var cards []*register.FounderCard
	for _, name := range x.Plan.Founders {
		f, err := authority.CreateFounder(x.PartyDir(name), name, nil)
		if err != nil {
			return err
		}
		c, err := readCard(filepath.Join(x.PartyDir(name), "root", "card"), register.ParseFounderCard)
		if err != nil {
			return err
		}
		x.Founders, cards = append(x.Founders, f), append(cards, c)
	}
	text, err := authority.DraftFederation(x.Plan.Name, x.Plan.Threshold, cards, b)
	if err != nil {
		return err
	}
	if x.federation, err = x.sign(text, x.Founders); err != nil {
		return err
	}
	if err := os.WriteFile(x.FederationFile(), x.federation, 0o644); err != nil {
		return err
	}
	return broker.Install(x.BrokerDir(), x.federation)
}

// sign passes a text of the root from founder to founder.
func (x *Exchange) sign(text string, signers []*authority.Founder) ([]byte, error) {
	draft, err := signers[0].Sign(text)
	for _, f := range signers[1:] {
		if err == nil {
			draft, err = f.Cosign(draft.Note)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, f := range x.Founders {
		if _, err := f.Store(draft.Note); err != nil {
			return nil, err
		}
	}
	return draft.Note, nil
}

// root signs an entry of the root with the founders who first suffice.
func (x *Exchange) root(text string, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	note, err := x.sign(text, x.Founders[:x.Plan.Threshold])
	if err != nil {
		return nil, err
	}
	x.Entries = append(x.Entries, note)
	return note, nil
}

// addEntry adds what a party stored to the entries of the exchange; Start and EnterAll
// bring them into the register.
func (x *Exchange) addEntry(stored *authority.StoredEntry, err error) error {
	if err != nil {
		return err
	}
	x.Entries = append(x.Entries, stored.Note)
	return nil
}

func (x *Exchange) admit() error {
	for _, p := range x.Plan.Parties {
		a, err := authority.CreateParty(x.PartyDir(p.Name), p.Name, p.Title, nil)
		if err != nil {
			return err
		}
		card, err := readCard(filepath.Join(x.PartyDir(p.Name), "authority", "card"), register.ParsePartyCard)
		if err != nil {
			return err
		}
		admission, err := x.root(x.Founders[0].DraftAdmit(card))
		if err != nil {
			return err
		}
		if err := a.Join(x.federation, admission); err != nil {
			return err
		}
		x.Parties[p.Name] = a
	}
	return nil
}

func (x *Exchange) catalogue() error {
	_, err := x.root(x.Founders[0].DraftCatalogue(schema.EmbeddedBundle().Hash, Types()))
	return err
}

func (x *Exchange) desks() error {
	for _, p := range x.Plan.Parties {
		for _, d := range p.Desks {
			if err := x.desk(x.Parties[p.Name], d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *Exchange) desk(a *authority.Party, d Desk) error {
	if d.Keyed {
		keyed, err := x.keyedDesk(d)
		x.KeyedDesks[d.Address] = keyed
		return err
	}
	request, err := desk.Init(x.DeskDir(d.Address), desk.Setup{
		Settings:   desk.Settings{Address: d.Address, Broker: x.URL(), Zone: cmp.Or(d.Zone, utc), Reserve: 4 << 20},
		Federation: x.federation,
		Passphrase: []byte(Passphrase),
		Work:       work.Light,
	})
	if err != nil {
		return err
	}
	return x.addEntry(a.Desk(request, d.Directory, signed.Time{}))
}

// NewKeyedDesk makes a keyed desk, with its entry.
func (x *Exchange) NewKeyedDesk(address signed.Address, directory register.Directory) (*KeyedDesk, error) {
	return x.keyedDesk(Desk{Address: address, Directory: directory})
}

func (x *Exchange) keyedDesk(d Desk) (*KeyedDesk, error) {
	h, err := NewKeyedDesk(x.fingerprint(), d.Address)
	if err != nil {
		return nil, err
	}
	h.Zone = cmp.Or(d.Zone, h.Zone)
	request, err := h.Request()
	if err != nil {
		return nil, err
	}
	return h, x.addEntry(x.Parties[d.Address.Party()].Desk(request, d.Directory, signed.Time{}))
}

func (x *Exchange) fingerprint() signed.Hash {
	f, err := register.ParseFederation(x.federation)
	if err != nil {
		panic("gatewaytest: the federation file was made here: " + err.Error())
	}
	return f.Hash()
}

// makeAgreements makes the plan's agreements and the accessions to them.
func (x *Exchange) makeAgreements() error {
	for _, a := range x.Plan.Agreements {
		from := signed.At(time.Now().Add(-cmp.Or(a.Age, 24*time.Hour)))
		stored, err := x.Parties[a.Parties[0]].Agreement(register.Agreement{
			Title: a.Title, Parties: a.Parties, Types: a.Types, Copies: a.Copies, Purposes: a.Purposes,
			Ceiling: a.Ceiling, From: from, Until: from.Add(a.Lasts),
		})
		if err := x.addEntry(stored, err); err != nil {
			return err
		}
		for _, p := range a.Parties[1:] {
			if err := x.addEntry(x.Parties[p].Accede(stored.Note)); err != nil {
				return err
			}
		}
	}
	return nil
}

func readCard[C any](path string, parse func([]byte) (C, error)) (C, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		var none C
		return none, err
	}
	return parse(b)
}

// LogKeys are the keys of the audit log and the register, out of the broker's
// folder: who has them can say whatever a broker can say.
func (x *Exchange) LogKeys() (audit, registry *signed.PrivateKey, err error) {
	var keys [2]*signed.PrivateKey
	for i, file := range []string{"audit.key", "register.key"} {
		k, err := readKeys(filepath.Join(x.BrokerDir(), "keys", file))
		if err != nil {
			return nil, nil, err
		}
		keys[i] = k[0]
	}
	return keys[0], keys[1], nil
}

// PartyKeys are the pair that signs a party's entries, whatever these say.
func (x *Exchange) PartyKeys(party string) ([]*signed.PrivateKey, error) {
	return readKeys(filepath.Join(x.PartyDir(party), "authority", "key"))
}

// readKeys reads a file of keys, one in each line.
func readKeys(path string) (keys []*signed.PrivateKey, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		k, err := signed.DecodePrivateKey(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}
