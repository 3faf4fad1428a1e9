package gatewaytest

import (
	"log/slog"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

// careless is a keyed desk that skips the checks of a sending desk.
const careless signed.Address = "se.careless"

// Two desks that stand by themselves, and all that they have to do with each
// other and with a careless third. A desk's keys cost a second of scrypt, so
// this is one exchange and one long day.
func TestDesks(t *testing.T) {
	t.Parallel()
	p := borders()
	se, fi := &p.Parties[0], &p.Parties[1]
	se.Desks[0].Keyed, fi.Desks[0].Keyed = false, false
	se.Desks = append(se.Desks, Desk{Address: careless, Directory: anywhere, Keyed: true})

	var said journal
	log := slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	clock := NewClock(time.Now())
	s := perform(t, p, broker.Config{Clock: clock, Log: log})
	holds := map[signed.Address]*hold{"se.spoc": newHold(), "fi.spoc": newHold()}
	for address, h := range holds {
		err := s.startUnlocked(address, desk.Config{Now: clock.Wall, Log: log}, func(_ signed.Address, c *api.Client) desk.Broker {
			return held{c, h}
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	day := &busyDay{s, got(schema.Samples.ReadFile("testdata/case/photo.jpg"))(t)}
	s.act("a case", day.story)
	s.act("what is refused of it", day.refusals)
	s.act("plaintext by mistake", day.plaintext)
	for _, row := range flaws {
		s.act("receiver/"+string(row.code)+"/"+row.name, func() { s.refusedByReceiver(row) })
	}
	s.act("receiver/and nothing else", s.receiverGoesOn)
	for _, row := range notSent {
		s.act("sender/"+string(row.code)+"/"+row.name, func() { s.notSent(row) })
	}
	s.act("withdrawal", func() { s.duels(&duel{s, holds["se.spoc"], holds["fi.spoc"]}, clock) })
	s.act("nobody is accused", s.noEvidence)
	s.act("secrecy", func() { day.secrecy(&said) })
}

// noEvidence checks that honest programs accuse nobody, and that all that the
// desks have is proven.
func (s *scene) noEvidence() {
	for address, desk := range s.Desks {
		v := got(desk.Verify(s.Context(), client.Ref{}))(s)
		if len(v.Faults) != 0 || v.Proven == 0 {
			s.Errorf("%s proves %d facts, and not %+v", address, v.Proven, v.Faults)
		}
		for _, e := range v.Evidence {
			s.Errorf("%s accuses the broker of %+v, %s", address, e.Problem, e.Subject)
		}
	}
}
