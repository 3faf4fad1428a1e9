package api

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// FuzzAnswer: what is read as an answer is written again with the same meaning;
// everything else is a refusal of the closed list, and one that the contract
// doesn't know ends no message.
func FuzzAnswer(f *testing.F) {
	hash := signed.HashOf("a hash")
	event := &LoggedEvent{envelope.HandedOver, []byte("note"), "proof", Hashes{hash}}
	refused := (&Refusal{Problem: problem.New(problem.AlreadyEnded, "words"), Proof: "proof", Stands: event}).Document()
	catchup := Catchup{AuditCatchup{"checkpoint", Hashes{hash}}, RegisterCatchup{"checkpoint", [][]byte{[]byte("entry")}}}
	for _, a := range []any{
		SubmitAnswer{[]SubmitItem{{hash, "proof", event, event, nil}, {Hash: hash, Problem: refused}}, catchup},
		StateAnswer{[]StateItem{{hash, "proof", nil}, {Hash: hash, Problem: refused}}, catchup},
		ConsistencyAnswer{Hashes{hash, hash}},
		InboxAnswer{[]InboxItem{{[]byte("envelope"), "proof", event, Hashes{hash}}}, Held{hash}, true, catchup},
		ProgressAnswer{[]ProgressItem{{9, signed.ID{1}, "se.spoc", hash, 8, *event}}, 10, []Again{{signed.ID{1}, hash}}, true, catchup},
		RegisterAnswer{"checkpoint", [][]byte{[]byte("entry")}},
	} {
		b, err := json.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(http.StatusOK, JSONType, b)
		f.Add(http.StatusOK, "application/json; charset=utf-8", b[:len(b)-1])
	}
	f.Add(http.StatusNoContent, "", []byte{})
	f.Add(http.StatusUnprocessableEntity, ProblemType, []byte("{}"))
	f.Fuzz(func(t *testing.T, status int, mediaType string, body []byte) {
		header := http.Header{"Content-Type": {mediaType}}
		bounded[SubmitAnswer](t, status, header, body)
		bounded[StateAnswer](t, status, header, body)
		bounded[InboxAnswer](t, status, header, body)
		bounded[ProgressAnswer](t, status, header, body)
		bounded[RegisterAnswer](t, status, header, body)
		bounded[ConsistencyAnswer](t, status, header, body)
	})
}

func bounded[A any](t *testing.T, status int, header http.Header, body []byte) {
	t.Helper()
	a, err := read[A](status, header, body)
	if err != nil {
		p, named := problem.Of(err)
		if !named || a != nil {
			t.Fatalf("%T: %v", a, err)
		}
		if status == http.StatusOK && p.Class() != problem.Retry {
			t.Fatalf("%T: an answer that can't be read ends a message: %v", a, err)
		}
		return
	}
	written, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	again, err := read[A](http.StatusOK, http.Header{"Content-Type": {JSONType}}, written)
	if err != nil {
		t.Fatalf("%s is written as %s, which is refused: %v", body, written, err)
	}
	if twice, err := json.Marshal(again); err != nil || string(twice) != string(written) {
		t.Fatalf("%s is read and written as %s", written, twice)
	}
}

// FuzzCutSequence: what is cut into items is what the items are written as again.
func FuzzCutSequence(f *testing.F) {
	f.Add(sequence([][]byte{[]byte("one"), nil, []byte("three")}))
	f.Add(sequence(make([][]byte, MaxItems)))
	f.Add(sequence(make([][]byte, MaxItems+1)))
	f.Add([]byte{0, 0, 0, 2, 1})
	f.Add([]byte{255, 255, 255, 255})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := CutSequence(b)
		if err != nil {
			if problem.CodeOf(err) != problem.TextMalformed || items != nil {
				t.Fatalf("%d items, %v", len(items), err)
			}
			return
		}
		if len(items) == 0 || len(items) > MaxItems || string(sequence(items)) != string(b) {
			t.Errorf("%q is cut into %d items, which are written as %q", b, len(items), sequence(items))
		}
	})
}

