package desk_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A backup is a copy of a desk's whole folder, made while it is stopped.
type backup struct {
	s    *stage
	addr signed.Address
	dir  string
}

func (s *stage) backup(addr signed.Address) *backup {
	s.t.Helper()
	b := &backup{s, addr, s.t.TempDir()}
	must(0, os.CopyFS(b.dir, os.DirFS(s.desk(addr))))
	return b
}

// restore puts the folder back as it was.
func (b *backup) restore() {
	b.s.t.Helper()
	must(0, os.RemoveAll(b.s.desk(b.addr)))
	must(0, os.CopyFS(b.s.desk(b.addr), os.DirFS(b.dir)))
}

// received are so many messages that Sweden sent and Finland handed over; both desks
// are stopped then.
func (s *stage) received(n int) (ids []signed.ID) {
	s.t.Helper()
	se, stopSE := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	fi, stopFI := s.start("fi.spoc")
	s.unlock(fi)
	for range n {
		id := send(s.t, se, request(s.t))
		awaitOut(s.t, se, id, "handed-over")
		awaitIn(s.t, fi, id, "handed-over")
		ids = append(ids, id)
	}
	stopSE()
	stopFI()
	return ids
}

// stated waits until the log has all that a desk erased.
func (s *stage) stated(d *desk.Desk) {
	s.t.Helper()
	s.clock.Move(time.Minute)
	s.unlock(d) // it looks at the clock
	await(s.t, d, "free of erasures that the log lacks", func() bool { return must(d.Status(ctx)).Erasures.Unstated == 0 })
}

// shows waits until a desk has read in the log what it erased.
func (s *stage) shows(d *desk.Desk) {
	s.t.Helper()
	await(s.t, d, "ready to show content", func() bool {
		return !d.Locked() && must(d.Status(ctx)).Erasures.NotShown == ""
	})
}

// lists are what the log has of a desk's erasures.
func (s *stage) lists(addr signed.Address) (notes [][]byte) {
	s.t.Helper()
	for after := api.Cursor(0); ; {
		a := must(s.thief(addr).client.Progress(ctx, api.Heads{Register: s.register.Size()}, api.Page{After: after, Limit: api.MaxLimit}))
		for _, i := range a.Items {
			if i.Event == envelope.Erased {
				notes = append(notes, i.Note)
			}
		}
		if len(a.Items) == 0 {
			return notes
		}
		after = a.Next
	}
}

func hiddenAt(t *testing.T, d *desk.Desk) (ids []signed.ID) {
	t.Helper()
	for _, m := range must(d.Erased(ctx, client.Query{})) {
		ids = append(ids, m.ID)
	}
	return ids
}

func inItem(t *testing.T, d *desk.Desk, id signed.ID) client.InboxItem {
	t.Helper()
	return must(d.Inbox(ctx, client.Query{ID: id}))[0]
}

// reads says whether a desk shows the content of a message.
func reads(d *desk.Desk, id signed.ID) error { _, err := d.Read(ctx, client.Ref{ID: id}); return err }

