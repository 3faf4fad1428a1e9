package desk_test

import (
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Sealed bytes that a desk refused go once the log proves the refusal: header, proofs and
// note stay. So who sends a desk rubbish doesn't fill its disk.
func TestRefusedBytesGo(t *testing.T) {
	s := newStage(t)
	fi := s.unlocked("fi.spoc")
	s.ready(fi)
	se := s.thief("se.spoc")
	const junk, times = 900 << 10, 24
	var ids []signed.ID
	for range times {
		sealed := make([]byte, junk)
		rand.Read(sealed)
		h := must(se.Header(s.register.Now(), se.audit, "fi.spoc", "INFO_REQUEST", s.clock.Wall()))
		e := must(se.Sign(*h, sealed))
		must(gatewaytest.SubmitOne(ctx, se.client, api.Heads{Register: s.register.Size()}, e.Bytes()))
		awaitIn(t, fi, h.ID, "refused")
		ids = append(ids, h.ID)
	}
	db := must(sql.Open("sqlite", filepath.Join(s.desk("fi.spoc"), "desk.db?mode=ro&_pragma=busy_timeout(10000)")))
	defer db.Close()
	var left, free int
	must(0, db.QueryRow("SELECT sum(length(sealed)) FROM texts").Scan(&left))
	must(0, db.QueryRow("PRAGMA freelist_count").Scan(&free))
	if left != 0 || free == 0 {
		t.Errorf("it keeps %d sealed bytes, and %d pages are free", left, free)
	}
	size := int64(0)
	for _, path := range must(filepath.Glob(filepath.Join(s.desk("fi.spoc"), "desk.db*"))) {
		size += must(os.Stat(path)).Size()
	}
	if t.Logf("%d refused messages of %d KiB leave files of %d KiB", times, junk>>10, size>>10); size > times*junk/2 {
		t.Error("the room of what it refused is not used again")
	}
	for _, id := range ids {
		i := must(fi.Inbox(ctx, client.Query{ID: id}))[0]
		if i.Type != "INFO_REQUEST" || i.Problem == nil || i.Problem.Code != problem.SealUnreadable {
			t.Errorf("fi lists %+v", i)
		}
		v := must(fi.Verify(ctx, client.Ref{ID: id}))
		if v.Proven != 2 || len(v.Faults)+len(v.Evidence) != 0 {
			t.Errorf("fi proves %+v", v)
		}
	}
	if _, err := fi.Read(ctx, client.Ref{ID: ids[0]}); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("fi reads it: %v", err)
	}
}
