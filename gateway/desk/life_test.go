package desk_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/envelope"
	"samband/gateway/hit/table"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A locked desk stores and consigns, and catches up when it is unlocked.
func TestLocked(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, _ := s.start("fi.spoc")
	id := send(t, se, request(t))
	awaitOut(t, se, id, "consigned")
	awaitIn(t, fi, id, "consigned")
	if _, err := fi.Read(ctx, client.Ref{ID: id}); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("a locked desk reads: %v", err)
	}
	if _, err := fi.Send(ctx, request(t)); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("a locked desk sends: %v", err)
	}
	if err := fi.Unlock(ctx, []byte("ten geese")); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if items, _ := fi.Outbox(ctx, client.Query{}); len(items) != 0 {
		t.Errorf("a locked desk stored %d messages to send", len(items))
	}
	in, _ := fi.Inbox(ctx, client.Query{ID: id})
	if in[0].Deadline == nil || in[0].Deadline.Class != "8h" {
		t.Errorf("the clock of a locked desk: %+v", in[0].Deadline)
	}
	s.unlock(fi)
	awaitOut(t, se, id, "handed-over")
	if err := fi.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := fi.Read(ctx, client.Ref{ID: id}); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("locked again it reads: %v", err)
	}
}

// The broker is away while a message is queued; then the desk is killed and
// starts locked. The message goes out by itself.
func TestBrokerAway(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	s.cut("se.spoc")
	draft := request(t)
	draft.Name = "case 4711"
	id := send(t, se, draft)
	await(t, se, "cut off", func() bool { st, _ := se.Status(ctx); return !st.Reachable })
	if again := send(t, se, draft); again != id {
		t.Error("the same sending twice made two messages")
	}
	draft.Urgent, draft.Body = false, []byte(strings.Replace(string(draft.Body), "Norrtälje", "Nynäshamn", 1))
	draft.Urgent = true
	if _, err := se.Send(ctx, draft); problem.CodeOf(err) != problem.IDReused {
		t.Errorf("another message under the same name: %v", err)
	}
	stop()
	s.mend("se.spoc")
	se, _ = s.start("se.spoc")
	awaitOut(t, se, id, "accepted")
	if !se.Locked() {
		t.Error("the desk started unlocked")
	}
}

// lossy is a broker whose first two answers to a submission are lost.
type lossy struct {
	desk.Broker
	asked *atomic.Int64
}

func (b lossy) Submit(ctx context.Context, h api.Heads, e [][]byte) (*api.SubmitAnswer, error) {
	a, err := b.Broker.Submit(ctx, h, e)
	if b.asked.Add(1) <= 2 {
		return nil, errors.Join(err, api.ErrUnreachable)
	}
	return a, err
}

// The answer to a submission is lost: the message was accepted, and the desk,
// asking again with the same bytes, gets its first acceptance.
func TestLostAnswer(t *testing.T) {
	s := newStage(t)
	lost := lossy{must(desk.Dial(s.desk("se.spoc"))), &atomic.Int64{}}
	se, _ := s.startTo("se.spoc", lost)
	s.unlock(se)
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	if n := lost.asked.Load(); n != 3 {
		t.Errorf("the desk submitted %d times", n)
	}
	if n := len(s.thief("fi.spoc").inbox().Items); n != 1 {
		t.Errorf("the broker accepted %d messages", n)
	}
	if v := must(se.Verify(ctx, client.Ref{ID: id})); v.Proven != 1 || len(v.Faults) != 0 {
		t.Errorf("the desk proves %+v", v)
	}
}

