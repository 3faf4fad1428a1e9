package desk_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/signed"
)

// consigns has a thief who has the online ring alone say of a message that it is kept.
func (h *thief) consigns(message signed.Hash) {
	h.s.t.Helper()
	note := must(h.Consign(message, h.audit, h.s.register.Head(), h.s.clock.Wall()))
	must(gatewaytest.StateOne(ctx, h.client, api.Heads{Register: h.s.register.Size()}, note))
}

// consignsAll consigns what lies in the inbox, and returns how much that was.
func (h *thief) consignsAll() int {
	h.s.t.Helper()
	items := h.inbox().Items
	for _, i := range items {
		h.consigns(must(envelope.Parse(i.Envelope)).TextHash())
	}
	return len(items)
}

// evidenceOf is how many pieces of a code a desk keeps.
func evidenceOf(t *testing.T, d *desk.Desk, code string) (n int) {
	t.Helper()
	for _, e := range must(d.Verify(ctx, client.Ref{})).Evidence {
		if string(e.Problem.Code) == code {
			n++
		}
	}
	return n
}

// removeDatabase takes a desk's database away, or puts files in its place.
func (s *stage) removeDatabase(addr signed.Address) {
	s.t.Helper()
	for _, f := range must(filepath.Glob(filepath.Join(s.desk(addr), "desk.db*"))) {
		must(0, os.Remove(f))
	}
}

// keepDatabase copies the database of a desk that does not run, and returns what puts it back.
func (s *stage) keepDatabase(addr signed.Address) (putBack func()) {
	s.t.Helper()
	kept := s.t.TempDir()
	for _, f := range must(filepath.Glob(filepath.Join(s.desk(addr), "desk.db*"))) {
		must(0, os.WriteFile(filepath.Join(kept, filepath.Base(f)), must(os.ReadFile(f)), 0o600))
	}
	return func() {
		s.removeDatabase(addr)
		must(0, os.CopyFS(s.desk(addr), os.DirFS(kept)))
	}
}

// A thief of the online ring consigns what comes beside the desk that runs, before that
// hears of it. Each message comes into its inbox all the same, and the desk says that its
// ring is used elsewhere.
func TestThiefBesideTheDesk(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi := s.unlocked("fi.spoc")
	s.ready(fi)
	h := s.thief("fi.spoc")
	s.cut("fi.spoc") // the thief takes all its places
	var ids []signed.ID
	for range 5 {
		ids = append(ids, send(t, se, request(t)))
	}
	for _, id := range ids {
		awaitOut(t, se, id, "accepted")
	}
	if n := h.consignsAll(); n != 5 {
		t.Fatalf("the thief consigned %d", n)
	}
	for _, id := range ids {
		awaitOut(t, se, id, "consigned")
	}
	// The desk ran all the time. What came while it was cut off is no absence.
	s.mend("fi.spoc")
	awaitEvidence(t, fi, "RING_ELSEWHERE")
	for _, id := range ids {
		awaitIn(t, fi, id, "handed-over")
		awaitOut(t, se, id, "handed-over")
	}
	await(t, fi, "sure of five", func() bool { return evidenceOf(t, fi, "RING_ELSEWHERE") == 5 })
	if st := must(fi.Status(ctx)); st.LostWords != 0 || st.Evidence != 5 {
		t.Errorf("its status is %+v", st)
	}
}

// A thief consigns while the desk is down. It can't be told from a lost copy, so it is
// listed and no alarm; what was consigned comes into the inbox all the same.
func TestThiefWhileTheDeskIsDown(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	s.thief("fi.spoc").consignsAll()
	fi = s.unlocked("fi.spoc")
	awaitIn(t, fi, id, "handed-over")
	if st := must(fi.Status(ctx)); st.LostWords != 1 || st.Evidence != 0 {
		t.Errorf("its status is %+v", st)
	}
	if !slices.ContainsFunc(must(fi.Log(ctx, client.Query{})), func(e client.LogEntry) bool {
		return e.Event == "said by a lost copy of this desk" && strings.Contains(e.Detail, id.String())
	}) {
		t.Error("its log does not say so")
	}
}

