package desk_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// within is how soon whoever steals a ring is to be noticed.
const within = time.Minute

// A theft is a thief of Finland's keys, or of Sweden's, beside the desks that run.
type theft struct {
	*stage
	se, fi *desk.Desk
	stop   func() // ends fi's
	h      *thief // of fi's keys
}

// stolen is a stage on which both desks know the register. Finland's is locked, and shows
// its content once it is unlocked.
func stolen(t *testing.T) *theft {
	s := newStage(t)
	x := &theft{stage: s, se: s.unlocked("se.spoc")}
	s.ready(x.se)
	x.fi, x.stop = s.start("fi.spoc")
	s.ready(x.fi)
	x.h = s.thief("fi.spoc")
	return x
}

// sends has Sweden's desk send a message, and waits until it is accepted at least.
func (x *theft) sends() signed.ID {
	x.t.Helper()
	id := send(x.t, x.se, request(x.t))
	await(x.t, x.se, "sent "+id.String(), func() bool { return outState(x.t, x.se, id).State != client.Queued })
	return id
}

// behindItsBack does something that Finland's desk, which runs, hears of only later.
func (x *theft) behindItsBack(do func()) {
	x.t.Helper()
	x.cut("fi.spoc")
	do()
	x.mend("fi.spoc")
}

// takes takes so many messages from Finland's inbox as they come, and says something of
// each.
func (x *theft) takes(n int, say func(message signed.Hash)) {
	x.t.Helper()
	for late := time.Now().Add(patience); n > 0; {
		if time.Now().After(late) {
			x.t.Fatalf("%d messages did not come to the thief", n)
		}
		page := must(x.h.client.Inbox(ctx, api.Heads{Register: x.register.Size()}, api.Ask{Wait: time.Second, Limit: api.MaxLimit}))
		for _, i := range page.Items {
			if i.Consigned == nil {
				say(must(envelope.Parse(i.Envelope)).TextHash())
				n--
			}
		}
	}
}

// restarts starts Finland's desk anew after something was done.
func (x *theft) restarts(do func()) {
	x.t.Helper()
	x.stop()
	do()
	x.fi, x.stop = x.start("fi.spoc")
}

// polls takes Finland's places at both feeds, by connection after connection, until the
// test ends. What comes it consigns, if it is told so.
func (x *theft) polls(consigns bool) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	heads := api.Heads{Register: x.register.Size()}
	all.Go(func() {
		for ctx.Err() == nil {
			c := must(desk.Dial(x.desk("fi.spoc")))
			for range 2 {
				a, err := c.Inbox(ctx, heads, api.Ask{Wait: api.MaxWait, Limit: api.MaxLimit})
				for n := 0; err == nil && consigns && n < len(a.Items); n++ {
					text := must(envelope.Parse(a.Items[n].Envelope)).TextHash()
					note := must(x.h.Consign(text, x.h.audit, x.register.Head(), x.clock.Wall()))
					c.State(ctx, heads, [][]byte{note})
				}
			}
			c.Close()
		}
	})
	all.Go(func() {
		for page := (api.Page{Wait: api.MaxWait, Limit: api.MaxLimit}); ctx.Err() == nil; {
			c := must(desk.Dial(x.desk("fi.spoc")))
			for range 2 {
				if a, err := c.Progress(ctx, heads, page); err == nil {
					page.After = a.Next
				}
			}
			c.Close()
		}
	})
	x.t.Cleanup(func() { cancel(); all.Wait() })
}

// awaitShown waits until Finland's desk has shown its locked ring: then no poll of a thief
// takes its place.
func (x *theft) awaitShown() {
	for shown := false; !shown; {
		_, err := x.h.client.Inbox(ctx, api.Heads{}, api.Ask{Wait: api.MaxWait, Limit: 1})
		shown = problem.CodeOf(err) == problem.BrokerBusy
	}
}

// brokerCounts sums what the broker's metrics count of a desk, by a line's beginning and
// a label of it.
func (x *theft) brokerCounts(metric, label string) (sum float64) {
	x.t.Helper()
	resp := must(http.Get("http://" + x.Broker.MetricsAddress() + "/metrics"))
	defer resp.Body.Close()
	for line := range strings.Lines(string(must(io.ReadAll(resp.Body)))) {
		if strings.HasPrefix(line, metric+"{") && strings.Contains(line, `desk="fi.spoc"`) && strings.Contains(line, label) {
			sum += must(strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64))
		}
	}
	return sum
}