// Finland's desk lost its disk after it had consigned a message, and the broker
// let the bytes go: it asks for them, gets them again, and hands over once.
func TestLostDisk(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	id := send(t, se, request(t))
	awaitOut(t, se, id, "consigned")
	awaitIn(t, fi, id, "consigned")
	stop()
	s.removeDatabase("fi.spoc")
	must(desk.BeginEmpty(s.desk("fi.spoc"), "its disk is lost, and there is no backup", morning))
	s.letsGo()
	fi = s.unlocked("fi.spoc")
	awaitIn(t, fi, id, "handed-over")
	awaitOut(t, se, id, "handed-over")
	for _, d := range []*desk.Desk{se, fi} {
		if v := must(d.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 || v.Proven != 3 {
			t.Errorf("%s: %+v", d.Address(), v)
		}
	}
}

// letsGo waits until the broker has let go of all messages that were consigned. It does
// that in its own time and gives no sign but its metrics.
func (s *stage) letsGo() {
	s.t.Helper()
	look, late := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer look.Stop()
	for {
		resp := must(http.Get("http://" + s.Broker.MetricsAddress() + "/metrics"))
		metrics := must(io.ReadAll(resp.Body))
		must(0, resp.Body.Close())
		if bytes.Contains(metrics, []byte("\nsamband_journal_bytes 0\n")) {
			return
		}
		select {
		case <-look.C:
		case <-late:
			s.t.Fatal("the broker never let go of the message")
		}
	}
}

// The recipient changes its opening key while a message is under way: the desk
// seals anew under the same id. Both texts may have reached the broker.
func TestSealedAnew(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	s.cut("se.spoc")
	id := send(t, se, request(t))
	first := outState(t, se, id).Message
	card := must(desk.Rotate(s.desk("fi.spoc"), passphrase))
	s.enter(s.party("fi").Desk(card, directory, signed.Time{}))
	s.mend("se.spoc")
	fi := s.unlocked("fi.spoc")
	awaitOut(t, se, id, "handed-over")
	if outState(t, se, id).Message == first {
		t.Error("the message was not sealed anew")
	}
	awaitIn(t, fi, id, "handed-over")
	if m, err := fi.Read(ctx, client.Ref{ID: id}); err != nil || !strings.Contains(string(m.Body), "Norrtälje") {
		t.Errorf("fi reads %v", err)
	}
}

// A desk whose ring lacks the key that the header names never refuses: the
// message stays consigned, and it alarms.
func TestLacksKey(t *testing.T) {
	s := newStage(t)
	old := filepath.Join(t.TempDir(), "locked.age")
	ring := filepath.Join(s.desk("fi.spoc"), "keys", "locked.age")
	if err := os.Rename(ring, old); err != nil {
		t.Fatal(err)
	}
	must(0, os.WriteFile(ring, must(os.ReadFile(old)), 0o600))
	card := must(desk.Rotate(s.desk("fi.spoc"), passphrase))
	s.enter(s.party("fi").Desk(card, directory, signed.Time{}))
	must(0, os.Rename(old, ring)) // restored from before the rotation
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "consigned")
	await(t, fi, "short of a key", func() bool {
		items, err := fi.Inbox(ctx, client.Query{ID: id})
		return err == nil && items[0].State == "consigned" && strings.Contains(items[0].Waits, "lacks the opening key")
	})
}

// damage changes a part of what a desk has of the first message that it received, or
// sent.
func (s *stage) damage(addr signed.Address, received bool, part string) {
	s.t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(s.desk(addr), "desk.db")))
	defer db.Close()
	must(db.Exec(`UPDATE texts SET `+part+` = zeroblob(length(`+part+`))
		WHERE text = (SELECT text FROM mail WHERE received = ? ORDER BY seq LIMIT 1)`, received))
}

// A message that the disk has damaged is shown, refused by nobody, and stops no
// other: of those received, and of those to be sent.
func TestDamaged(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	_, stopFi := s.start("fi.spoc")
	damaged, whole := send(t, se, request(t)), send(t, se, request(t))
	awaitOut(t, se, damaged, "consigned")
	awaitOut(t, se, whole, "consigned")
	stopFi()
	s.damage("fi.spoc", true, "sealed")
	fi, stopFi := s.start("fi.spoc")
	s.unlock(fi)
	awaitIn(t, fi, whole, "handed-over")
	await(t, fi, "shown", func() bool {
		i := must(fi.Inbox(ctx, client.Query{ID: damaged}))[0]
		return i.State == "consigned" && strings.Contains(i.Waits, "can't read")
	})
	stopFi()
	s.damage("fi.spoc", true, "note")
	fi = s.unlocked("fi.spoc")
	await(t, fi, "there", func() bool { _, err := os.Stat(filepath.Join(s.desk("fi.spoc"), "socket")); return err == nil })
	items, err := client.New(s.desk("fi.spoc")).Inbox(ctx, client.Query{})
	if err != nil || len(items) != 2 || items[1].ID != damaged || !strings.Contains(items[1].Waits, "can't read") {
		t.Errorf("with a damaged header the inbox is %+v, %v", items, err)
	}

	stop()
	db := must(sql.Open("sqlite", filepath.Join(s.desk("se.spoc"), "desk.db")))
	must(db.Exec(`DELETE FROM proven; UPDATE mail SET accepted = 0`))
	must(0, db.Close())
	s.damage("se.spoc", false, "sealed")
	s.cut("se.spoc")
	se = s.unlocked("se.spoc")
	next := send(t, se, request(t))
	s.mend("se.spoc")
	awaitOut(t, se, next, "handed-over")
	if o := outState(t, se, damaged); o.State != "consigned" || !strings.Contains(o.Waits, "can't read") {
		t.Errorf("the damaged one is %s: %s", o.State, o.Waits)
	}
}

