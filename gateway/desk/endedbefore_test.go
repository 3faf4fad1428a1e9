package desk_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// wrapped is the wrapped file key that a desk keeps of a text.
func (s *stage) wrapped(addr signed.Address, text signed.Hash) (key []byte) {
	s.t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(s.desk(addr), "desk.db?mode=ro&_pragma=busy_timeout(10000)")))
	defer db.Close()
	must(0, db.QueryRow(`SELECT wrapped FROM file_keys WHERE text = ?`, text[:]).Scan(&key))
	return key
}

// erased waits until bytes are nowhere in a desk's database. The desk erases them
// after it has shown why, and gives no sign.
func (s *stage) erased(addr signed.Address, part []byte) bool {
	look, late := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer look.Stop()
	for s.onDisk(addr, part) {
		select {
		case <-look.C:
		case <-late:
			return false
		}
	}
	return true
}

// A message ends otherwise between its receiver's word and that word's proof: the
// log decides. Nobody at the receiver sees its content, and nothing of it is kept.
func TestEndedBeforeItsWord(t *testing.T) {
	withdraw := func(s *stage, se *desk.Desk, id signed.ID) { must(se.Withdraw(ctx, id)) }
	for name, test := range map[string]struct {
		ends  func(s *stage, se *desk.Desk, id signed.ID)
		state client.State
		lock  bool
	}{
		"withdrawn":                           {withdraw, "withdrawn", false},
		"withdrawn, to a desk that is locked": {withdraw, "withdrawn", true},
		"expired":                             {func(s *stage, _ *desk.Desk, _ signed.ID) { s.clock.Move(2 * time.Hour) }, "expired", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			draft := request(t)
			draft.Lifetime = client.Duration(time.Hour)
			id := send(t, se, draft)
			awaitOut(t, se, id, "accepted")
			text := outState(t, se, id).Message
			sealed := must(envelope.Parse(s.thief("fi.spoc").inbox().Items[0].Envelope)).Sealed[512:576]

			g := newGate(must(desk.Dial(s.desk("fi.spoc"))))
			s.cut("fi.spoc") // until it is unlocked
			fi, _ := s.startTo("fi.spoc", g)
			s.unlock(fi)
			s.mend("fi.spoc")
			w := s.call(g)
			if i := must(fi.Inbox(ctx, client.Query{ID: id}))[0]; i.Says != "handed-over" || i.State != "accepted" {
				t.Fatalf("before its word is proven the message is %s, and fi says %q", i.State, i.Says)
			}
			wrapped := s.wrapped("fi.spoc", text)
			if !s.onDisk("fi.spoc", sealed) || !s.onDisk("fi.spoc", wrapped) {
				t.Fatal("the content is not where it is looked for")
			}
			s.cut("fi.spoc")
			w.fate <- passes
			test.ends(s, se, id)
			awaitOut(t, se, id, test.state)
			if test.lock {
				must(0, fi.Lock(ctx))
			}
			close(g.open)
			s.mend("fi.spoc")
			awaitIn(t, fi, id, test.state)

			if !s.erased("fi.spoc", sealed) {
				t.Error("its sealed part is still on the disk")
			}
			if !s.erased("fi.spoc", wrapped) {
				t.Error("its wrapped file key is still on the disk")
			}
			if test.lock {
				s.unlock(fi)
			}
			items := must(fi.Inbox(ctx, client.Query{}))
			if len(items) != 1 || items[0].State != test.state || items[0].Summary != nil || items[0].Says != "" || items[0].Deadline != nil {
				t.Errorf("fi lists %+v", items)
			}
			if _, err := fi.Read(ctx, client.Ref{ID: id}); problem.CodeOf(err) != problem.UnknownMessage {
				t.Errorf("fi reads it: %v", err)
			}
			if _, err := fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")}); problem.CodeOf(err) != problem.ReplyNotAllowed {
				t.Errorf("fi answers it: %v", err)
			}
			if at := outState(t, se, id).Deadline; at != nil {
				t.Errorf("se's clock stands at %+v", at)
			}
			for _, d := range []*desk.Desk{se, fi} {
				if v := must(d.Verify(ctx, client.Ref{ID: id})); v.Proven != 2 || len(v.Faults)+len(v.Evidence) != 0 {
					t.Errorf("%s proves %+v", d.Address(), v)
				}
			}
		})
	}
}
