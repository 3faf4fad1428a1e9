package authority

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"samband/certs"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

const name = "nordic.example"

var now = time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)

// A story is an exchange made by people with folders.
type story struct {
	t        *testing.T
	dir      string
	no, se   *Founder
	file     []byte // the federation file
	register *register.Register
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (s *story) folder(party string) string { return filepath.Join(s.dir, party) }

func brokerCard(t *testing.T) []byte {
	t.Helper()
	key := func(n string) *signed.PrivateKey {
		return must[[]*signed.PrivateKey](t)(signed.GenerateKeys(n, signed.UseCheckpoint))[0]
	}
	audit, reg, operator := key(name+"/audit"), key(name+"/register"), key(register.OperatorName(name))
	card := &register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: audit.Public, Register: reg.Public, Operator: operator.Public, ServerKeys: register.ServerKeys{InUse: signed.HashOf("TLS key in use"), Offline: signed.HashOf("TLS key offline")},
	}}
	return must[[]byte](t)(register.SignCard(card, audit, reg, operator))
}

func readCard[C any](t *testing.T, path string, parse func([]byte) (C, error)) C {
	t.Helper()
	return must[C](t)(parse(must[[]byte](t)(os.ReadFile(path))))
}

// found lets Norway and Sweden found an exchange; both must sign for the root.
func found(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, dir: t.TempDir()}
	s.no = must[*Founder](t)(CreateFounder(s.folder("no"), "no", nil))
	s.se = must[*Founder](t)(CreateFounder(s.folder("se"), "se", nil))
	cards := []*register.FounderCard{
		readCard(t, filepath.Join(s.folder("se"), "root", "card"), register.ParseFounderCard),
		readCard(t, filepath.Join(s.folder("no"), "root", "card"), register.ParseFounderCard),
	}
	broker := must[*register.BrokerCard](t)(register.ParseBrokerCard(brokerCard(t)))
	text := must[string](t)(DraftFederation(name, 2, cards, broker))
	s.file = s.signed(text)
	s.register = must[*register.Register](t)(register.New(s.file))
	return s
}

// signed has both founders sign, and each keep the result.
func (s *story) signed(text string) []byte {
	s.t.Helper()
	first := must[*Draft](s.t)(s.se.Sign(text))
	if first.Stored != nil || len(first.Missing) != 1 || first.Missing[0] != "no/root" {
		s.t.Fatalf("after one signature: %+v", first)
	}
	second := must[*Draft](s.t)(s.no.Cosign(first.Note))
	if second.Stored == nil {
		s.t.Fatalf("after both signatures %v are missing", second.Missing)
	}
	must[*StoredEntry](s.t)(s.se.Store(second.Note))
	return second.Note
}

func (s *story) enter(note []byte) {
	s.t.Helper()
	must[int64](s.t)(s.register.Append(note))
}