// A withdrawal of an accepted message, one of a message that never left, and one
// that comes too late.
func TestWithdraw(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	if _, err := se.Withdraw(ctx, id); err != nil {
		t.Fatal(err)
	}
	awaitOut(t, se, id, "withdrawn")

	s.cut("se.spoc")
	never := send(t, se, request(t))
	if o := must(se.Withdraw(ctx, never)); o.Says != "withdrawn" {
		t.Error("the withdrawal isn't shown")
	}
	s.mend("se.spoc")
	awaitOut(t, se, never, "withdrawn")

	late := send(t, se, request(t))
	awaitOut(t, se, late, "accepted")
	s.cut("se.spoc")
	must(se.Withdraw(ctx, late))
	fi, _ := s.start("fi.spoc")
	awaitIn(t, fi, late, "consigned")
	s.mend("se.spoc")
	awaitOut(t, se, late, "consigned")
	await(t, se, "out of its doubt", func() bool { return outState(t, se, late).Says == "" })
	if _, err := se.Withdraw(ctx, late); problem.CodeOf(err) != problem.AlreadyConsigned {
		t.Errorf("a consigned message: %v", err)
	}
	if v := must(se.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("an honest broker is accused: %+v %+v", v.Evidence, v.Faults)
	}
}

// A clarification stops the clock from acceptance to acceptance, and an answer
// that is late counts as late.
func TestClockPauses(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	deadline := func() *client.Deadline { return must(fi.Inbox(ctx, client.Query{ID: id}))[0].Deadline }

	s.clock.Move(time.Hour)
	asked := must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "CLARIFY", Body: body(t, "02-clarify.json")})).Messages[0].ID
	awaitOut(t, fi, asked, "handed-over")
	awaitIn(t, se, asked, "handed-over")
	s.clock.Move(10 * time.Hour)
	if at := deadline(); !at.Paused || at.Overdue {
		t.Errorf("while a question is out the clock stands at %+v", at)
	}
	told := must(se.Answer(ctx, client.Ref{ID: asked}, client.Draft{Type: "CLARIFICATION", Body: body(t, "03-clarification.json")})).Messages[0].ID
	awaitOut(t, se, told, "handed-over")
	awaitIn(t, fi, told, "handed-over")
	s.clock.Move(6*time.Hour + 59*time.Minute)
	if at := deadline(); at.Paused || at.Overdue {
		t.Errorf("within 8 hours of running time the clock stands at %+v", at)
	}
	s.clock.Move(2 * time.Minute)
	if at := deadline(); !at.Overdue {
		t.Errorf("after 8 hours the clock stands at %+v", at)
	}
}

// Two rotations at once: each key whose card was given out is in the ring.
func TestRotateTwice(t *testing.T) {
	s := newStage(t)
	dir := s.desk("fi.spoc")
	var cards [2][]byte
	var all sync.WaitGroup
	for i := range cards {
		all.Go(func() { cards[i], _ = desk.Rotate(dir, passphrase) })
	}
	all.Wait()
	locked := must(keys.Unlock(filepath.Join(dir, "keys"), passphrase))
	made := 0
	for _, card := range cards {
		if card == nil { // refused: the other was at it
			continue
		}
		made++
		key := must(register.ParseRequest(card)).Opening
		if _, ok := locked.Identity(envelope.KeyIDOf(key)); !ok {
			t.Errorf("the ring lacks %s", key)
		}
	}
	if made == 0 {
		t.Error("neither rotated")
	}
}

// Whose reading can't be noted, reads nothing.
func TestReadUnlogged(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	db := must(sql.Open("sqlite", filepath.Join(s.desk("se.spoc"), "desk.db?_pragma=busy_timeout(10000)")))
	defer db.Close()
	must(db.Exec(`CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`))
	if m, err := se.Read(ctx, client.Ref{ID: id}); err == nil || m != nil {
		t.Errorf("read unlogged: %+v, %v", m, err)
	}
}

