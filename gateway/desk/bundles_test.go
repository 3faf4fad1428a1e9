package desk_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// names enters the catalogue of a bundle, which the broker does not get.
func (s *stage) names(b *schema.Bundle) {
	s.t.Helper()
	s.enterNote(must(s.SignCatalogue(b)))
}

// Whether the broker has a bundle when it is named.
const (
	given   = true
	lacking = false
)

// lends enters the catalogue that has the new type, and the agreement under which
// Sweden asks for a loan and Finland refuses.
func (s *stage) lends(has bool) *schema.Bundle {
	s.t.Helper()
	next := must(gatewaytest.NextCatalogue())
	if has {
		s.give(next)
	}
	s.names(next)
	from := signed.At(morning.Add(-time.Hour))
	a := must(s.party("se").Agreement(register.Agreement{
		Title: "Loans in the North", Parties: []string{"fi", "se"}, Types: []string{gatewaytest.NextType, "REFUSAL"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, From: from, Until: from.Add(240 * time.Hour),
	}))
	s.enter(a, nil)
	s.enter(s.party("fi").Accede(a.Note))
	return next
}

func loan() client.Draft {
	return client.Draft{To: []signed.Address{"fi.spoc"}, Type: gatewaytest.NextType, Body: must(gatewaytest.NextSample())}
}

func refusal() client.Draft {
	return client.Draft{Type: "REFUSAL", Body: []byte(`{
		"our_reference": "KRP-2026-11-3398", "subject": "Lån av båtar", "language": "sv", "handling": [{"code": "H1"}],
		"offence_area": ["MIGRANT_SMUGGLING"], "grounds": [{"ground": "ONGOING_INVESTIGATION_OR_SAFETY", "reasons": "Båda båtarna söker själva."}]}`)}
}

// give puts a bundle into a broker's folder.
func (s *stage) give(b *schema.Bundle) { must(0, broker.AddBundle(s.BrokerDir(), b)) }

// takeAway removes it again.
func (s *stage) takeAway(b *schema.Bundle) { must(0, os.Remove(s.brokerFile(b))) }

func (s *stage) brokerFile(b *schema.Bundle) string {
	return filepath.Join(s.BrokerDir(), "data", "catalogue", b.Hash.Hex()+".zip")
}

func (s *stage) deskFile(addr signed.Address, b *schema.Bundle) string {
	return filepath.Join(s.desk(addr), "catalogue", b.Hash.Hex()+".zip")
}

// awaitLacks waits until a desk lacks that much, the last attempt having failed so.
func awaitLacks(t *testing.T, d *desk.Desk, b *schema.Bundle, why problem.Code) {
	t.Helper()
	await(t, d, "lacking the bundle by "+string(why), func() bool {
		lacks := must(d.Status(ctx)).Lacks
		return len(lacks) == 1 && lacks[0].Bundle == b.Hash && lacks[0].Problem != nil && lacks[0].Problem.Code == why
	})
}

// whole waits until a desk knows the whole register, and lacks no bundle that it names.
func (s *stage) whole(d *desk.Desk) {
	s.t.Helper()
	await(s.t, d, "with every bundle", func() bool {
		st := must(d.Status(ctx))
		return st.Register == s.register.Size() && len(st.Lacks) == 0
	})
}

func measures(t *testing.T, d *desk.Desk, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(d.Metrics(), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

const (
	lackingHelp = `# HELP samband_catalogue_bundles_lacking Catalogue bundles that the register names and this desk should have and doesn't.
# TYPE samband_catalogue_bundles_lacking gauge
samband_catalogue_bundles_lacking `
	unreadableHelp = `# HELP samband_unreadable_messages Messages that wait because this desk can't read them: damaged, or of a type whose catalogue bundle it lacks.
# TYPE samband_unreadable_messages gauge
samband_unreadable_messages `
)

// A type that no program has, by data alone: a bundle that the register names. Sweden
// gets it by hand while the broker lacks it, and sends; at Finland the message waits,
// and is read once the broker has the bundle. Its answer ends its clock.
func TestNewType(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	next := s.lends(lacking)
	awaitLacks(t, se, next, problem.BundleMissing)
	awaitLacks(t, fi, next, problem.BundleMissing)
	measures(t, fi, lackingHelp+"1\n", "samband_catalogue_bundles_lacking")
	if _, err := se.Send(ctx, loan()); problem.CodeOf(err) != problem.TypeOutdated {
		t.Errorf("sent without the type: %v", err)
	}

	socket := client.New(s.desk("se.spoc"))
	other := must(schema.NewBundle(fstest.MapFS{"codes/colour-1.json": {Data: []byte("{}")}}))
	for what, packed := range map[string][]byte{"a bundle that is not named": other.Zip, "half a bundle": next.Zip[:len(next.Zip)/2], "nothing": nil} {
		if err := socket.Import(ctx, packed); problem.CodeOf(err) != problem.BundleInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(s.desk("se.spoc"), "catalogue")); len(entries) > 0 {
		t.Errorf("of what it refused it keeps %v, %v", entries, err)
	}
	for range 2 { // once more does no harm
		must(0, socket.Import(ctx, next.Zip))
	}
	s.whole(se)
	id := send(t, se, loan())
	awaitOut(t, se, id, "consigned")
	await(t, fi, "short of the type", func() bool {
		items, err := fi.Inbox(ctx, client.Query{ID: id})
		return err == nil && items[0].State == "consigned" && items[0].Waits == mail.LacksType
	})
	measures(t, fi, unreadableHelp+"1\n", "samband_unreadable_messages")

	s.give(next)
	s.asksAnew(fi)
	awaitIn(t, fi, id, "handed-over")
	s.whole(fi)
	measures(t, fi, lackingHelp+"0\n"+unreadableHelp+"0\n", "samband_catalogue_bundles_lacking", "samband_unreadable_messages")
	m := must(fi.Read(ctx, client.Ref{ID: id}))
	if m.Title != "Loan of equipment" || m.Deadline == nil || m.Deadline.Class != "5d" || !slices.Contains(m.Replies, "REFUSAL") {
		t.Errorf("read as %q, clock %+v, replies %v", m.Title, m.Deadline, m.Replies)
	}

	answer := must(fi.Answer(ctx, client.Ref{ID: id}, refusal())).Messages[0].ID
	awaitIn(t, se, answer, "handed-over")
	await(t, se, "answered", func() bool { d := outState(t, se, id).Deadline; return d != nil && d.OnTime })
	if n, err := testutil.GatherAndCount(fi.Metrics(), "samband_answers_total"); err != nil || n == 0 {
		t.Errorf("%d classes of answers, %v", n, err)
	}
	measured := false
	for _, f := range must(fi.Metrics().Gather()) {
		for _, m := range f.Metric {
			measured = measured || f.GetName() == "samband_answers_total" && m.Label[0].GetValue() == "5d" && m.GetCounter().GetValue() == 1
		}
	}
	if !measured {
		t.Error("no answer of class 5d is counted")
	}
}

// A shop is a broker that gives bundles as the test says, and counts what it is asked for.
type shop struct {
	desk.Broker
	give func(schema.BundleHash) (*schema.Bundle, error)

	mu    sync.Mutex
	asked map[schema.BundleHash]int
}

func (s *stage) shop(addr signed.Address, give func(schema.BundleHash) (*schema.Bundle, error)) *shop {
	return &shop{Broker: must(desk.Dial(s.desk(addr))), give: give, asked: map[schema.BundleHash]int{}}
}

func (b *shop) Catalogue(_ context.Context, hash schema.BundleHash) (*schema.Bundle, error) {
	b.mu.Lock()
	b.asked[hash]++
	b.mu.Unlock()
	return b.give(hash)
}

func (b *shop) count(of *schema.Bundle) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[of.Hash]
}

// edited is a bundle with a word changed in one of its files.
func edited(t *testing.T, b *schema.Bundle, file, old, new string) *schema.Bundle {
	t.Helper()
	dir := t.TempDir()
	must(0, os.CopyFS(dir, b.Files))
	file = filepath.Join(dir, file)
	before := string(must(os.ReadFile(file)))
	after := strings.Replace(before, old, new, 1)
	if after == before {
		t.Fatalf("%s has no %q", file, old)
	}
	must(0, os.WriteFile(file, []byte(after), 0o600))
	return must(schema.NewBundle(os.DirFS(dir)))
}

// relabelled is the embedded catalogue with another word in a label: another bundle with
// the same types.
func relabelled(t *testing.T) *schema.Bundle {
	return edited(t, schema.EmbeddedBundle(), "labels/types/REMINDER.json", `"Reminder"`, `"Nudge"`)
}

// An older bundle is fetched when something is of a type that is in no other, and not
// else.
func TestOlderBundle(t *testing.T) {
	for name, sent := range map[string]bool{"a message is of its type": true, "nothing is of its type": false} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			se, stop := s.start("se.spoc")
			s.unlock(se)
			older := s.lends(given)
			s.whole(se)
			newer, want := relabelled(t), 0
			var id signed.ID
			if sent {
				id, want = send(t, se, loan()), 1
				awaitOut(t, se, id, "accepted")
			}
			stop()
			s.names(newer)
			b := s.shop("fi.spoc", func(hash schema.BundleHash) (*schema.Bundle, error) {
				return map[schema.BundleHash]*schema.Bundle{older.Hash: older, newer.Hash: newer}[hash], nil
			})
			for range 2 { // the second time, all lies in its folder
				fi, stop := s.startTo("fi.spoc", b)
				s.unlock(fi)
				s.whole(fi)
				if sent {
					awaitIn(t, fi, arrived(t, fi, id), "handed-over")
					if m, err := fi.Read(ctx, client.Ref{ID: id}); err != nil || m.Title != "Loan of equipment" || m.Deadline == nil {
						t.Errorf("it reads %+v, %v", m, err)
					}
				}
				if b.count(older) != want || b.count(newer) != 1 {
					t.Errorf("it fetched the older bundle %d times, and the newer %d times", b.count(older), b.count(newer))
				}
				stop()
			}
		})
	}
}

