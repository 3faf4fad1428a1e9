package mail_test

import (
	"sync"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/signed"
)

// A bundle comes at the very moment when a message is found to be of a type that this
// desk lacks. The message is not forgotten.
func TestBundleComesMeanwhile(t *testing.T) {
	h := newHall(t)
	next := must(gatewaytest.NextCatalogue())
	must(must(broker.NewClient(h.BrokerDir())).Enter(t.Context(), must(h.SignCatalogue(next))))
	se := must(h.StartDesk("se.spoc", desk.Config{}))
	must(0, se.Unlock(t.Context(), []byte(gatewaytest.Passphrase)))
	must(0, h.CaughtUp("se.spoc"))
	must(0, se.Import(t.Context(), next.Zip))
	draft := client.Draft{To: []signed.Address{"fi.spoc"}, Type: gatewaytest.NextType, Body: must(gatewaytest.NextSample())}
	id := must(se.Send(t.Context(), draft)).Messages[0].ID
	h.sees([]signed.ID{id}, "accepted")

	found, comes := make(chan struct{}), make(chan struct{})
	again := 0
	var mu sync.Mutex
	h.room.OpenBy(time.Minute, func(_ *envelope.Envelope, own func() *mail.Verdict) *mail.Verdict {
		v := own()
		mu.Lock()
		again++
		second := again == 2 // after its consignment is proven nothing else looks again
		mu.Unlock()
		if second {
			close(found)
			<-comes
		}
		return v
	})
	h.run()
	<-found
	must(0, h.room.ImportBundle(next.Zip))
	close(comes)
	h.await("handed over", func() bool { return h.row(id).State == client.HandedOver })
	h.sees([]signed.ID{id}, "handed-over")
}