// A said is what a desk says of a thief.
type said struct {
	elsewhere, lost int
	shared          bool
}

func (x *theft) says(d *desk.Desk) said {
	x.t.Helper()
	st := must(d.Status(ctx))
	return said{evidenceOf(x.t, d, "RING_ELSEWHERE"), st.LostWords, st.Shared != ""}
}

// A thief of the online ring does what that ring can do, beside a desk that runs. What
// was sent comes to its officers all the same, and who ought to know is told within a
// minute.
func TestOnlineRingStolen(t *testing.T) {
	junk := func(n int) (all [][]byte) {
		for i := range n {
			all = append(all, []byte("no envelope "+strconv.Itoa(i)))
		}
		return all
	}
	for name, c := range map[string]struct {
		act    func(*theft) []signed.ID // what was sent, all of it to be handed over
		says   said                     // at Finland's desk
		ousted bool                     // nothing comes before the desk is unlocked and asks again
	}{
		"it consigns at once": {func(x *theft) (sent []signed.ID) {
			x.unlock(x.fi)
			x.behindItsBack(func() {
				sent = []signed.ID{x.sends(), x.sends()}
				x.takes(2, x.h.consigns)
			})
			return sent
		}, said{elsewhere: 2}, false},
		"it takes the polls": {func(x *theft) []signed.ID {
			x.polls(false)
			await(x.t, x.fi, "alarmed", func() bool { return x.says(x.fi).shared })
			return []signed.ID{x.sends()}
		}, said{shared: true}, false},
		"it takes the polls and consigns": {func(x *theft) []signed.ID {
			var id signed.ID
			x.behindItsBack(func() {
				id = x.sends()
				x.takes(1, x.h.consigns)
			})
			x.polls(true)
			return []signed.ID{id}
		}, said{elsewhere: 1, shared: true}, true},
		"it uses up the budget of refusals": {func(x *theft) []signed.ID {
			x.unlock(x.fi)
			for range 2 {
				must(x.h.client.Submit(ctx, api.Heads{}, junk(40)))
			}
			if n := x.brokerCounts("samband_message_rejections_total", "BUDGET_EXHAUSTED"); n <= 3 {
				x.t.Errorf("the broker counts %v refusals of the desk beyond its budget", n)
			}
			draft := request(x.t)
			draft.To = []signed.Address{"se.spoc"}
			awaitOut(x.t, x.fi, send(x.t, x.fi, draft), "handed-over")
			return []signed.ID{x.sends()}
		}, said{}, false},
		"it wants what was consigned": {func(x *theft) []signed.ID {
			id := x.sends()
			awaitIn(x.t, x.fi, id, "consigned")
			text := outState(x.t, x.se, id).Message
			for range 100 {
				must(0, x.h.client.Want(ctx, api.Heads{}, api.Want{Message: text}))
			}
			if x.brokerCounts("samband_quota_used_ratio", "online-events") == 0 {
				x.t.Error("the broker counts nothing that the desk asked for")
			}
			return []signed.ID{id}
		}, said{}, false},
		"it consigns what a locked desk keeps": {func(x *theft) []signed.ID {
			g := newGate(must(desk.Dial(x.desk("fi.spoc"))))
			x.stop()
			x.fi, x.stop = x.startTo("fi.spoc", g)
			x.ready(x.fi)
			id := x.sends()
			w := x.call(g)
			x.takes(1, x.h.consigns)
			w.fate <- passes
			close(g.open)
			return []signed.ID{id}
		}, said{elsewhere: 1}, false},
		"it consigns while the desk starts anew": {func(x *theft) (sent []signed.ID) {
			x.restarts(func() { sent = append(sent, x.sends()); x.takes(1, x.h.consigns) })
			return sent
		}, said{lost: 1}, false},
		"it says an old consignment again": {func(x *theft) []signed.ID {
			id := x.sends()
			awaitIn(x.t, x.fi, id, "consigned")
			for _, i := range must(x.h.client.Progress(ctx, api.Heads{}, api.Page{Limit: api.MaxLimit})).Items {
				must(x.h.client.State(ctx, api.Heads{}, [][]byte{i.Note}))
			}
			return []signed.ID{id}
		}, said{}, false},
		"it shows no ring beside one that does": {func(x *theft) []signed.ID {
			x.unlock(x.fi)
			x.awaitShown()
			for range 3 {
				x.h.client.Inbox(ctx, api.Heads{}, api.Ask{Wait: api.MaxWait, Limit: 1})
			}
			return []signed.ID{x.sends()}
		}, said{shared: true}, false},
		"it hides among the words of a lost copy": {func(x *theft) (sent []signed.ID) {
			x.stop()
			putBack := x.keepDatabase("fi.spoc")
			x.fi, x.stop = x.start("fi.spoc")
			sent = append(sent, x.sends())
			awaitIn(x.t, x.fi, sent[0], "consigned")
			x.restarts(putBack)
			await(x.t, x.fi, "told of its lost copy", func() bool { return x.says(x.fi).lost == 1 })
			x.behindItsBack(func() { sent = append(sent, x.sends()); x.takes(1, x.h.consigns) })
			return sent
		}, said{elsewhere: 1, lost: 1}, false},
		"it takes the polls of a desk that starts, and consigns": {func(x *theft) (sent []signed.ID) {
			x.restarts(func() { x.polls(true); sent = append(sent, x.sends()); awaitOut(x.t, x.se, sent[0], "consigned") })
			return sent
		}, said{lost: 1, shared: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := stolen(t)
			began := time.Now()
			sent := c.act(x)
			await(t, x.fi, "told", func() bool { return x.says(x.fi) == c.says })
			took := time.Since(began)
			if took > within {
				t.Errorf("it is told after %s", took)
			}
			t.Logf("%d messages, told %+v after %s", len(sent), c.says, took.Round(time.Millisecond))
			if x.fi.Locked() {
				x.unlock(x.fi)
			}
			if c.ousted {
				x.awaitShown()
				x.clock.Move(2 * time.Minute)
				sent = append(sent, x.sends())
			}
			for _, id := range sent {
				await(t, x.fi, "given "+id.String(), func() bool {
					_, err := x.fi.Inbox(ctx, client.Query{ID: id})
					return err == nil
				})
				awaitIn(t, x.fi, id, "handed-over")
				awaitOut(t, x.se, id, "handed-over")
				if _, err := x.fi.Read(ctx, client.Ref{ID: id}); err != nil {
					t.Errorf("message %s is not read: %v", id, err)
				}
			}
			says := x.says(x.fi)
			if c.ousted && says.elsewhere > c.says.elsewhere { // it goes on, and took what came between two polls
				says.elsewhere--
			}
			if says != c.says {
				t.Errorf("in the end it says %+v", says)
			}
			if says := x.says(x.se); says != (said{}) {
				t.Errorf("the sender says %+v", says)
			}
		})
	}
}

