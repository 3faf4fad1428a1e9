package register

import (
	"bytes"
	"slices"
	"testing"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

var cardReaders = map[string]func([]byte) (Card, error){
	founderCardForm.Title: func(b []byte) (Card, error) { return ParseFounderCard(b) },
	partyCardForm.Title:   func(b []byte) (Card, error) { return ParsePartyCard(b) },
	brokerCardForm.Title:  func(b []byte) (Card, error) { return ParseBrokerCard(b) },
	requestForm.Title:     func(b []byte) (Card, error) { return ParseRequest(b) },
}

type shown struct {
	Card
	keys []*signed.PrivateKey
}

func cards(t testing.TB) map[string]shown {
	t.Helper()
	f := federation()
	r := ringsOf("fi.spoc", 0)
	request := found(t).request("fi.spoc", r)
	r.prove(t, request)
	return map[string]shown{
		founderCardForm.Title: {&FounderCard{f.Founders[0]}, rootKeys("no")},
		partyCardForm.Title:   {&PartyCard{"fi", "Suomi", signed.PublicKeys(partyKeys("fi"))}, partyKeys("fi")},
		brokerCardForm.Title: {&BrokerCard{f.Name, f.Broker}, []*signed.PrivateKey{
			logKey(f.Audit.Name), logKey(f.Register.Name), logKey(f.Operator.Name),
		}},
		requestForm.Title: {
			request, slices.Concat(r.message, r.consignment),
		},
	}
}

func sampleCards(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for form, c := range cards(t) {
		b, err := SignCard(c.Card, c.keys...)
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		out[form] = b
	}
	return out
}

func TestCardsRoundTrip(t *testing.T) {
	for form, b := range sampleCards(t) {
		c, err := cardReaders[form](b)
		if err != nil || !bytes.HasPrefix(b, []byte(c.Text()+"\n")) {
			t.Errorf("%s: %v", form, err)
		}
	}
}

func TestCardsRefused(t *testing.T) {
	samples := sampleCards(t)
	for form, c := range cards(t) {
		read := cardReaders[form]
		wrong := func(what string, want problem.Code, b []byte) {
			t.Helper()
			_, err := read(b)
			if problem.CodeOf(err) != want {
				t.Errorf("%s, %s: %v, want %s", form, what, err, want)
			}
		}
		if _, err := SignCard(c.Card, c.keys[1:]...); problem.CodeOf(err) != problem.SignatureMissing {
			t.Errorf("%s made without a signature: %v", form, err)
		}
		b := note(t, c.Text(), c.keys[1:]...)
		wrong("signature missing", problem.SignatureMissing, b)
		wrong("signature extra", problem.SignatureExtra, note(t, c.Text(), append(slices.Clone(c.keys), partyKeys("se")[0])...))
		wrong("oversize", problem.Oversize, make([]byte, maxCard+1))
		wrong("bytes after", problem.TextMalformed, append(bytes.Clone(samples[form]), 'x'))
		for other, b := range samples {
			if other != form {
				wrong("is "+other, problem.TextMalformed, b)
			}
		}
		line := []byte("exchange -")
		if form == requestForm.Title {
			line = []byte("exchange " + federation().Hash().String())
		}
		altered := bytes.Replace(samples[form], line, []byte("exchange "+signed.HashOf("x").String()), 1)
		want := problem.TextMalformed
		if form == requestForm.Title {
			want = problem.SignatureInvalid
		}
		wrong("other exchange", want, altered)
	}
	// A broker whose second TLS key is its first.
	f := federation()
	f.Offline = f.InUse
	keys := cards(t)[brokerCardForm.Title].keys
	if _, err := ParseBrokerCard(note(t, (&BrokerCard{f.Name, f.Broker}).Text(), keys...)); problem.CodeOf(err) != problem.EntryInvalid {
		t.Errorf("one TLS key: %v", err)
	}
}