// A bundle that is not what the register names is asked for again; one that is, and
// that this program can't load, is asked for once. Neither stops anything else.
func TestUnfitBundle(t *testing.T) {
	next := must(gatewaytest.NextCatalogue())
	broken := must(schema.NewBundle(fstest.MapFS{"types/BROKEN-1.0.json": {Data: []byte("{}")}}))
	for name, c := range map[string]struct {
		named  *schema.Bundle
		gives  *schema.Bundle
		atMost int
	}{
		"another bundle": {next, broken, 1 << 20},
		"no catalogue":   {broken, broken, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			asked := make(chan struct{}, 1<<20)
			b := s.shop("fi.spoc", func(schema.BundleHash) (*schema.Bundle, error) {
				asked <- struct{}{}
				return c.gives, nil
			})
			fi, _ := s.startTo("fi.spoc", b)
			s.unlock(fi)
			text := must(s.Founders[0].DraftCatalogue(c.named.Hash, gatewaytest.Types()))
			s.enterNote(must(s.Founders[0].Sign(text)).Note)
			awaitLacks(t, fi, c.named, problem.BundleInvalid)
			for range min(c.atMost, 3) {
				<-asked
			}
			se := s.unlocked("se.spoc")
			s.ready(se)
			for range 2 {
				awaitIn(t, fi, arrived(t, fi, send(t, se, request(t))), "handed-over")
			}
			if n := b.count(c.named); n > c.atMost {
				t.Errorf("it was asked for %d times", n)
			}
			if _, err := os.Stat(s.deskFile("fi.spoc", c.named)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it is kept: %v", err)
			}
		})
	}
}