// A desk is put back from a backup: what it said since is listed, and what it consigned
// and lacks comes again. What it says from then on is its own.
func TestRestoredReceiver(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()
	putBack := s.keepDatabase("fi.spoc")
	fi, stop = s.start("fi.spoc") // locked: it consigns
	kept := send(t, se, request(t))
	awaitIn(t, fi, kept, "consigned")
	s.unlock(fi)
	awaitIn(t, fi, kept, "handed-over")
	must(0, fi.Lock(ctx))
	open := send(t, se, request(t))
	awaitIn(t, fi, open, "consigned")
	stop()
	putBack()

	fi = s.unlocked("fi.spoc")
	awaitIn(t, fi, open, "handed-over")
	later := send(t, se, request(t))
	awaitIn(t, fi, later, "handed-over")
	if st := must(fi.Status(ctx)); st.LostWords != 3 || st.Evidence != 0 {
		t.Errorf("its status is %+v", st)
	}
	if items := must(fi.Inbox(ctx, client.Query{})); len(items) != 2 {
		t.Errorf("it has %d messages", len(items))
	}
}

// deaf is a broker whose inbox gives no answer while it is told so.
type deaf struct {
	desk.Broker
	now *atomic.Bool
}

func (b deaf) Inbox(ctx context.Context, h api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	a, err := b.Broker.Inbox(ctx, h, ask)
	if b.now.Load() {
		return nil, api.ErrUnreachable
	}
	return a, err
}

// Two copies of one desk run beside each other, and each says something: both say that
// their ring is used elsewhere.
func TestTwoCopiesOfADesk(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()
	folder := t.TempDir()
	must(0, os.CopyFS(folder, os.DirFS(s.desk("fi.spoc"))))
	lines := []deaf{{must(desk.Dial(s.desk("fi.spoc"))), &atomic.Bool{}}, {must(desk.Dial(s.desk("fi.spoc"))), &atomic.Bool{}}}
	fi, _ = s.startTo("fi.spoc", lines[0])
	conf := s.conf(lines[1])
	conf.Dir = folder
	other := must(desk.New(conf))
	s.RunDesk(other)
	for _, d := range []*desk.Desk{fi, other} {
		s.unlock(d)
		s.ready(d)
	}
	for n, hears := range []*desk.Desk{fi, other} {
		lines[1-n].now.Store(true)
		id := send(t, se, request(t))
		awaitIn(t, hears, id, "handed-over")
		lines[1-n].now.Store(false)
	}
	for _, d := range []*desk.Desk{fi, other} {
		awaitEvidence(t, d, "RING_ELSEWHERE")
	}
}

// A broker shows what the desk named as held, or what it has long handed over, again and
// again: the desk pauses, accuses nobody, and takes nothing in twice.
func TestShownThoughHeld(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi := s.unlocked("fi.spoc")
	first := send(t, se, request(t))
	awaitIn(t, fi, first, "handed-over")
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			if a, ok := answer.(*api.InboxAnswer); ok && caller == "fi.spoc" {
				a.Items = append(a.Items, s.edge.item(s.edge.messages[0]))
			}
		}
	})
	second := send(t, se, request(t))
	awaitIn(t, fi, second, "handed-over")
	if items := must(fi.Inbox(ctx, client.Query{})); len(items) != 2 {
		t.Errorf("it has %d messages", len(items))
	}
	if v := must(fi.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("it keeps %+v", v)
	}
}

// A broker puts a word in a desk's own name whose signature is another's, into the log or
// beside it: that is the broker's forgery, not a thief's.
func TestOwnWordForged(t *testing.T) {
	for name, c := range map[string]struct {
		logged bool
		code   string
	}{"logged": {true, "STATEMENT_FORGED"}, "beside the log": {false, "PROOF_INVALID"}} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			fi, _ := s.start("fi.spoc")
			awaitIn(t, fi, send(t, se, request(t)), "consigned")
			keys := must(signed.GenerateKeys("fi.spoc", signed.UseConsignment))
			s.edge.set(func() {
				m := s.edge.messages[0]
				note := must(signed.Sign(must(signed.ParseNote(m.consigned.note)).Text, keys...)).Bytes()
				entry := m.consigned.entry
				if c.logged {
					entry = s.edge.record(auditlog.Record{Kind: envelope.Consigned, Message: m.TextHash(), By: "fi.spoc",
						Statement: signed.HashOf(note)}, s.register.Size())
				}
				s.edge.lie = func(caller signed.Address, answer any) {
					if a, ok := answer.(*api.ProgressAnswer); ok && caller == "fi.spoc" {
						at := api.Past(entry.Record.Index)
						a.Items = append(a.Items, api.ProgressItem{Cursor: at, ID: m.ID, Sender: m.From, Message: m.TextHash(),
							LoggedEvent: api.LoggedEvent{Event: envelope.Consigned, Note: note, Proof: s.edge.prove(entry)}})
						a.Next = max(a.Next, at)
					}
				}
			})
			awaitEvidence(t, fi, c.code)
			if n := evidenceOf(t, fi, "RING_ELSEWHERE"); n != 0 {
				t.Errorf("it says %d times that its ring is used elsewhere", n)
			}
		})
	}
}
