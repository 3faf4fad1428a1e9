package desk_test

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A holdsBack line is to the true broker, whose operator holds register entries back. While
// it is mute, no message passes either.
type holdsBack struct {
	*api.Client
	holds, mute *atomic.Bool
}

func (b holdsBack) Submit(ctx context.Context, h api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	if b.mute.Load() {
		return nil, problem.New(problem.BrokerBusy, "come back later")
	}
	return b.Client.Submit(ctx, h, envelopes)
}

func (b holdsBack) Enter(ctx context.Context, h api.Heads, entry []byte) (*api.EnterAnswer, error) {
	if b.holds.Load() {
		return nil, problem.New(problem.BrokerBusy, "come back later")
	}
	return b.Client.Enter(ctx, h, entry)
}

// now is a context that has ended: whoever gets it waits for nothing.
func now() context.Context {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return ended
}

// A desk hands in what another party signed, and hears its place; of what is altered it
// hears the register's own refusal, and its log has both.
func TestADeskHandsInARegisterEntry(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fi, _ := s.start("fi.spoc")
	s.ready(fi)
	note := must(s.party("se").Revoke("se.spoc", "online", signed.Time{})).Note
	size := must(fi.Status(ctx)).Register
	_, err := fi.Enter(ctx, bytes.Replace(note, []byte("signer se"), []byte("signer fi"), 1))
	if p, ok := problem.Of(err); !ok || p.Class() != problem.Final {
		t.Errorf("an altered entry: %v", err)
	}
	if _, err := fi.Enter(ctx, []byte("roses are red\n")); problem.CodeOf(err) != problem.TextMalformed {
		t.Errorf("a poem: %v", err)
	}
	for range 2 { // the second time the register has it
		e, err := fi.Enter(ctx, note)
		if err != nil || e.Index != size || !strings.Contains(e.Says, "revocation of se.spoc, signed by se") {
			t.Fatalf("it is %+v, %v, behind %d entries", e, err, size)
		}
	}
	st := must(fi.Status(ctx))
	if len(st.Entries) != 0 || st.Evidence != 0 || st.Register != size+1 {
		t.Errorf("afterwards: %+v", st)
	}
	var events []string
	for _, l := range must(fi.Log(ctx, client.Query{})) {
		if strings.HasPrefix(l.Subject, "register entry") {
			events = append(events, l.Event)
		}
	}
	if len(events) < 2 || events[len(events)-1] != "entry refused" || events[0] != "entered" {
		t.Errorf("the desk's log says %v", events)
	}
}