// arrived waits until a message is in the inbox.
func arrived(t *testing.T, d *desk.Desk, id signed.ID) signed.ID {
	t.Helper()
	await(t, d, "reached", func() bool { _, err := d.Inbox(ctx, client.Query{ID: id}); return err == nil })
	return id
}

// asksAnew cuts a desk off and connects it again: it asks for what it lacks at once.
func (s *stage) asksAnew(d *desk.Desk) {
	s.t.Helper()
	s.cut(d.Address())
	await(s.t, d, "cut off", func() bool { return !must(d.Status(ctx)).Reachable })
	s.mend(d.Address())
}

// A queued message is of a type that the register replaced meanwhile. It waits for the
// bundle that has the new one, and is sealed anew and sent once the desk has it.
func TestQueuedAcrossCatalogues(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	first := s.lends(given)
	s.whole(se)
	s.cut("se.spoc")
	id := send(t, se, loan())
	second := edited(t, first, "types/"+gatewaytest.NextType+"-1.0.json", "Invented for tests", "Invented for other tests")
	s.names(second)
	s.mend("se.spoc")
	awaitLacks(t, se, second, problem.BundleMissing)
	await(t, se, "refused for now", func() bool {
		o := outState(t, se, id)
		return o.State == "queued" && o.Problem != nil && o.Problem.Code == problem.TypeOutdated
	})
	s.give(second)
	s.asksAnew(se)
	awaitOut(t, se, id, "accepted")
}