// Several recipients: each has an envelope of its own, and who is blocked stops
// nobody else, and is on no roster. A repeat says the same.
func TestSeveralRecipients(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	draft := request(t)
	draft.Name, draft.To = "case 4711", []signed.Address{"no.spoc", "fi.spoc", "se.spoc"}
	sending, err := se.Send(ctx, draft)
	if err != nil || len(sending.Messages) != 2 || len(sending.Blocked) != 1 {
		t.Fatalf("sent as %+v, %v", sending, err)
	}
	if b := sending.Blocked[0]; b.To != "no.spoc" || b.Problem.Code != problem.UnknownDesk {
		t.Errorf("blocked: %+v", b)
	}
	for _, m := range sending.Messages {
		d := map[signed.Address]*desk.Desk{"fi.spoc": fi, "se.spoc": se}[m.To]
		awaitIn(t, d, m.ID, "handed-over")
		if m := must(d.Read(ctx, client.Ref{ID: m.ID})); !strings.Contains(string(m.Body), `"recipients":["fi.spoc","se.spoc"]`) {
			t.Errorf("the roster is not those to whom it goes: %.300s", m.Body)
		}
	}
	again, err := se.Send(ctx, draft)
	if err != nil || len(again.Messages) != 2 || again.Messages[0].ID != sending.Messages[0].ID ||
		!slices.Equal(again.Blocked, sending.Blocked) {
		t.Errorf("once more it is sent as %+v, %v", again, err)
	}
	for what, change := range map[string]func(*client.Draft){
		"a recipient less": func(d *client.Draft) { d.To = d.To[:2] },
		"another ceiling":  func(d *client.Draft) { d.Classification = "bpl" },
		"another lifetime": func(d *client.Draft) { d.Lifetime = client.Duration(time.Hour) },
		"no roster":        func(d *client.Draft) { d.Confidential = true },
	} {
		other := draft
		change(&other)
		if _, err := se.Send(ctx, other); problem.CodeOf(err) != problem.IDReused {
			t.Errorf("%s, under the same name: %v", what, err)
		}
	}
}

// Of an erased message nothing is left that could be opened; its proofs stand.
func TestErase(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	sealed := must(envelope.Parse(s.thief("fi.spoc").inbox().Items[0].Envelope)).Sealed[512:576]
	fi := s.unlocked("fi.spoc")
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	if !s.onDisk("fi.spoc", sealed) {
		t.Error("the sealed part is not where it is looked for")
	}
	if err := fi.Erase(ctx, client.Ref{ID: id}); err != nil {
		t.Fatal(err)
	}
	if s.onDisk("fi.spoc", sealed) {
		t.Error("erased, its sealed part is still on the disk")
	}
	if _, err := fi.Read(ctx, client.Ref{ID: id}); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("erased, it reads: %v", err)
	}
	if err := fi.Erase(ctx, client.Ref{ID: id}); err != nil {
		t.Errorf("erased once more: %v", err)
	}
	// It was consigned beforehand if the desk met it before it was unlocked.
	if v := must(fi.Verify(ctx, client.Ref{ID: id})); v.Proven < 2 || v.Proven != len(v.Facts) || len(v.Faults) != 0 {
		t.Errorf("erased, it proves %+v", v)
	}
}

// onDisk looks for bytes in a desk's database, its write-ahead log included.
func (s *stage) onDisk(desk signed.Address, part []byte) bool {
	s.t.Helper()
	return slices.ContainsFunc(must(filepath.Glob(filepath.Join(s.desk(desk), "desk.db*"))), func(path string) bool {
		return bytes.Contains(must(os.ReadFile(path)), part)
	})
}

// A draft is explained without being sent, and while locked.
func TestExplain(t *testing.T) {
	s := newStage(t)
	se, _ := s.start("se.spoc")
	s.ready(se)
	x, err := se.Explain(ctx, request(t))
	if err != nil || x.Problem != nil || x.Recipients[0].Problem != nil || len(x.Recipients[0].Agreements) != 1 {
		t.Errorf("explained as %+v, %v", x, err)
	}
	draft := request(t)
	draft.To, draft.Body = []signed.Address{"no.spoc"}, []byte(strings.Replace(string(draft.Body), `"fi.spoc"`, `"no.spoc"`, 1))
	x, err = se.Explain(ctx, draft)
	if err != nil || x.Recipients[0].Problem == nil || x.Recipients[0].Problem.Code != problem.UnknownDesk {
		t.Errorf("explained as %+v, %v", x, err)
	}
}