// Two messages are erased, and share one list. The desk is put back from a backup that
// has them: it shows neither, and a person destroys the one and keeps the other. Put back
// again, it asks again.
func TestErasureOutlivesRestore(t *testing.T) {
	s := newStage(t)
	ids := s.received(3)
	b := s.backup("fi.spoc")

	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	s.shows(fi)
	must(0, fi.Erase(ctx, client.Ref{ID: ids[0]}))
	must(0, fi.Erase(ctx, client.Ref{ID: ids[1]}))
	must(0, fi.Erase(ctx, client.Ref{ID: ids[1]})) // erased before
	if st := must(fi.Status(ctx)); st.Erasures.Unstated != 2 {
		t.Errorf("the status is %+v", st.Erasures)
	}
	s.stated(fi)
	stop()
	if n := len(s.lists("fi.spoc")); n != 1 {
		t.Errorf("two erasures make %d lists", n)
	}

	b.restore()
	fi, stop = s.start("fi.spoc")
	s.unlock(fi)
	s.shows(fi)
	for _, id := range ids[:2] {
		i := inItem(t, fi, id)
		if !i.Hidden || i.Summary != nil || i.State != "handed-over" || i.Type != "INFO_REQUEST" || !strings.Contains(i.Waits, "hidden") {
			t.Errorf("the inbox shows %+v", i)
		}
		if err := reads(fi, id); problem.CodeOf(err) != problem.UnknownMessage || !strings.Contains(err.Error(), "hidden") {
			t.Errorf("a hidden message is read: %v", err)
		}
		if v := must(fi.Verify(ctx, client.Ref{ID: id})); v.Envelope != nil || v.Proven == 0 {
			t.Errorf("a hidden message is exported, or proves nothing: %d bytes, %d", len(v.Envelope), v.Proven)
		}
		if _, err := fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")}); err == nil {
			t.Error("a hidden message is answered")
		}
	}
	m := must(fi.Read(ctx, client.Ref{ID: ids[2]}))
	for _, before := range m.SeenBefore {
		if slices.Contains(ids[:2], before.Message.ID) {
			t.Errorf("what is hidden is found: %+v", before)
		}
	}
	if got := hiddenAt(t, fi); !slices.Equal(got, []signed.ID{ids[1], ids[0]}) {
		t.Errorf("hidden are %v of %v", got, ids)
	}

	for reason, code := range map[string]problem.Code{"": problem.TextMalformed, " ": problem.TextMalformed,
		"two\nlines": problem.TextMalformed, strings.Repeat("x", 501): problem.Oversize} {
		if err := fi.Keep(ctx, client.Ref{ID: ids[0]}, reason); problem.CodeOf(err) != code {
			t.Errorf("kept for %.10q: %v", reason, err)
		}
	}
	if err := fi.Keep(ctx, client.Ref{ID: ids[2]}, "a court asks"); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("kept what is not hidden: %v", err)
	}
	must(0, fi.Keep(ctx, client.Ref{ID: ids[0]}, "a court asks for it"))
	if err := reads(fi, ids[0]); err != nil {
		t.Errorf("what is kept is not shown: %v", err)
	}
	kept := slices.ContainsFunc(must(fi.Log(ctx, client.Query{})), func(e client.LogEntry) bool {
		return e.Event == "kept" && strings.Contains(e.Subject, ids[0].String()) && e.Detail == "a court asks for it"
	})
	if !kept {
		t.Error("the desk's log does not say why")
	}
	must(0, fi.Erase(ctx, client.Ref{ID: ids[1]}))
	if err := reads(fi, ids[1]); problem.CodeOf(err) != problem.UnknownMessage || inItem(t, fi, ids[1]).Hidden || len(hiddenAt(t, fi)) != 0 {
		t.Errorf("after a yes: %v", err)
	}
	s.stated(fi)
	stop()

	fi, stop = s.start("fi.spoc") // as it is: nothing is asked twice
	s.unlock(fi)
	s.shows(fi)
	if n := len(hiddenAt(t, fi)); n != 0 || reads(fi, ids[0]) != nil {
		t.Errorf("after a start %d are hidden", n)
	}
	stop()
	b.restore()
	fi = s.unlocked("fi.spoc")
	s.shows(fi)
	if n := len(hiddenAt(t, fi)); n != 2 {
		t.Errorf("put back again, %d are hidden", n)
	}
	if v := must(fi.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("an honest broker is accused: %+v", v)
	}
}

