package desk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A desk that runs changes over to new online keys when its party's entry of them is in the
// register, and loses nothing; the old ones connect nobody any more. Killed between keys and
// card, or asked twice, it makes no second ring.
func TestRotateOnline(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	fi, stop := s.start("fi.spoc") // locked: it consigns, by its online ring alone
	s.ready(fi)
	first := send(t, se, request(t))
	awaitOut(t, se, first, "consigned")
	old := s.thief("fi.spoc")

	card := must(desk.RotateOnline(s.desk("fi.spoc"), passphrase))
	if err := os.Remove(filepath.Join(s.desk("fi.spoc"), "request")); err != nil {
		t.Fatal(err)
	}
	again := must(desk.RotateOnline(s.desk("fi.spoc"), passphrase))
	one, two := must(register.ParseRequest(card)), must(register.ParseRequest(again))
	if one.TLS != two.TLS || !bytes.Equal(one.Consignment[0].Bytes, two.Consignment[0].Bytes) {
		t.Error("a second ring was made before the first was entered")
	}
	second := send(t, se, request(t))
	awaitOut(t, se, second, "consigned") // with the old keys, as before

	s.enter(s.party("fi").Desk(again, directory, signed.Time{}))
	third := send(t, se, request(t))
	awaitOut(t, se, third, "consigned")
	await(t, fi, "the new ring is in the old one's place", func() bool {
		_, err := os.Stat(filepath.Join(s.desk("fi.spoc"), "keys", "online-next.json"))
		return os.IsNotExist(err)
	})
	if _, err := old.client.Inbox(t.Context(), api.Heads{}, api.Ask{Limit: 1}); problem.CodeOf(err) != problem.CertificateRefused {
		t.Errorf("by the old keys: %v", err)
	}
	stop()

	s.unlocked("fi.spoc") // and after a start
	awaitOut(t, se, third, "handed-over")
	fourth := send(t, se, request(t))
	awaitOut(t, se, fourth, "handed-over")
}

// A desk that was stopped when its entry came changes over at its next start.
func TestRotateOnlineWhileStopped(t *testing.T) {
	s := newStage(t)
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()
	card := must(desk.RotateOnline(s.desk("fi.spoc"), passphrase))
	s.enter(s.party("fi").Desk(card, directory, signed.Time{}))
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	s.unlocked("fi.spoc")
	awaitOut(t, se, id, "handed-over")
}
