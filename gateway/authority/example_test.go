package authority_test

import (
	"fmt"
	"os"
	"path/filepath"

	"samband/gateway/authority"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// Norway and Sweden found an exchange together and admit Finland, by files that go
// from hand to hand.
func Example() {
	dir, err := os.MkdirTemp("", "parties-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	no, err := authority.CreateFounder(filepath.Join(dir, "no"), "no", nil)
	if err != nil {
		panic(err)
	}
	se, err := authority.CreateFounder(filepath.Join(dir, "se"), "se", nil)
	if err != nil {
		panic(err)
	}
	fi, err := authority.CreateParty(filepath.Join(dir, "fi"), "fi", "Suomi", nil)
	if err != nil {
		panic(err)
	}
	founders := []*register.FounderCard{
		read(filepath.Join(dir, "no", "root", "card"), register.ParseFounderCard),
		read(filepath.Join(dir, "se", "root", "card"), register.ParseFounderCard),
	}

	// Norway drafts, Sweden signs the same text: the file is the exchange.
	text, err := authority.DraftFederation("nordic.example", 2, founders, brokerCard("nordic.example"))
	if err != nil {
		panic(err)
	}
	federation := sign(text, no, se)

	// The same way they admit Finland, whose entries then need its own keys alone.
	text, err = no.DraftAdmit(read(filepath.Join(dir, "fi", "authority", "card"), register.ParsePartyCard))
	if err != nil {
		panic(err)
	}
	admission := sign(text, no, se)
	fmt.Println(fi.Join(federation, admission))
	r, err := register.Replay([][]byte{federation, admission})
	if err != nil {
		panic(err)
	}
	for _, p := range r.Now().Parties() {
		fmt.Println(p.Name, p.Title)
	}
	// Output:
	// still to sign: [se/root]
	// still to sign: []
	// still to sign: [se/root]
	// still to sign: []
	// <nil>
	// fi Suomi
}

// sign lets two founders sign a text; each stores the complete note, so that the root's
// next entry follows it.
func sign(text string, first, second *authority.Founder) []byte {
	draft, err := first.Sign(text)
	if err != nil {
		panic(err)
	}
	fmt.Println("still to sign:", draft.Missing)
	if draft, err = second.Cosign(draft.Note); err != nil {
		panic(err)
	}
	fmt.Println("still to sign:", draft.Missing)
	if _, err := first.Store(draft.Note); err != nil {
		panic(err)
	}
	return draft.Note
}

func read[T any](path string, parse func([]byte) (T, error)) T {
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	card, err := parse(b)
	if err != nil {
		panic(err)
	}
	return card
}

// brokerCard is what samband-broker init shows the founders.
func brokerCard(name string) *register.BrokerCard {
	var keys []*signed.PublicKey
	for _, n := range []string{name + "/audit", name + "/register", register.OperatorName(name)} {
		k, err := signed.GenerateKeys(n, signed.UseCheckpoint)
		if err != nil {
			panic(err)
		}
		keys = append(keys, k[0].Public)
	}
	return &register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: keys[0], Register: keys[1], Operator: keys[2],
		ServerKeys: register.ServerKeys{InUse: signed.HashOf("TLS key in use"), Offline: signed.HashOf("TLS key offline")},
	}}
}