// A desk that was put back and can't reach the broker shows no content, and says why. A
// person may decide otherwise, for a reason that the log takes. Once the broker answers,
// it hides.
func TestRestoredWithoutBroker(t *testing.T) {
	s := newStage(t)
	id := s.received(1)[0]
	b := s.backup("fi.spoc")
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	must(0, fi.Erase(ctx, client.Ref{ID: id}))
	s.stated(fi)
	stop()
	b.restore()
	s.cut("fi.spoc")
	fi = s.unlocked("fi.spoc")
	not := must(fi.Status(ctx)).Erasures.NotShown
	if !strings.Contains(not, "the broker does not answer") {
		t.Errorf("the status says %q", not)
	}
	if i := inItem(t, fi, id); i.Summary != nil {
		t.Errorf("its subject is shown: %+v", i)
	}
	if err := reads(fi, id); problem.CodeOf(err) != problem.ErasuresUnread || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("it is read: %v", err)
	}
	// Asked before the match itself is read: what is read first may be older than the answer.
	if _, err := fi.Match(ctx, "MEOMUF7245VKEY34CFQM7AGQI3"); problem.CodeOf(err) != problem.ErasuresUnread {
		t.Errorf("a match is looked up: %v", err)
	}
	if err := fi.ShowAnyway(ctx, ""); problem.CodeOf(err) != problem.TextMalformed {
		t.Errorf("for no reason: %v", err)
	}
	must(0, fi.ShowAnyway(ctx, "an urgent request, and the line is down"))
	if err := reads(fi, id); err != nil {
		t.Errorf("a person may decide, and yet: %v", err)
	}
	if e := must(fi.Log(ctx, client.Query{Limit: 2}))[1]; e.Event != "shown before the log was read" || !strings.Contains(e.Detail, "the line is down") {
		t.Errorf("the desk's log says %+v", e)
	}
	s.mend("fi.spoc")
	await(t, fi, "hiding it", func() bool { return len(hiddenAt(t, fi)) == 1 })
	if err := reads(fi, id); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("hidden, it is read: %v", err)
	}
}

// What is erased while the ring is locked waits for it, and the status says so.
func TestErasedWhileLocked(t *testing.T) {
	s := newStage(t)
	id := s.received(1)[0]
	fi, _ := s.start("fi.spoc")
	must(0, fi.Erase(ctx, client.Ref{ID: id}))
	s.clock.Move(time.Hour)
	s.ready(fi)
	if st := must(fi.Status(ctx)); st.Erasures.Unstated != 1 || len(s.lists("fi.spoc")) != 0 {
		t.Errorf("locked, the status is %+v", st.Erasures)
	}
	s.stated(fi)
	if n := len(s.lists("fi.spoc")); n != 1 {
		t.Errorf("unlocked, the log has %d lists", n)
	}
}

// A sent message that was sealed anew is erased in all its texts, and hidden so.
func TestAllTextsErased(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	s.cut("se.spoc")
	id := send(t, se, request(t))
	card := must(desk.Rotate(s.desk("fi.spoc"), passphrase))
	s.enter(s.party("fi").Desk(card, directory, signed.Time{}))
	s.mend("se.spoc")
	fi := s.unlocked("fi.spoc")
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	stop()
	b := s.backup("se.spoc")
	readable := func() (n, hidden int) {
		db := must(sql.Open("sqlite", filepath.Join(s.desk("se.spoc"), "desk.db")))
		defer db.Close()
		must(0, db.QueryRow(`SELECT count(*) FROM texts WHERE length(sealed) > 0 OR text IN (SELECT text FROM file_keys)`).Scan(&n))
		must(0, db.QueryRow(`SELECT count(*) FROM hidden`).Scan(&hidden))
		return n, hidden
	}
	if n, _ := readable(); n != 2 {
		t.Fatalf("the message has %d texts, not one before and one after", n)
	}
	se, stop = s.start("se.spoc")
	s.unlock(se)
	must(0, se.Erase(ctx, client.Ref{ID: id}))
	s.stated(se)
	stop()
	if n, _ := readable(); n != 0 {
		t.Errorf("erased, %d texts can be read", n)
	}
	b.restore()
	se, stop = s.start("se.spoc")
	s.unlock(se)
	await(t, se, "hiding it", func() bool { return outState(t, se, id).Hidden })
	stop()
	if n, hidden := readable(); n != 2 || hidden != 2 {
		t.Errorf("put back, %d of %d texts are hidden", hidden, n)
	}
}

// childAfter runs a desk in a child process that dies when its log says a word.
func (s *stage) childAfter(addr signed.Address, word string) {
	s.t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childOf+"="+s.desk(addr), childAt+"="+s.clock.Wall().Format(time.RFC3339), childDies+"="+word)
	child.Stderr = os.Stderr
	must(0, child.Start())
	late := time.AfterFunc(patience, func() { child.Process.Kill() })
	child.Wait()
	if !late.Stop() {
		s.t.Fatalf("the child never said %q", word)
	}
}