// admit makes a party, and enters it.
func (s *story) admit(party, title string) *Party {
	s.t.Helper()
	p := must[*Party](s.t)(CreateParty(s.folder(party), party, title, nil))
	card := readCard(s.t, filepath.Join(s.folder(party), "authority", "card"), register.ParsePartyCard)
	admission := s.signed(must[string](s.t)(s.se.DraftAdmit(card)))
	s.enter(admission)
	if err := p.Join(s.file, admission); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func request(t *testing.T, exchange signed.Hash, addr signed.Address) []byte {
	t.Helper()
	_, opening, err := seal.NewOpeningKey()
	if err != nil {
		t.Fatal(err)
	}
	return requestWith(t, exchange, addr, opening)
}

func requestWith(t *testing.T, exchange signed.Hash, addr signed.Address, opening string) []byte {
	t.Helper()
	message := must[[]*signed.PrivateKey](t)(signed.GenerateKeys(string(addr), signed.UseMessage))
	receipts := must[[]*signed.PrivateKey](t)(signed.GenerateKeys(string(addr), signed.UseConsignment))
	key, err := certs.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	card := &register.Request{
		Exchange: exchange, Address: addr, Zone: "Europe/Helsinki",
		DeskKeys: register.DeskKeys{
			Message: signed.PublicKeys(message), Consignment: signed.PublicKeys(receipts),
			Opening: opening, Versions: []int64{1},
		},
	}
	return must[[]byte](t)(register.SignRequest(card, key, append(message, receipts...)...))
}

var directory = register.Directory{
	Title: "Yhteyspiste, 国際連絡室", Functions: []register.Function{"spoc"},
	Languages: []string{"fi", "sv"}, Hours: "24/7", Telephone: "+358 295 000 000",
}

var terms = register.Agreement{
	Title: "Nordiskt samarbete", Parties: []string{"se", "fi"}, Types: []string{"INFO_REQUEST", "ANSWER"},
	Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified,
	From: signed.At(now.Add(-time.Hour)), Until: signed.At(now.AddDate(1, 0, 0)),
}

func TestPeopleMakeAnExchange(t *testing.T) {
	s := found(t)
	fi := s.admit("fi", "Suomi")
	se := s.admit("se", "Sverige")
	types := []envelope.TypeRef{{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("x")}}
	s.enter(s.signed(must[string](t)(s.se.DraftCatalogue(schema.BundleHash{1}, types))))

	card := request(t, s.register.Exchange(), "fi.spoc")
	s.enter(must[*StoredEntry](t)(fi.Desk(card, directory, signed.Time{})).Note)
	agreement := must[*StoredEntry](t)(se.Agreement(terms))
	s.enter(agreement.Note)
	s.enter(must[*StoredEntry](t)(fi.Accede(agreement.Note)).Note)

	v := s.register.Now()
	shown := must[*register.Request](t)(register.ParseRequest(card))
	if got, err := v.Caller(shown.TLS, signed.At(now)); err != nil || got != "fi.spoc" {
		t.Errorf("its TLS key: %q, %v", got, err)
	}
	if all := v.AgreementsBetween("se", "fi", signed.At(now)); len(all) != 1 || all[0].Hash() != agreement.Hash {
		t.Errorf("agreements in force: %v", all)
	}

	// A revocation from the safe works whatever was signed since.
	safe := must[*StoredEntry](t)(fi.PreSign("fi.spoc", AllRings))
	s.enter(must[*StoredEntry](t)(fi.Desk(card, directory2(), signed.Time{})).Note)
	s.enter(safe.Note)
	if v := s.register.Now(); !v.Revoked("fi.spoc", register.Online) || !v.Revoked("fi.spoc", register.Locked) {
		t.Error("the revocation from the safe revoked nothing")
	}
	// And it leaves the party's chain alone.
	since := signed.At(now)
	s.enter(must[*StoredEntry](t)(fi.Desk(request(t, s.register.Exchange(), "fi.spoc"), directory, signed.Time{})).Note)
	s.enter(must[*StoredEntry](t)(fi.Revoke("fi.spoc", register.RingLocked, since)).Note)
	s.enter(s.signed(must[string](t)(s.no.DraftRevoke(s.party("fi"), since))))
	if slices.ContainsFunc(s.register.Now().Parties(), func(p *register.Party) bool { return p.Name == "fi" }) {
		t.Error("the root revoked Finland, which is still in force")
	}
}

func directory2() register.Directory {
	d := directory
	d.Telephone = "+358 295 000 111"
	return d
}

func TestCosignRefuses(t *testing.T) {
	s := found(t)
	must[*Party](t)(CreateParty(s.folder("fi"), "fi", "Suomi", nil))
	card := readCard(t, filepath.Join(s.folder("fi"), "authority", "card"), register.ParsePartyCard)
	text := must[string](t)(s.se.DraftAdmit(card))
	draft := must[*Draft](t)(s.se.Sign(text)).Note

	altered := bytes.Replace(draft, []byte("Suomi"), []byte("Suoma"), 1)
	if _, err := s.no.Cosign(altered); problem.CodeOf(err) != problem.SignatureInvalid {
		t.Errorf("a draft altered on the way: %v", err)
	}
	dk := must[*Founder](t)(CreateFounder(s.folder("dk"), "dk", nil))
	if _, err := dk.Cosign(draft); err == nil {
		t.Error("a stranger signed")
	}
	if _, err := dk.join(s.file); err != nil {
		t.Fatal(err)
	}
	if _, err := dk.Cosign(draft); err == nil {
		t.Error("one who is no founder signed")
	}
	other := found(t)
	if _, err := other.no.Cosign(draft); err == nil {
		t.Error("a founder of another exchange signed")
	}
	if _, err := s.no.Store(draft); problem.CodeOf(err) != problem.SignatureMissing {
		t.Errorf("an unfinished draft was kept: %v", err)
	}
}

// Two of three founders sign for the root; the third keeps what they made, and
// its next draft follows.
func TestTwoOfThreeFounders(t *testing.T) {
	dir := t.TempDir()
	var all []*Founder
	var cards []*register.FounderCard
	for _, party := range []string{"dk", "no", "se"} {
		f := must[*Founder](t)(CreateFounder(filepath.Join(dir, party), party, nil))
		all = append(all, f)
		cards = append(cards, readCard(t, f.path("root", "card"), register.ParseFounderCard))
	}
	dk, no, se := all[0], all[1], all[2]
	broker := must[*register.BrokerCard](t)(register.ParseBrokerCard(brokerCard(t)))
	d := must[*Draft](t)(se.Sign(must[string](t)(DraftFederation(name, 2, cards, broker))))
	for _, f := range []*Founder{dk, no, se, dk} { // the last two store what is complete
		d = must[*Draft](t)(f.Cosign(d.Note))
	}
	r := must[*register.Register](t)(register.New(d.Note))

	// The drafter is always one of the signers, whatever the order of names.
	types := []envelope.TypeRef{{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("x")}}
	d = must[*Draft](t)(se.Sign(must[string](t)(se.DraftCatalogue(schema.BundleHash{1}, types))))
	if d.Stored != nil || len(d.Missing) != 1 || d.Missing[0] != "dk/root" {
		t.Fatalf("still to sign: %v", d.Missing)
	}
	if _, err := no.Cosign(d.Note); problem.CodeOf(err) != problem.NotEntitled {
		t.Errorf("one whom the draft doesn't name signed: %v", err)
	}
	d = must[*Draft](t)(dk.Cosign(d.Note))
	must[int64](t)(r.Append(d.Note))
	must[*Draft](t)(no.Cosign(d.Note))
	types[0].Version = "1.1"
	d = must[*Draft](t)(no.Sign(must[string](t)(no.DraftCatalogue(schema.BundleHash{1}, types, "no", "se"))))
	if _, err := se.Cosign(d.Note); err != nil {
		t.Fatal(err)
	}
}

func TestPartyRefuses(t *testing.T) {
	s := found(t)
	fi := s.admit("fi", "Suomi")
	exchange := s.register.Exchange()
	other := found(t)
	otherFi := other.admit("fi", "Suomi")
	foreign := must[*StoredEntry](t)(otherFi.Agreement(terms))

	for what, do := range map[string]func() error{
		"request of another exchange": func() error {
			_, err := fi.Desk(request(t, other.register.Exchange(), "fi.spoc"), directory, signed.Time{})
			return err
		},
		"desk of another party": func() error {
			_, err := fi.Desk(request(t, exchange, "se.spoc"), directory, signed.Time{})
			return err
		},
		"opening key that is none": func() error {
			_, err := fi.Desk(requestWith(t, exchange, "fi.spoc", "age1pq1poison"), directory, signed.Time{})
			return err
		},
		"function that isn't": func() error {
			d := directory
			d.Functions = []register.Function{"kiosk"}
			_, err := fi.Desk(request(t, exchange, "fi.spoc"), d, signed.Time{})
			return err
		},
		"agreement of another exchange": func() error {
			_, err := fi.Accede(foreign.Note)
			return err
		},
		"revocation of another's desk": func() error {
			_, err := fi.Revoke("se.spoc", AllRings, signed.Time{})
			return err
		},
		"joining another exchange": func() error {
			return fi.Join(other.file, must[[]byte](t)(os.ReadFile(filepath.Join(other.folder("fi"), "entries", "party", "0000-party-fi"))))
		},
		"a second pair in the same folder": func() error {
			_, err := CreateParty(s.folder("fi"), "fi", "Suomi", nil)
			return err
		},
		"revocation of a desk that this folder does not know": func() error {
			_, err := fi.Revoke("fi.ncb", AllRings, signed.Time{})
			return err
		},
		"revocation of a ring that isn't": func() error {
			_, err := fi.Revoke("fi.spoc", "both", signed.Time{})
			return err
		},
	} {
		if do() == nil {
			t.Errorf("%s: done", what)
		}
	}
	if last := must[signed.Hash](t)(fi.ownChain().last()); last != previous(t, s, "fi") {
		t.Error("a refusal left an entry in the chain")
	}
}

// party is a party in force.
func (s *story) party(name string) *register.Party {
	s.t.Helper()
	all := s.register.Now().Parties()
	i := slices.IndexFunc(all, func(p *register.Party) bool { return p.Name == name })
	if i < 0 {
		s.t.Fatalf("%s is no party in force", name)
	}
	return all[i]
}

// A party gets a new authority by an entry that the one in force signs too.
func TestNewAuthority(t *testing.T) {
	s := found(t)
	old := s.admit("fi", "Suomi")
	must[*Party](t)(CreateParty(s.folder("fi-new"), "fi", "Suomi", nil))
	card := readCard(t, filepath.Join(s.folder("fi-new"), "authority", "card"), register.ParsePartyCard)
	alone := s.signed(must[string](t)(s.se.DraftAdmit(card)))
	if _, err := s.register.Append(alone); problem.CodeOf(err) != problem.NotEntitled {
		t.Errorf("by the root alone: %v", err)
	}
	for _, f := range []*Founder{s.no, s.se} {
		if err := f.Follow(s.register); err != nil {
			t.Fatal(err)
		}
	}

	first := must[*Draft](t)(s.se.Sign(must[string](t)(s.se.DraftAdmitAgain(card))))
	if !slices.Equal(first.Missing, []string{"fi", "no/root"}) {
		t.Fatalf("still to sign: %v", first.Missing)
	}
	se := s.admit("se", "Sverige")
	if _, err := se.Cosign(first.Note); problem.CodeOf(err) != problem.NotEntitled {
		t.Errorf("another party signed: %v", err)
	}
	for _, f := range []*Founder{s.no, s.se} {
		if err := f.Follow(s.register); err != nil {
			t.Fatal(err)
		}
	}
	first = must[*Draft](t)(s.se.Sign(must[string](t)(s.se.DraftAdmitAgain(card))))
	second := must[*Draft](t)(old.Cosign(first.Note))
	if !slices.Equal(second.Missing, []string{"no/root"}) {
		t.Fatalf("still to sign: %v", second.Missing)
	}
	third := must[*Draft](t)(s.no.Cosign(second.Note))
	if third.Stored == nil {
		t.Fatalf("still to sign: %v", third.Missing)
	}
	s.enter(third.Note)
	renewed := must[*Party](t)(OpenParty(s.folder("fi-new"), nil))
	if err := renewed.Join(s.file, third.Note); err != nil {
		t.Fatal(err)
	}
	s.enter(must[*StoredEntry](t)(renewed.Desk(request(t, s.register.Exchange(), "fi.spoc"), directory, signed.Time{})).Note)
	if _, err := s.register.Append(must[*StoredEntry](t)(old.Desk(request(t, s.register.Exchange(), "fi.ncb"), directory, signed.Time{})).Note); err == nil {
		t.Error("the old authority signs on")
	}
}

func previous(t *testing.T, s *story, signer string) signed.Hash {
	t.Helper()
	h, ok := s.register.Previous(signer)
	if !ok {
		t.Fatalf("%s is not in the register", signer)
	}
	return h
}

// An entry that the broker refused leaves the chain by Follow; one that was
// made on another machine enters it.
func TestFollow(t *testing.T) {
	s := found(t)
	fi := s.admit("fi", "Suomi")
	card := request(t, s.register.Exchange(), "fi.spoc")
	s.enter(must[*StoredEntry](t)(fi.Desk(card, directory, signed.Time{})).Note)
	lost := must[*StoredEntry](t)(fi.Desk(card, directory2(), signed.Time{}))
	if err := fi.Follow(s.register); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lost.File); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the entry that was never entered is still in the chain: %v", err)
	}
	s.enter(must[*StoredEntry](t)(fi.Revoke("fi.spoc", register.RingOnline, signed.Time{})).Note)

	if err := os.RemoveAll(filepath.Join(s.folder("fi"), "entries")); err != nil {
		t.Fatal(err)
	}
	if err := fi.Follow(s.register); err != nil {
		t.Fatal(err)
	}
	s.enter(must[*StoredEntry](t)(fi.Revoke("fi.spoc", register.RingLocked, signed.Time{})).Note)

	if err := os.RemoveAll(filepath.Join(s.folder("se"), "entries")); err != nil {
		t.Fatal(err)
	}
	if err := s.se.Follow(s.register); err != nil {
		t.Fatal(err)
	}
	s.enter(s.signed(must[string](t)(s.se.DraftRevoke(s.party("fi"), signed.Time{}))))
}