// FuzzHeld: what is held has one spelling, in a body that has one.
func FuzzHeld(f *testing.F) {
	one, other := signed.Hash{1}, signed.Hash{2}
	for _, h := range []Held{nil, {one}, {one, other}} {
		b, err := json.Marshal(inboxBody{h})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	two := base64.StdEncoding.EncodeToString(append(other[:], one[:]...))
	for _, body := range []string{"", "[]", "null", `{"held":""}`, `{"held":null}`, `{"held":"AAAA"}`, `{"held":"` + two + `"}`, `{"held":"","held":""}`, `{"Held":""}`, `{} `, `{"wait":1}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		ask, err := parseAsk(url.Values{}, []byte(body))
		if err != nil {
			if problem.CodeOf(err) != problem.TextMalformed || len(ask.Held) > 0 {
				t.Fatalf("%d held, %v", len(ask.Held), err)
			}
			return
		}
		again, err := json.Marshal(inboxBody{ask.Held})
		if err != nil || string(again) != body || len(ask.Held) > MaxHeld {
			t.Fatalf("%q is read as %d held, which are written as %q: %v", body, len(ask.Held), again, err)
		}
		for i := 1; i < len(ask.Held); i++ {
			if bytes.Compare(ask.Held[i-1][:], ask.Held[i][:]) >= 0 {
				t.Fatalf("%q is not in order", body)
			}
		}
	})
}

// The bounds of what is held: as many as there may be pass, and one more does not.
func TestHeldHasABound(t *testing.T) {
	held := make(Held, MaxHeld+1)
	for i := range held {
		binary.BigEndian.PutUint32(held[i][:], uint32(i))
	}
	body, err := json.Marshal(inboxBody{held[:MaxHeld]})
	if err != nil || int64(len(body)) != maxInbox {
		t.Fatalf("%d bytes, the bound is %d: %v", len(body), maxInbox, err)
	}
	if ask, err := parseAsk(url.Values{}, body); err != nil || !slices.Equal(ask.Held, held[:MaxHeld]) {
		t.Errorf("%d of %d are read: %v", len(ask.Held), MaxHeld, err)
	}
	if _, err := json.Marshal(inboxBody{held}); err == nil {
		t.Error("one more than the bound is written")
	}
	var raw []byte
	for i := range held {
		raw = append(raw, held[i][:]...)
	}
	if err := new(Held).UnmarshalText(base64.StdEncoding.AppendEncode(nil, raw)); err == nil {
		t.Error("one more than the bound is read")
	}
}

// FuzzHashes: a consistency proof has one spelling.
func FuzzHashes(f *testing.F) {
	hash := signed.HashOf("a hash")
	for _, h := range []Hashes{nil, {hash}, {hash, hash}, make(Hashes, maxHashes)} {
		b, err := h.MarshalText()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("AAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var h Hashes
		if h.UnmarshalText(text) != nil {
			return
		}
		if again, err := h.MarshalText(); err != nil || string(again) != string(text) {
			t.Errorf("%q is read and written as %q, %v", text, again, err)
		}
	})
}

// named fails on an error that is not a problem of the closed list.
func named(t *testing.T, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	if _, ok := problem.Of(err); !ok {
		t.Fatalf("%v is not a problem", err)
	}
	return false
}

func FuzzPage(f *testing.F) {
	f.Add("after=4712&wait=55&limit=20")
	f.Add("")
	f.Add("after=")
	f.Add("limit=1&limit=2")
	f.Add("after=1;wait=2")
	f.Add("after=%31")
	f.Add("wait=99999999999999999999")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		p, err := parsePage(query)
		if !named(t, err) {
			return
		}
		if p.Wait < 0 || p.Wait > MaxWait || p.Limit < 1 || p.Limit > MaxLimit || p.After < 0 {
			t.Errorf("%q is read as %+v", raw, p)
		}
		again, err := parsePage(url.Values{"after": {p.After.String()}, "wait": {signed.FormatInt(int64(p.Wait.Seconds()))}, "limit": {signed.FormatInt(int64(p.Limit))}})
		if err != nil || again != p {
			t.Errorf("%+v is read again as %+v, %v", p, again, err)
		}
	})
}

func FuzzWant(f *testing.F) {
	f.Add([]byte(`{"message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`))
	f.Add([]byte(`{"message":"","message":"KkpIUX1hyFsblz13FK/QIg2r6UbGm3hSZcFnx2mRZ1s="}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		want, err := parseWant(body)
		if !named(t, err) {
			return
		}
		if again, err := json.Marshal(want); err != nil || string(again) != string(body) {
			t.Errorf("%q is read and written as %q", body, again)
		}
	})
}