// A desk is killed after each write on the way of an erasure into the log, and after each
// on the way back from it. Started again it goes on: one list names each message, and what
// it names is hidden.
func TestKilledWhileErasing(t *testing.T) {
	for _, word := range []string{"erasures listed", "erasures proven"} {
		t.Run(word, func(t *testing.T) {
			s := newStage(t)
			id := s.received(1)[0]
			b := s.backup("fi.spoc")
			fi, stop := s.start("fi.spoc")
			must(0, fi.Erase(ctx, client.Ref{ID: id}))
			stop() // locked: the list is still owed
			s.clock.Move(time.Minute)
			s.childAfter("fi.spoc", word)
			fi, stop = s.start("fi.spoc")
			s.unlock(fi)
			s.stated(fi)
			stop()
			if n := len(s.lists("fi.spoc")); n != 1 {
				t.Errorf("one erasure is in %d lists", n)
			}
			b.restore()
			fi = s.unlocked("fi.spoc")
			s.shows(fi)
			if !inItem(t, fi, id).Hidden {
				t.Error("it is not hidden")
			}
		})
	}
	for _, word := range []string{"erasures unknown: this desk was put back from a backup", "erasures opened"} {
		t.Run(word, func(t *testing.T) {
			s := newStage(t)
			id := s.received(1)[0]
			b := s.backup("fi.spoc")
			fi, stop := s.start("fi.spoc")
			s.unlock(fi)
			must(0, fi.Erase(ctx, client.Ref{ID: id}))
			s.stated(fi)
			stop()
			b.restore()
			s.childAfter("fi.spoc", word)
			fi = s.unlocked("fi.spoc")
			s.shows(fi)
			if !inItem(t, fi, id).Hidden || reads(fi, id) == nil {
				t.Error("it is not hidden")
			}
		})
	}
}

// A broker that invents a list, brings another desk's, or bends one is accused, and
// nothing is hidden.
func TestForgedErasures(t *testing.T) {
	for name, note := range map[string]func(s *stage) []byte{
		"signed by nobody of this desk": func(s *stage) []byte {
			keys := must(signed.GenerateKeys("fi.spoc", signed.UseMessage))
			n := must(signed.ParseNote(s.erasedBy("fi.spoc")))
			return must(signed.Sign(n.Text, keys[0])).Bytes()
		},
		"by the online ring": func(s *stage) []byte {
			online, _ := s.rings("fi.spoc")
			n := must(signed.ParseNote(s.erasedBy("fi.spoc")))
			return must(signed.Sign(n.Text, online.Receipts...)).Bytes()
		},
		"of another desk": func(s *stage) []byte { return s.erasedBy("se.spoc") },
		"another event": func(s *stage) []byte {
			_, ring := s.rings("fi.spoc")
			st := s.erasure("fi.spoc")
			st.Event, st.Message, st.List = envelope.HandedOver, signed.HashOf("a message"), nil
			return must(signed.Sign(st.Text(), ring.Statement()...)).Bytes()
		},
		"bent": func(s *stage) []byte {
			return []byte(strings.Replace(string(s.erasedBy("fi.spoc")), "list AAAA", "list AAAB", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			b := note(s)
			var entry auditlog.Entry
			s.edge.set(func() {
				entry = s.edge.record(auditlog.Record{Kind: envelope.Erased, By: "fi.spoc", Statement: signed.HashOf(b)}, s.register.Size())
				s.edge.lie = func(caller signed.Address, answer any) {
					a, ok := answer.(*api.ProgressAnswer)
					if at := api.Past(entry.Record.Index); ok && caller == "fi.spoc" && a.Next < at {
						a.Items = append(a.Items, api.ProgressItem{Cursor: at, LoggedEvent: api.LoggedEvent{
							Event: envelope.Erased, Note: b, Proof: s.edge.prove(entry)}})
						a.Next = at
					}
				}
			})
			fi := s.unlocked("fi.spoc")
			awaitEvidence(t, fi, "STATEMENT_FORGED")
			if st := must(fi.Status(ctx)).Erasures; st.Hidden+st.Unopened+st.Unreadable+st.Lost != 0 {
				t.Errorf("it counts: %+v", st)
			}
		})
	}
}

func (s *stage) erasure(addr signed.Address) *envelope.Statement {
	return &envelope.Statement{
		Exchange: s.register.Exchange(), Signer: addr, Event: envelope.Erased, List: make([]byte, envelope.ErasureList),
		Time: signed.At(s.clock.Wall()), AsOfAudit: (&auditlog.Range{}).Head(s.register.Federation().Audit.Name), AsOfRegister: s.register.Head(),
	}
}

// erasedBy is a desk's own list, which its ring does not open.
func (s *stage) erasedBy(addr signed.Address) []byte {
	_, ring := s.rings(addr)
	return must(signed.Sign(s.erasure(addr).Text(), ring.Statement()...)).Bytes()
}

// A list of this desk's own that its ring does not open is shown as such: its storage
// key was another. One whose note the broker has no more is shown too. Neither keeps the
// content away.
func TestUnreadableErasures(t *testing.T) {
	for name, withNote := range map[string]bool{"unreadable": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			b := s.erasedBy("fi.spoc")
			s.edge.set(func() {
				entry := s.edge.record(auditlog.Record{Kind: envelope.Erased, By: "fi.spoc", Statement: signed.HashOf(b)}, s.register.Size())
				s.edge.lie = func(caller signed.Address, answer any) {
					a, ok := answer.(*api.ProgressAnswer)
					if at := api.Past(entry.Record.Index); ok && caller == "fi.spoc" && a.Next < at {
						item := api.ProgressItem{Cursor: at, LoggedEvent: api.LoggedEvent{Event: envelope.Erased, Proof: s.edge.prove(entry)}}
						if withNote {
							item.Note = b
						}
						a.Items, a.Next = append(a.Items, item), at
					}
				}
			})
			fi := s.unlocked("fi.spoc")
			s.shows(fi)
			await(t, fi, "told of the list", func() bool {
				st := must(fi.Status(ctx)).Erasures
				return withNote && st.Unreadable == 1 && st.Lost == 0 || !withNote && st.Lost == 1 && st.Unreadable == 0
			})
			if v := must(fi.Verify(ctx, client.Ref{})); len(v.Evidence) != 0 {
				t.Errorf("evidence: %+v", v.Evidence)
			}
		})
	}
}