// A thief of the locked ring can end what is sent, and send. None of it is unsaid: the
// desk whose ring it is names the message within a minute.
func TestLockedRingStolen(t *testing.T) {
	says := func(x *theft, said envelope.Statement) func(signed.Hash) {
		return func(message signed.Hash) { said.Message = message; x.h.state(said) }
	}
	handover := envelope.Statement{Event: envelope.HandedOver}
	refusal := envelope.Statement{Event: envelope.Refused, Code: problem.BodyInvalid}
	takes := func(word envelope.Statement) func(*theft) (*desk.Desk, string) {
		return func(x *theft) (*desk.Desk, string) {
			x.unlock(x.fi)
			var id signed.ID
			x.behindItsBack(func() { id = x.sends(); x.takes(1, says(x, word)) })
			awaitOut(x.t, x.se, id, client.State(word.Event))
			if _, err := x.fi.Inbox(ctx, client.Query{ID: id}); err == nil {
				x.t.Error("its bytes came to the desk whose they are")
			}
			return x.fi, id.String()
		}
	}
	ends := func(word envelope.Statement) func(*theft) (*desk.Desk, string) {
		return func(x *theft) (*desk.Desk, string) {
			id := x.sends()
			awaitIn(x.t, x.fi, id, "consigned")
			says(x, word)(outState(x.t, x.se, id).Message)
			awaitOut(x.t, x.se, id, client.State(word.Event))
			awaitEvidence(x.t, x.fi, "RING_ELSEWHERE")
			x.unlock(x.fi)
			awaitIn(x.t, x.fi, id, client.State(word.Event))
			if _, err := x.fi.Read(ctx, client.Ref{ID: id}); (err == nil) != (word.Event == envelope.HandedOver) {
				x.t.Errorf("what the log says is %s is read: %v", word.Event, err)
			}
			return x.fi, id.String()
		}
	}
	for name, act := range map[string]func(*theft) (victim *desk.Desk, names string){
		"it hands over what comes":            takes(handover),
		"it refuses what comes":               takes(refusal),
		"it hands over what the desk keeps":   ends(handover),
		"it refuses what the desk keeps":      ends(refusal),
		"it withdraws what the desk sent":     func(x *theft) (*desk.Desk, string) { return x.withdraws(func() signed.ID { return x.sends() }) },
		"it withdraws what the desk may send": func(x *theft) (*desk.Desk, string) { return x.withdraws(signed.NewID) },
		"it sends": func(x *theft) (*desk.Desk, string) {
			x.unlock(x.fi)
			return x.se, x.thief("se.spoc").message("fi.spoc", "SPONTANEOUS", func(*envelope.Header) {}).String()
		},
		"it lists erasures": func(x *theft) (*desk.Desk, string) {
			x.unlock(x.fi)
			x.shows(x.fi)
			x.h.state(envelope.Statement{Event: envelope.Erased, List: make([]byte, envelope.ErasureList)})
			await(x.t, x.fi, "told of the list", func() bool { return must(x.fi.Status(ctx)).Erasures.Unreadable == 1 })
			return x.fi, "list of erasures"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := stolen(t)
			began := time.Now()
			victim, names := act(x)
			e := awaitEvidence(t, victim, "RING_ELSEWHERE")
			took := time.Since(began)
			if took > within {
				t.Errorf("it is told after %s", took)
			}
			t.Logf("%s says %q after %s", victim.Address(), e.Problem.Detail, took.Round(time.Millisecond))
			if !strings.Contains(e.Subject, names) || !strings.Contains(e.Problem.Detail, "locked ring") {
				t.Errorf("it is of %s: %s", e.Subject, e.Problem.Detail)
			}
			if x.says(victim) != (said{elsewhere: 1}) {
				t.Errorf("it says %+v", x.says(victim))
			}
		})
	}
}