// A revocation that the operator holds back is an alarm after a minute, and heeded at once:
// nothing goes to that desk, and nothing from it is opened, over a restart too, until the
// register has it. What was accepted before it is opened then.
func TestARevocationThatIsHeldBackIsHeeded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	se := s.unlocked("se.spoc")
	line := holdsBack{must(desk.Dial(s.desk("fi.spoc"))), &atomic.Bool{}, &atomic.Bool{}}
	line.holds.Store(true)
	line.mute.Store(true)
	fi, stop := s.startTo("fi.spoc", line)
	s.unlock(fi)
	s.ready(fi)
	s.ready(se)
	back := request(t)
	back.To = []signed.Address{"se.spoc"}
	queued := send(t, fi, back)
	note := must(s.party("se").Revoke("se.spoc", "locked", signed.Time{})).Note
	e := must(fi.Enter(now(), note))
	if e.Index != 0 || !e.Heeded || e.Alarm {
		t.Errorf("held back, it is %+v", e)
	}
	line.mute.Store(false)
	await(t, fi, "keeping what was queued", func() bool {
		m := outState(t, fi, queued)
		return m.State == client.Queued && m.Problem != nil && m.Problem.Code == problem.KeyRevoked
	})
	if _, err := fi.Send(ctx, back); problem.CodeOf(err) != problem.KeyRevoked {
		t.Errorf("sent to a desk whose revocation is heeded: %v", err)
	}
	id := send(t, se, request(t))
	waits := func() {
		t.Helper()
		await(t, fi, "keeping the message unopened", func() bool {
			items, err := fi.Inbox(ctx, client.Query{ID: id})
			return err == nil && items[0].State == client.Consigned && items[0].Waits == mail.Heeds
		})
	}
	waits()
	s.clock.Move(time.Minute)
	if all := must(fi.Status(ctx)).Entries; len(all) != 1 || !all[0].Alarm || !strings.Contains(all[0].Why, "come back later") {
		t.Errorf("after a minute the status has %+v", all)
	}
	stop()
	line.Client = must(desk.Dial(s.desk("fi.spoc")))
	fi, _ = s.startTo("fi.spoc", line)
	s.unlock(fi)
	if all := must(fi.Status(ctx)).Entries; len(all) != 1 || !all[0].Alarm || !all[0].Heeded || all[0].Hash != signed.HashOf(note) {
		t.Errorf("after a restart the status has %+v", all)
	}
	waits()
	line.holds.Store(false)
	if e, err := fi.Enter(ctx, note); err != nil || e.Index == 0 { // a repeat has it tried at once
		t.Errorf("once it is not held back: %+v, %v", e, err)
	}
	if all := must(fi.Status(ctx)).Entries; len(all) != 0 {
		t.Errorf("the status has %+v still", all)
	}
	awaitIn(t, fi, id, client.HandedOver)
	awaitOut(t, fi, queued, client.Rejected) // by the register now
	if _, err := fi.Send(ctx, back); problem.CodeOf(err) != problem.KeyRevoked {
		t.Errorf("sent to a desk whose ring is revoked: %v", err)
	}
}

// An entryLiar is a line to the true broker, whose answers about register entries are altered.
type entryLiar struct {
	*api.Client
	enter func(context.Context, *api.Client, api.Heads, []byte) (*api.EnterAnswer, error)
}

func (b entryLiar) Enter(ctx context.Context, h api.Heads, entry []byte) (*api.EnterAnswer, error) {
	return b.enter(ctx, b.Client, h, entry)
}

// A broker that says falsely that an entry has its place, or that it is refused, is not
// believed: the desk keeps evidence, and the entry waits on.
func TestLiesAboutARegisterEntry(t *testing.T) {
	t.Parallel()
	poem := []byte("roses are red\n")
	about := func(a *api.EnterAnswer, entry []byte) { a.Items[0].Hash = signed.HashOf(entry) }
	for name, c := range map[string]struct {
		code  string
		enter func(context.Context, *api.Client, api.Heads, []byte) (*api.EnterAnswer, error)
	}{
		"a place where nothing is": {"PROOF_INVALID", func(ctx context.Context, b *api.Client, h api.Heads, entry []byte) (*api.EnterAnswer, error) {
			a, err := b.Enter(ctx, h, poem)
			if err == nil {
				a.Items[0] = api.EnterItem{Index: h.Register}
				about(a, entry)
			}
			return a, err
		}},
		"a refusal of other bytes": {"PROOF_INVALID", func(ctx context.Context, b *api.Client, h api.Heads, entry []byte) (*api.EnterAnswer, error) {
			a, err := b.Enter(ctx, h, poem)
			if err == nil {
				about(a, entry)
			}
			return a, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			fi, _ := s.startTo("fi.spoc", entryLiar{must(desk.Dial(s.desk("fi.spoc"))), c.enter})
			s.ready(fi)
			note := must(s.party("se").Revoke("se.spoc", "locked", signed.Time{})).Note
			must(fi.Enter(now(), note))
			e := awaitEvidence(t, fi, c.code)
			if !strings.HasPrefix(e.Subject, "register entry ") {
				t.Errorf("the evidence is about %s", e.Subject)
			}
			if all := must(fi.Status(ctx)).Entries; len(all) != 1 || !all[0].Heeded {
				t.Errorf("the status has %+v", all)
			}
		})
	}
}