// However much is erased, each list has the same size, and says nothing in the open.
func TestErasuresTellNothing(t *testing.T) {
	s := newStage(t)
	ids := s.received(3)
	fi := s.unlocked("fi.spoc")
	for n, erased := range [][]signed.ID{ids[:1], ids[1:]} {
		for _, id := range erased {
			must(0, fi.Erase(ctx, client.Ref{ID: id}))
		}
		s.stated(fi)
		notes := s.lists("fi.spoc")
		if len(notes) != n+1 {
			t.Fatalf("the log has %d lists", len(notes))
		}
		_, st, err := envelope.ReadStatement(notes[n])
		if err != nil || len(st.List) != envelope.ErasureList || !st.ID.IsZero() || !st.Message.IsZero() {
			t.Errorf("a list says %+v, %v", st, err)
		}
		for _, id := range ids {
			if strings.Contains(fmt.Sprintf("%x", st.List), fmt.Sprintf("%x", id[:])) || strings.Contains(string(notes[n]), "se.spoc") {
				t.Error("a list names a message in the open")
			}
		}
	}
}

// A message that was erased comes again, to a desk that was put back from a backup of
// before it came: it is taken in, and hidden.
func TestErasedComesAgain(t *testing.T) {
	s := newLie(t)
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	s.shows(fi)
	stop()
	b := s.backup("fi.spoc")
	ids := s.received(2)
	fi, stop = s.start("fi.spoc")
	s.unlock(fi)
	must(0, fi.Erase(ctx, client.Ref{ID: ids[0]}))
	s.stated(fi)
	stop()
	b.restore()
	fi = s.unlocked("fi.spoc")
	s.shows(fi)
	s.edge.set(func() {
		for _, m := range s.edge.messages {
			m.consigned, m.end = nil, nil
		}
	})
	for n, id := range ids {
		awaitIn(t, fi, id, "handed-over")
		if i := inItem(t, fi, id); i.Hidden != (n == 0) || (i.Summary == nil) != i.Hidden {
			t.Errorf("message %d is shown as %+v", n, i)
		}
	}
	must(0, fi.Keep(ctx, client.Ref{ID: ids[0]}, "a court asks for it"))
	if err := reads(fi, ids[0]); err != nil {
		t.Error(err)
	}
}