// The local socket says what the desk itself says.
func TestSocket(t *testing.T) {
	s := newStage(t)
	se, _ := s.start("se.spoc")
	s.ready(se)
	c := client.New(s.desk("se.spoc"))
	if _, err := c.Send(ctx, request(t)); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("locked: %v", err)
	}
	if err := c.Unlock(ctx, passphrase); err != nil {
		t.Fatal(err)
	}
	sending, err := c.Send(ctx, request(t))
	if err != nil {
		t.Fatal(err)
	}
	id := sending.Messages[0].ID
	awaitOut(t, se, id, "accepted")
	m, err := c.Read(ctx, client.Ref{ID: id})
	if err != nil || m.Received || len(m.Attachments) != 1 {
		t.Errorf("read: %+v, %v", m, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const old = 1 << 40 // a number from before the process was started anew
	if seen, err := c.Wait(ctx, client.Watch{After: old}); err != nil || seen.Changes == old {
		t.Errorf("waited till %+v, %v", seen, err)
	}
	if info, err := os.Stat(filepath.Join(s.desk("se.spoc"), "socket")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	if _, err := desk.New(desk.Config{Dir: s.desk("se.spoc")}); err == nil {
		t.Error("two processes serve one desk")
	}
}

// childOf names the folder that a child process serves, childAt its time.
const (
	childOf = "SAMBAND_TEST_DESK"
	childAt = "SAMBAND_TEST_NOW"
)

// serveChild serves a desk, unlocked and cut off, until it is killed. With childKills it is
// not cut off, and kills itself.
func serveChild(dir string) {
	at := must(time.Parse(time.RFC3339, os.Getenv(childAt)))
	conf := desk.Config{Dir: dir, Broker: silence{}, Now: func() time.Time { return at }}
	if kills, err := strconv.ParseInt(os.Getenv(childKills), 10, 64); err == nil {
		conf.Broker, conf.Hits = nil, killing(must(table.Open(filepath.Join(dir, "hits.db"))), kills)
	}
	d := must(desk.New(conf))
	must(0, d.Unlock(ctx, passphrase))
	must(0, d.Run(ctx))
}

// die kills this process, as no program can catch it.
func die() { must(0, must(os.FindProcess(os.Getpid())).Kill()) }

// silence is a broker that never answers.
type silence struct{ desk.Broker }

func (silence) Connected(func())                           {}
func (silence) Clocks(func() time.Time, func(signed.Time)) {}
func (silence) Ring(ctx context.Context, _ func(signed.Hash) ([]byte, error)) error {
	<-ctx.Done()
	return api.ErrUnreachable
}

func (silence) Submit(ctx context.Context, _ api.Heads, _ [][]byte) (*api.SubmitAnswer, error) {
	<-ctx.Done()
	return nil, api.ErrUnreachable
}
func (silence) State(ctx context.Context, _ api.Heads, _ [][]byte) (*api.StateAnswer, error) {
	<-ctx.Done()
	return nil, api.ErrUnreachable
}
func (silence) Inbox(ctx context.Context, _ api.Heads, _ api.Ask) (*api.InboxAnswer, error) {
	<-ctx.Done()
	return nil, api.ErrUnreachable
}
func (silence) Progress(ctx context.Context, _ api.Heads, _ api.Page) (*api.ProgressAnswer, error) {
	<-ctx.Done()
	return nil, api.ErrUnreachable
}

// A desk process is killed right after it said that a message is queued. The
// message is there when the desk starts again, and goes out.
func TestKilled(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.ready(se) // it has the register
	stop()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childOf+"="+s.desk("se.spoc"), childAt+"="+morning.Format(time.RFC3339))
	must(0, child.Start())
	c := client.New(s.desk("se.spoc"))
	late := time.Now().Add(patience)
	for st, err := c.Status(ctx); err != nil || st.Locked; st, err = c.Status(ctx) {
		if time.Now().After(late) {
			t.Fatal("the child never served")
		}
	}
	draft := request(t)
	draft.Lifetime = client.Duration(30 * 24 * time.Hour)
	sending, err := c.Send(ctx, draft)
	must(0, child.Process.Kill())
	child.Wait()
	if err != nil {
		t.Fatal(err)
	}
	se, _ = s.start("se.spoc")
	awaitOut(t, se, sending.Messages[0].ID, "accepted")
}
