package gatewaytest

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A list of erasures is logged once, however often it is stated, and comes back to its
// signer alone, also from a broker that started again and made its index anew.
func TestErasuresLogged(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	fi, se := s.callers["fi.spoc"], s.callers["se.spoc"]
	list := make([]byte, envelope.ErasureList)
	rand.Read(list)
	note := fi.says(envelope.Statement{Event: envelope.Erased, List: list})
	first := fi.stated(note)
	if first.Kind != envelope.Erased || first.By != "fi.spoc" || first.Statement != signed.HashOf(note) || !first.Message.IsZero() {
		t.Errorf("the record is %+v", first)
	}
	again := func(when string) {
		t.Helper()
		if r := fi.stated(note); r.Index != first.Index {
			t.Errorf("%s: stated again it is leaf %d, not %d", when, r.Index, first.Index)
		}
		for _, item := range fi.states(note, note) {
			if r := fi.proven(item.Proof); r.Index != first.Index {
				t.Errorf("%s: twice in a call it is leaf %d, not %d", when, r.Index, first.Index)
			}
		}
		item := fi.eventOf(signed.ID{}, envelope.Erased)
		if item.Cursor != api.Past(first.Index) || !bytes.Equal(item.Note, note) || fi.proven(item.Proof).Index != first.Index {
			t.Errorf("%s: its signer's progress has %+v", when, item)
		}
		for _, other := range []*caller{se, s.callers["no.spoc"]} {
			for _, i := range other.progress(0, 0).Items {
				if i.Event == envelope.Erased {
					t.Errorf("%s: %s hears of it", when, other.Address)
				}
			}
		}
	}
	again("at once")
	fresh := make([]byte, envelope.ErasureList)
	rand.Read(fresh)
	twice := fi.says(envelope.Statement{Event: envelope.Erased, List: fresh})
	items := fi.states(twice, twice)
	if a, b := fi.proven(items[0].Proof), fi.proven(items[1].Proof); a.Index != b.Index {
		t.Errorf("one list stated twice in a call is leaves %d and %d", a.Index, b.Index)
	}
	if len(note) > 4<<10 {
		t.Errorf("the note has %d bytes: api counts with 4 KiB", len(note))
	}

	if err := s.end(s.Broker); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.db", "index.db-wal", "index.db-shm"} {
		if err := os.RemoveAll(filepath.Join(s.BrokerDir(), "data", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.StartBroker(broker.Config{}); err != nil {
		t.Fatal(err)
	}
	again("by a new index")
}
