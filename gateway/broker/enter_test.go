package broker_test

import (
	"bytes"
	"strings"
	"testing"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// hands hands in a register entry, and verifies what leads to the register that has it.
func (h *keyedDesk) hands(note []byte) (*api.EnterItem, error) {
	heads := h.heads()
	a, err := h.client.Enter(h.world.Context(), heads, note)
	if err != nil {
		return nil, err
	}
	h.learn(heads, &a.Catchup)
	return &a.Items[0], a.Items[0].Refusal()
}

// accedes is an entry of Norway, which follows its last one, by some party's keys.
func (w *world) accedes(keysOf string) []byte {
	w.Helper()
	keys, err := w.PartyKeys(keysOf)
	check(w, err)
	return w.sign((&register.Accession{Link: w.link("no"), Agreement: w.agreement}).Text(), keys)
}

// Who carries an entry is nothing to the law: a desk of Norway hands in what Sweden
// signed. The answer is its place, where the register has the very bytes; the same bytes
// get the same place again, from another desk too, and what their revocation says holds at
// once.
func TestADeskHandsInAnEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi, no := w.desks["se.spoc"], w.desks["fi.spoc"], w.desks["no.spoc"]
	revoked := w.party("se", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "se.spoc", Rings: w.rings("se.spoc", register.Locked)}
	})
	size := b.Started().Register.Size
	item, err := no.hands(revoked)
	check(t, err)
	if item.Index != size || item.Hash != signed.HashOf(revoked) || no.heads().Register != size+1 {
		t.Errorf("the entry is %+v behind %d entries, and the desk verified %d", item, size, no.heads().Register)
	}
	page, err := no.client.Register(t.Context(), api.Heads{}, item.Index, 1, 1)
	check(t, err)
	if len(page.Entries) != 1 || !bytes.Equal(page.Entries[0], revoked) {
		t.Error("the register has something else at that place")
	}
	_, err = se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.KeyRevoked)

	logged := b.logSize()
	for _, h := range []*keyedDesk{no, fi} {
		if again, err := h.hands(revoked); err != nil || again.Index != item.Index {
			t.Errorf("handed in again by %s: %+v, %v", h.Address, again, err)
		}
	}
	b.stop()
	b = w.start()
	if again, err := fi.hands(revoked); err != nil || again.Index != item.Index {
		t.Errorf("handed in again after a restart: %+v, %v", again, err)
	}
	if got := b.Started(); got.Register.Size != size+1 || got.Audit.Size != logged {
		t.Errorf("repeats left entries: the register has %d, the log %d of %d", got.Register.Size, got.Audit.Size, logged)
	}
	b.stop()
	w.checkLogs()
}

// A refusal has the register's own code, and its proof: a record of the log that names who
// carried which bytes. It binds nobody: the same bytes enter once they fit.
func TestARefusedEntryIsProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	no := w.desks["no.spoc"]
	size := b.Started().Register.Size
	own, foreign := w.accedes("no"), w.accedes("fi")
	before := w.party("no", func(l register.Link) register.Entry { return w.desks["no.spoc"].entry(l) })
	early := w.party("no", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "no.spoc", Rings: w.rings("no.spoc", register.Locked)}
	})
	for name, c := range map[string]struct {
		note []byte
		code problem.Code
	}{
		"nothing":           {nil, problem.TextMalformed},
		"a poem":            {[]byte("roses are red\n"), problem.TextMalformed},
		"federation file":   {w.Federation(), problem.EntryInvalid},
		"in another's name": {bytes.Replace(own, []byte("signer no"), []byte("signer fi"), 1), problem.EntryOutOfOrder},
		"by another's keys": {foreign, problem.SignatureMissing},
		"before its turn":   {early, problem.EntryOutOfOrder},
		"a signature lacks": {own[:bytes.LastIndexByte(own[:len(own)-1], '\n')+1], problem.SignatureMissing},
		"not theirs to say": {own, problem.NotEntitled},
	} {
		item, err := no.hands(c.note)
		if problem.CodeOf(err) != c.code {
			t.Errorf("%s: %v, expected %s", name, err, c.code)
			continue
		}
		r := w.prove(wants(t, err, c.code).Proof)
		if r.Kind != envelope.Rejected || r.Caller != "no.spoc" || r.TextHash != envelope.HashOfBytes(c.note) || r.Code != c.code || item.Index != 0 {
			t.Errorf("%s is refused by the record %+v", name, r)
		}
	}
	if _, err := no.client.Enter(t.Context(), api.Heads{}, make([]byte, register.MaxEntry+1)); problem.CodeOf(err) != problem.Oversize {
		t.Errorf("too long an entry: %v", err)
	}
	if _, err := no.client.Enter(t.Context(), api.Heads{Register: 1000}, before); problem.CodeOf(err) != problem.HeadAhead {
		t.Errorf("from a caller that is ahead: %v", err)
	}
	if got := b.Started().Register.Size; got != size {
		t.Fatalf("the register grew from %d to %d", size, got)
	}
	for n, note := range [][]byte{before, early} {
		if item, err := no.hands(note); err != nil || item.Index != size+int64(n) {
			t.Errorf("in its turn: %+v, %v", item, err)
		}
	}
}

// What enters takes from the party that signed, what is refused from the desk that carried
// it; and a revocation passes when both are used up.
func TestWhoPaysForAnEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.limited(broker.Quotas{Entries: 8, EntriesADay: 24, Refusals: 3, RefusalsAMinute: 1})
	no := w.desks["no.spoc"]
	var err error
	for err == nil {
		keys, keysErr := w.PartyKeys("se")
		check(t, keysErr)
		note := w.sign(w.desks["se.spoc"].entry(w.link("se")).Text(), keys)
		var a *api.EnterAnswer
		a, err = no.client.Enter(t.Context(), api.Heads{}, note)
		check(t, err)
		if err = a.Items[0].Refusal(); err == nil {
			w.enter(note)
		}
	}
	if p := wants(t, err, problem.QuotaExhausted).Problem; !strings.Contains(p.Detail, "the party se") {
		t.Errorf("who carries it pays: %s", p.Detail)
	}
	for range 3 {
		_, err = no.hands([]byte("roses are red\n"))
		wants(t, err, problem.TextMalformed)
	}
	size := b.logSize()
	_, err = no.hands([]byte("roses are red\n"))
	wants(t, err, problem.BudgetExhausted)
	if b.logSize() != size {
		t.Error("a refusal beyond the budget left an entry")
	}
	revoked := w.party("se", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "se.spoc", Rings: w.rings("se.spoc", register.Locked)}
	})
	if _, err := no.hands(revoked); err != nil {
		t.Errorf("a revocation: %v", err)
	}
}

// Two desks that hand in the same entry at once hear of one place.
func TestOneEntryByTwoDesksAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	size := b.Started().Register.Size
	note := w.party("se", func(l register.Link) register.Entry { return w.desks["se.spoc"].entry(l) })
	places := make(chan int64)
	for _, h := range w.desks {
		go func() {
			a, err := h.client.Enter(t.Context(), api.Heads{}, note)
			if err != nil || a.Items[0].Index == 0 {
				t.Errorf("handed in by %s: %+v, %v", h.Address, a, err)
				places <- -1
				return
			}
			places <- a.Items[0].Index
		}()
	}
	for range w.desks {
		if got := <-places; got != size {
			t.Errorf("it is entry %d, expected %d", got, size)
		}
	}
}
