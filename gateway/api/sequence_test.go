package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

func TestCutSequence(t *testing.T) {
	most := make([][]byte, MaxItems)
	for _, items := range [][][]byte{{{}}, {[]byte("one")}, {[]byte("one"), {}, []byte("three")}, most} {
		got, err := CutSequence(sequence(items))
		if err != nil || !slices.EqualFunc(got, items, bytes.Equal) {
			t.Errorf("%q is cut into %q, %v", items, got, err)
		}
	}
	whole := sequence([][]byte{[]byte("one"), []byte("two")})
	for name, b := range map[string][]byte{
		"no item":                nil,
		"257 items":              sequence(append(most, nil)),
		"cut in an item":         whole[:len(whole)-1],
		"cut in a length":        whole[:len(whole)-len("two")-1],
		"a length past the end":  {0, 0, 0, 2, 'x'},
		"the longest length":     {255, 255, 255, 255, 'x'},
		"bytes behind the last":  append(slices.Clip(whole), 0, 0, 0),
		"an item without length": []byte("samband/message/v1\n"),
	} {
		if items, err := CutSequence(b); problem.CodeOf(err) != problem.TextMalformed || items != nil {
			t.Errorf("%s: %q, %v", name, items, err)
		}
	}
	// An item can't be appended to over the one behind it.
	items, _ := CutSequence(whole)
	_ = append(items[0], "overwritten"...)
	if string(items[1]) != "two" {
		t.Errorf("the second item became %q", items[1])
	}
}

func TestHashesOnTheWire(t *testing.T) {
	for _, n := range []int{1, 2, maxHashes} {
		sent := ConsistencyAnswer{}
		for i := range n {
			sent.Consistency = append(sent.Consistency, signed.HashOf(signed.FormatInt(int64(i))))
		}
		var got ConsistencyAnswer
		if err := json.Unmarshal([]byte(encoded(t, sent)), &got); err != nil || !slices.Equal(got.Consistency, sent.Consistency) {
			t.Errorf("%d hashes are read as %d, %v", n, len(got.Consistency), err)
		}
	}
	if b := encoded(t, ConsistencyAnswer{}); b != "{}" {
		t.Errorf("no hashes are written as %s", b)
	}
	one := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, text := range map[string]string{
		"no multiple of 32":  base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"65 hashes":          base64.StdEncoding.EncodeToString(make([]byte, 65*32)),
		"no base64":          "not base64",
		"without padding":    one[:len(one)-1],
		"unused bits":        one[:len(one)-2] + "B=",
		"a line in between":  one[:20] + "\n" + one[20:],
		"two strings in one": one + one,
	} {
		if err := new(Hashes).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := make(Hashes, maxHashes+1).MarshalText(); err == nil {
		t.Error("65 hashes are written")
	}
}

// A broker that answers about other items than those sent has not answered: the
// call is repeated, and nothing is believed of any item.
func TestAnswersOutOfPlace(t *testing.T) {
	sent := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	submitted := make([]SubmitItem, len(sent))
	stated := make([]StateItem, len(sent))
	for i, b := range sent {
		submitted[i] = SubmitItem{Hash: signed.HashOf(b), Acceptance: "proof"}
		stated[i] = StateItem{Hash: signed.HashOf(b), Proof: "proof"}
	}
	for name, order := range map[string][]int{
		"swapped": {1, 0, 2}, "one missing": {0, 1}, "first missing": {1, 2}, "none": {},
		"one doubled": {0, 0, 2}, "one more": {0, 1, 2, 2}, "in place": {0, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var submit SubmitAnswer
			var state StateAnswer
			for _, i := range order {
				submit.Items, state.Items = append(submit.Items, submitted[i]), append(state.Items, stated[i])
			}
			answer := map[string]string{"/v1/envelopes": encoded(t, submit), "/v1/statements": encoded(t, state)}
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { answerWith(200, JSONType, answer[r.URL.Path])(w, r) })
			a, err := c.Submit(context.Background(), Heads{}, sent)
			s, stateErr := c.State(context.Background(), Heads{}, sent)
			if name == "in place" {
				if err != nil || stateErr != nil {
					t.Errorf("%v, %v", err, stateErr)
				}
				return
			}
			for _, err := range []error{err, stateErr} {
				if p, ok := problem.Of(err); !ok || p.Code != problem.Internal || p.Class() != problem.Retry {
					t.Errorf("error %v", err)
				}
			}
			if a != nil || s != nil {
				t.Error("there is an answer nevertheless")
			}
		})
	}
}