// A desk lost the bundle of a request that it sent. It does not refuse the answer, which
// it can't judge: that waits for the bundle, and ends the clock then.
func TestAnswerToLackedType(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	next := s.lends(given)
	s.whole(se)
	id := send(t, se, loan())
	awaitOut(t, se, id, "accepted")
	fi := s.unlocked("fi.spoc")
	awaitIn(t, fi, id, "handed-over")
	awaitOut(t, se, id, "handed-over")
	stop()
	s.takeAway(next)
	must(0, os.Remove(s.deskFile("se.spoc", next)))

	answer := must(fi.Answer(ctx, client.Ref{ID: id}, refusal())).Messages[0].ID
	se = s.unlocked("se.spoc")
	arrived(t, se, answer)
	await(t, se, "short of the type", func() bool {
		items, err := se.Inbox(ctx, client.Query{ID: answer})
		return err == nil && items[0].State == "consigned" && items[0].Waits == mail.LacksType
	})
	s.give(next)
	s.asksAnew(se)
	awaitIn(t, se, answer, "handed-over")
	await(t, se, "answered", func() bool { d := outState(t, se, id).Deadline; return d != nil && d.OnTime })
}

// A file of the folder that is not what its name says is fetched anew.
func TestDamagedBundle(t *testing.T) {
	s := newStage(t)
	next := s.lends(given)
	fi, stop := s.start("fi.spoc")
	s.whole(fi)
	file := s.deskFile("fi.spoc", next)
	for _, content := range [][]byte{next.Zip[:len(next.Zip)/2], nil, relabelled(t).Zip} {
		stop()
		must(0, os.WriteFile(file, content, 0o600))
		fi, stop = s.start("fi.spoc")
		await(t, fi, "mended", func() bool { return string(must(os.ReadFile(file))) == string(next.Zip) })
		s.whole(fi)
	}
}

// childDies is what the child's log says when it is to be killed.
const childDies = "SAMBAND_TEST_DIES"

// serveMortal serves a desk, unlocked, until its log says a word; then it is killed as
// kill -9 does.
func serveMortal(dir, word string) {
	at := must(time.Parse(time.RFC3339, os.Getenv(childAt)))
	d := must(desk.New(desk.Config{Dir: dir, Now: func() time.Time { return at }, Log: slog.New(mortal{word: word})}))
	must(0, d.Unlock(ctx, passphrase))
	must(0, d.Run(ctx))
}

type mortal struct {
	slog.Handler
	word string
}

func (mortal) Enabled(context.Context, slog.Level) bool { return true }
func (m mortal) Handle(_ context.Context, r slog.Record) error {
	if r.Message == m.word {
		die()
		select {}
	}
	return nil
}

// A desk is killed at each step from the bundle's file to the statement of what waited
// for it. Started again, while the broker lacks the bundle, it goes on with what it
// kept: the message is handed over, once.
func TestKilledWithBundle(t *testing.T) {
	for _, word := range []string{"catalogue bundle kept", "catalogue bundle loaded", "message opened"} {
		t.Run(word, func(t *testing.T) {
			s := newStage(t)
			next := s.lends(lacking)
			se := s.unlocked("se.spoc")
			s.ready(se)
			awaitLacks(t, se, next, problem.BundleMissing)
			must(0, se.Import(ctx, next.Zip))
			id := send(t, se, loan())
			fi, stop := s.start("fi.spoc")
			s.unlock(fi)
			await(t, fi, "short of the type", func() bool {
				items, err := fi.Inbox(ctx, client.Query{ID: id})
				return err == nil && items[0].State == "consigned" && items[0].Waits == mail.LacksType
			})
			stop()

			s.give(next)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childOf+"="+s.desk("fi.spoc"), childAt+"="+morning.Format(time.RFC3339), childDies+"="+word)
			child.Stderr = os.Stderr
			must(0, child.Start())
			late := time.AfterFunc(patience, func() { child.Process.Kill() })
			child.Wait()
			if !late.Stop() {
				t.Fatalf("the child never said %q", word)
			}
			s.takeAway(next)
			leftover := filepath.Join(s.desk("fi.spoc"), "catalogue", ".new-123") // of a kill while it was written
			must(0, os.WriteFile(leftover, next.Zip[:100], 0o600))

			fi, _ = s.start("fi.spoc")
			s.unlock(fi)
			awaitIn(t, fi, id, "handed-over")
			if items := must(fi.Inbox(ctx, client.Query{})); len(items) != 1 {
				t.Errorf("%d messages are there", len(items))
			}
			if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the half file is still there: %v", err)
			}
			awaitOut(t, se, id, "handed-over")
		})
	}
}
