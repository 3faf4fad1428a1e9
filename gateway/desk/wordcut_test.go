package desk_test

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"sync/atomic"
	"testing"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// word is what a disk whose log is cut has of a message's word that waits for its proof.
func (d disk) word(t *testing.T, length int, id signed.ID) (note []byte) {
	t.Helper()
	dir := t.TempDir()
	d.put(dir, length)
	db := must(sql.Open("sqlite", filepath.Join(dir, "desk.db")))
	defer db.Close()
	for rows := must(db.Query(`SELECT note FROM mail WHERE id = ?`, id[:])); rows.Next(); {
		must(0, rows.Scan(&note))
	}
	return note
}

// moved is an edge that refuses the first words that it hears, since the register has
// moved; and so it has.
type moved struct {
	line
	s     *stage
	calls *atomic.Int64
}

func (b moved) State(ctx context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	if b.calls.Add(1) > 1 {
		return b.line.State(ctx, h, notes)
	}
	b.s.enter(b.s.party("se").Agreement(register.Agreement{
		Title: "Another", Parties: []string{"fi"}, Types: []string{"INFO_REQUEST"}, Purposes: []string{"INVESTIGATE_CRIME"},
		Ceiling: envelope.Unclassified, From: signed.At(morning), Until: signed.At(morning.AddDate(1, 0, 0)),
	}))
	return b.stateEach(h, notes, func([]byte) (*api.StateItem, error) {
		return nil, problem.New(problem.RegisterMoved, "it has moved")
	})
}

// A saying is a path by which a desk comes to say a word.
type saying struct {
	stage func(*testing.T) *stage
	desk  signed.Address
	by    func(*stage) desk.Broker               // the desk's, behind the gate
	say   func(s *stage, d *desk.Desk) signed.ID // where it is Finland's, Sweden's runs, unlocked
	ends  client.State                           // of the message at the desk, once its word is proven
	anew  bool                                   // its first word is refused, and signed anew
}

// A desk says a word, by each path that leads to one. The broker logs it, and the power is
// cut or the process killed before the desk has the answer. The desk that starts again knows
// the word for its own: the same note is said, it is proven, and it neither accuses anybody
// nor lists a lost copy.
func TestWordOutlivesACut(t *testing.T) {
	dial := func(addr signed.Address) func(*stage) desk.Broker {
		return func(s *stage) desk.Broker { return must(desk.Dial(s.desk(addr))) }
	}
	sends := func(s *stage, _ *desk.Desk) signed.ID { return send(s.t, s.Desks["se.spoc"], request(s.t)) }
	for name, p := range map[string]saying{
		"consigned while locked": {stage: newStage, desk: "fi.spoc", by: dial("fi.spoc"), say: sends, ends: "consigned"},
		// So it is after ten seconds: one step states both.
		"consigned since it can't be judged": {stage: newStage, desk: "fi.spoc", by: dial("fi.spoc"), ends: "consigned",
			say: func(s *stage, d *desk.Desk) signed.ID {
				se, next := s.Desks["se.spoc"], s.lends(lacking)
				awaitLacks(s.t, se, next, problem.BundleMissing)
				must(0, se.Import(ctx, next.Zip))
				s.unlock(d)
				return send(s.t, se, loan())
			}},
		"handed over": {stage: newStage, desk: "fi.spoc", by: dial("fi.spoc"), ends: "handed-over",
			say: func(s *stage, d *desk.Desk) signed.ID { s.unlock(d); return sends(s, d) }},
		"refused": {stage: newStage, desk: "fi.spoc", by: dial("fi.spoc"), ends: "refused",
			say: func(s *stage, d *desk.Desk) signed.ID {
				s.unlock(d)
				return s.thief("se.spoc").message("fi.spoc", "SPONTANEOUS", func(*envelope.Header) {})
			}},
		"withdrawn": {stage: newStage, desk: "se.spoc", by: dial("se.spoc"), ends: "withdrawn",
			say: func(s *stage, d *desk.Desk) signed.ID {
				s.unlock(d)
				s.cut("fi.spoc")
				id := send(s.t, d, request(s.t))
				awaitOut(s.t, d, id, "accepted")
				must(d.Withdraw(ctx, id))
				return id
			}},
		"signed anew": {stage: newLie, desk: "fi.spoc", anew: true, say: sends, ends: "consigned",
			by: func(s *stage) desk.Broker { return moved{line{s.edge, "fi.spoc"}, s, &atomic.Int64{}} }},
	} {
		for _, cut := range []string{"cut as soon as it may be", "killed"} {
			t.Run(name+", "+cut, func(t *testing.T) {
				s := p.stage(t)
				if p.desk != "se.spoc" {
					s.ready(s.unlocked("se.spoc"))
				}
				g := newGate(p.by(s))
				d, stop := s.startTo(p.desk, g)
				s.ready(d)
				id := p.say(s, d)
				w := s.call(g)
				if p.anew {
					w.fate <- passes
					first := w.notes[0]
					if w = s.call(g); bytes.Equal(w.notes[0], first) {
						t.Error("the word is not signed anew")
					}
				}
				at := s.disk(p.desk) // the call is under way: what comes of it a cut takes away
				w.fate <- passes
				await(t, d, "sure of its word", func() bool { return s.stateOf(d, id) == p.ends })
				stop()
				var kept []int
				for _, length := range at.commits(0) {
					if bytes.Equal(at.word(t, length, id), w.notes[0]) {
						kept = append(kept, length)
					}
				}
				if len(kept) == 0 {
					t.Fatal("no commit has the word")
				}
				length := len(at.wal)
				if cut == "cut as soon as it may be" {
					length = kept[0]
				}
				at.put(s.desk(p.desk), length)
				next := newGate(s.broker(p.desk))
				if next.Broker == nil {
					next.Broker = must(desk.Dial(s.desk(p.desk)))
				}
				close(next.open)
				d, _ = s.startTo(p.desk, next)
				await(t, d, "sure of its word", func() bool { return s.stateOf(d, id) == p.ends })
				for _, note := range next.notes() {
					if !bytes.Equal(note, w.notes[0]) {
						t.Errorf("it says:\n%s\nhaving said:\n%s", note, w.notes[0])
					}
				}
				s.unlock(d)
				s.shows(d) // it has read all that was said in its name
				if st := must(d.Status(ctx)); st.LostWords+st.Evidence != 0 {
					t.Errorf("its status is %+v", st)
				}
			})
		}
	}
}

// stateOf is where a message stands at a desk; "" if it has none of it.
func (s *stage) stateOf(d *desk.Desk, id signed.ID) client.State {
	if in, err := d.Inbox(ctx, client.Query{ID: id}); err == nil {
		return in[0].State
	}
	if out, err := d.Outbox(ctx, client.Query{ID: id}); err == nil {
		return out[0].State
	}
	return ""
}