func TestKeysUnderPassphrase(t *testing.T) {
	dir := t.TempDir()
	p := must[*Party](t)(CreateParty(dir, "fi", "Suomi", []byte("lumi on valkoista")))
	path := filepath.Join(dir, "authority", "key")
	b := must[[]byte](t)(os.ReadFile(path))
	if bytes.Contains(b, []byte("ed25519")) {
		t.Error("the key lies open")
	}
	if info := must[os.FileInfo](t)(os.Stat(path)); info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v", info.Mode())
	}
	again := must[*Party](t)(OpenParty(dir, []byte("lumi on valkoista")))
	if again.Name != "fi" || !bytes.Equal(again.keys[1].Public.Bytes, p.keys[1].Public.Bytes) {
		t.Error("another pair was opened")
	}
	if _, err := OpenParty(dir, []byte("lumi on mustaa")); !errors.Is(err, seal.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if _, err := OpenFounder(dir, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a founder where there is none: %v", err)
	}
}

// Killed after the card and before the key, a folder can be made again.
func TestCreateAfterKill(t *testing.T) {
	dir := t.TempDir()
	must[*Party](t)(CreateParty(dir, "fi", "Suomi", nil))
	if err := os.Remove(filepath.Join(dir, "authority", "key")); err != nil {
		t.Fatal(err)
	}
	p := must[*Party](t)(CreateParty(dir, "fi", "Suomi", nil))
	card := readCard(t, filepath.Join(dir, "authority", "card"), register.ParsePartyCard)
	if !bytes.Equal(card.Keys[0].Bytes, p.keys[0].Public.Bytes) {
		t.Error("the card shows the keys that were lost")
	}
}