// withdraws has a thief of Sweden's locked ring withdraw a message before it is consigned.
func (x *theft) withdraws(which func() signed.ID) (*desk.Desk, string) {
	var id signed.ID
	x.behindItsBack(func() {
		id = which()
		x.thief("se.spoc").state(envelope.Statement{Event: envelope.Withdrawn, ID: id})
		awaitEvidence(x.t, x.se, "RING_ELSEWHERE")
	})
	return x.se, id.String()
}

// A thief shows the locked ring and takes the places of a locked desk, which has nothing to
// show. The desk asks without waiting, and goes on.
func TestRingShownByAThief(t *testing.T) {
	x := stolen(t)
	must(0, x.h.client.Ring(ctx, func(exporter signed.Hash) ([]byte, error) {
		shown := api.Shown{Exchange: x.register.Exchange(), Signer: "fi.spoc", Exporter: exporter}
		n, err := signed.Sign(shown.Text(), x.h.Message[:1]...)
		return n.Bytes(), err
	}))
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() { cancel(); all.Wait() }()
	heads := api.Heads{Register: x.register.Size()}
	all.Go(func() {
		for ctx.Err() == nil {
			x.h.client.Progress(ctx, heads, api.Page{Wait: api.MaxWait, Limit: api.MaxLimit})
		}
	})
	all.Go(func() {
		for ctx.Err() == nil {
			x.h.client.Inbox(ctx, heads, api.Ask{Wait: api.MaxWait, Limit: api.MaxLimit})
		}
	})
	for range 3 {
		id := x.sends()
		awaitIn(t, x.fi, id, "consigned")
		awaitOut(t, x.se, id, "consigned")
	}
}
