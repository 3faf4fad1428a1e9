package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// rows are what Finland has, by data set.
var rows = map[hit.Dataset]string{
	hit.Document: "reference,number,country,kind\nFI-D-8801,XA1234567,FIN,PASSPORT\n",
	hit.Vehicle:  "reference,plate,plate_country,vin\nFI-V-5501,MLB 84A,SWE,YV1LW5502T2012345\n",
	hit.Firearm:  "reference,serial,make,calibre\nFI-F-2201,BXK7741,Glock,9 mm\n",
	hit.Nominal:  "reference,family,given,birth_date,sex,nationality\nFI-N-9901,Virtanen,Onni Kalevi,1979-03-02,M,FIN\n",
}

func importRows(t *testing.T, s *stage, d hit.Dataset) {
	t.Helper()
	must(table.Import(ctx, filepath.Join(s.desk("fi.spoc"), "hits.db"), d, strings.NewReader(rows[d]), table.Options{}))
}

// sought is what a query asks for, at its place in the body.
type sought struct {
	dataset hit.Dataset
	part    string
	keys    map[string]string
}

func plate(p string) sought {
	return sought{hit.Vehicle, "vehicle", map[string]string{"plate": p, "plate_country": "SWE"}}
}

// queryFor is a draft of a query to Finland.
func queryFor(k sought) client.Draft {
	b := must(json.Marshal(map[string]any{
		"our_reference": "SE-GPO-2026-7781", "subject": "Kontroll av fordon, färjeläget Kapellskär", "language": "sv",
		"legal_basis": []any{map[string]string{"code": "PRUM_II"}}, "purpose": "INVESTIGATE_CRIME",
		"handling": []any{map[string]string{"code": "H0"}},
		"dataset":  k.dataset, k.part: k.keys, "reason": "Fordonet lämnade platsen för ett grovt rån.",
	}))
	return client.Draft{To: []signed.Address{"fi.spoc"}, Type: "HIT_QUERY", Body: b}
}

// answers are the replies that a desk got to a message it sent, by their outcome.
func answers(t *testing.T, d *desk.Desk, query signed.ID) (got []*client.Message) {
	t.Helper()
	asked := outState(t, d, query).Message
	for _, i := range must(d.Inbox(ctx, client.Query{Limit: 1000})) {
		if i.InReplyTo == asked && i.State == client.HandedOver {
			got = append(got, must(d.Read(ctx, client.Ref{From: i.From, ID: i.ID})))
		}
	}
	return got
}

func awaitAnswer(t *testing.T, d *desk.Desk, query signed.ID) *client.Message {
	t.Helper()
	var got []*client.Message
	await(t, d, "got an answer", func() bool { got = answers(t, d, query); return len(got) > 0 })
	return got[0]
}

type hitResult struct {
	Subject   string `json:"subject"`
	Language  string `json:"language"`
	Ours      string `json:"our_reference"`
	Yours     string `json:"your_reference"`
	Outcome   string `json:"outcome"`
	Reference string `json:"match_reference"`
}

func resultOf(t *testing.T, m *client.Message) (r hitResult) {
	t.Helper()
	if err := json.Unmarshal(m.Body, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// awaitWaits waits until the inbox says of a query what it waits for.
func awaitWaits(t *testing.T, d *desk.Desk, query signed.ID, for_ string) {
	t.Helper()
	last := ""
	err := gatewaytest.Await(ctx, d, patience, func() (bool, error) {
		items, err := d.Inbox(ctx, client.Query{ID: query})
		if problem.CodeOf(err) == problem.UnknownMessage {
			return false, nil
		}
		last = items[0].Waits
		return err == nil && strings.Contains(last, for_), err
	})
	if err != nil {
		t.Fatalf("the inbox says %q, not %q", last, for_)
	}
}

func logLines(t *testing.T, d *desk.Desk, event string) (lines []string) {
	t.Helper()
	for _, e := range must(d.Log(ctx, client.Query{Limit: 1000})) {
		if e.Event == event {
			lines = append(lines, e.Subject+": "+e.Detail)
		}
	}
	return lines
}

// Each data set answers with a hit, with nothing, and with what a person must look at.
// Nothing leaves but the outcome and a reference that only Finland can resolve.
func TestHits(t *testing.T) {
	s := newStage(t)
	for d := range rows {
		importRows(t, s, d)
	}
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	document := func(pairs ...string) sought { return keyed(hit.Document, "document", pairs...) }
	firearm := func(pairs ...string) sought { return keyed(hit.Firearm, "firearm", pairs...) }
	person := func(pairs ...string) sought { return keyed(hit.Nominal, "person", pairs...) }
	for _, test := range []struct {
		sought
		want, row string
	}{
		{document("number", "XA1234567", "country", "FIN"), "HIT", "FI-D-8801"},
		{document("number", "XA7654321", "country", "FIN"), "NO_HIT", ""},
		{document("number", "XA1234567"), "INCONCLUSIVE", "FI-D-8801"},
		{plate("MLB84A"), "HIT", "FI-V-5501"},
		{plate("MLB84B"), "NO_HIT", ""},
		{plate("MLB B4A"), "INCONCLUSIVE", "FI-V-5501"},
		{firearm("serial", "BXK7741", "make", "Glock", "calibre", "9 mm"), "HIT", "FI-F-2201"},
		{firearm("serial", "BXK7742", "make", "Glock"), "NO_HIT", ""},
		{firearm("serial", "BXK7741"), "INCONCLUSIVE", "FI-F-2201"},
		{person("family", "Virtanen", "given", "Onni Kalevi", "birth_date", "1979-03-02"), "HIT", "FI-N-9901"},
		{person("family", "Korhonen", "given", "Onni Kalevi", "birth_date", "1979-03-02"), "NO_HIT", ""},
		{person("family", "Virtanen", "given", "Onni Kalevi", "birth_date", "1979"), "HIT", "FI-N-9901"},
		{person("family", "Virtanen", "given", "Onni Kalevi"), "INCONCLUSIVE", "FI-N-9901"},
	} {
		query := send(t, se, queryFor(test.sought))
		m := awaitAnswer(t, se, query)
		r := resultOf(t, m)
		if r.Outcome != test.want || (r.Reference != "") != (test.row != "") {
			t.Errorf("%v: %s", test.sought, m.Body)
			continue
		}
		if r.Subject != "Kontroll av fordon, färjeläget Kapellskär" || r.Language != "sv" || r.Yours != "SE-GPO-2026-7781" || r.Ours == "" {
			t.Errorf("%v: the reply repeats %+v", test.sought, r)
		}
		if m.Agreement != must(fi.Inbox(ctx, client.Query{ID: query}))[0].Agreement {
			t.Error("the reply goes under another agreement")
		}
		if leaked := values(test.dataset); slices.ContainsFunc(leaked, func(v string) bool { return bytes.Contains(m.Body, []byte(v)) }) {
			t.Errorf("%v: a row's value left the desk: %s", test.sought, m.Body)
		}
		if test.row == "" {
			continue
		}
		match, err := fi.Match(ctx, r.Reference)
		if err != nil || !slices.Equal(match.References, []string{test.row}) || match.Query.ID != query || match.Outcome != test.want {
			t.Errorf("%v: Finland resolves the reference to %+v, %v", test.sought, match, err)
		}
		if _, err := se.Match(ctx, r.Reference); problem.CodeOf(err) != problem.UnknownMessage {
			t.Errorf("Sweden resolves Finland's reference: %v", err)
		}
	}
	sent, answered := logLines(t, se, "query sent"), logLines(t, fi, "answered by machine")
	if len(sent) != 13 || len(answered) != 13 || len(logLines(t, fi, "match consulted")) != 9 {
		t.Errorf("logs: %d sent, %d answered, consulted %v", len(sent), len(answered), logLines(t, fi, "match consulted"))
	}
	for _, line := range append(sent, answered...) {
		if !logLine(line) {
			t.Errorf("a log says %q", line)
		}
	}
}

func keyed(d hit.Dataset, part string, pairs ...string) sought {
	k := sought{d, part, map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		k.keys[pairs[i]] = pairs[i+1]
	}
	return k
}

// values are what stands in the rows of a data set, in the spellings of the file. Short
// codes stand in any message.
func values(d hit.Dataset) (all []string) {
	for v := range strings.FieldsFuncSeq(strings.SplitN(rows[d], "\n", 2)[1], func(r rune) bool { return r == ',' || r == '\n' }) {
		if len(v) > 3 {
			all = append(all, v, strings.ReplaceAll(v, " ", ""))
		}
	}
	return all
}

// logLine reports whether a line of the log has a message's id, a data set and an outcome,
// and nothing else.
func logLine(line string) bool {
	id, detail, _ := strings.Cut(strings.TrimPrefix(line, "message "), ": ")
	if _, err := signed.ParseID(id); err != nil {
		return false
	}
	for _, word := range strings.Fields(detail) {
		known := slices.Contains(hit.Datasets(), hit.Dataset(word)) || slices.Contains([]string{"HIT", "NO_HIT", "INCONCLUSIVE"}, word)
		if !known {
			return false
		}
	}
	return detail != ""
}

// The query's own erasure reaches what was found for it.
func TestErasedMatch(t *testing.T) {
	s := newStage(t)
	importRows(t, s, hit.Vehicle)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	query := send(t, se, queryFor(plate("MLB84A")))
	r := resultOf(t, awaitAnswer(t, se, query))
	must(0, fi.Lock(ctx))
	if _, err := fi.Match(ctx, r.Reference); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("a locked desk resolves a reference: %v", err)
	}
	s.unlock(fi)
	must(0, fi.Erase(ctx, client.Ref{From: "se.spoc", ID: query}))
	if _, err := fi.Match(ctx, r.Reference); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("the match of an erased query: %v", err)
	}
}

// A query that no machine can answer waits for a person, and is never answered no hit. As
// soon as it can be, it is.
func TestNoSource(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	query := send(t, se, queryFor(plate("MLB84A")))
	awaitWaits(t, fi, query, "no data to search")
	importRows(t, s, hit.Firearm)
	other := send(t, se, queryFor(plate("MLB84A"))) // what arrives has the desk look again
	awaitWaits(t, fi, query, "no data set VEHICLE")
	awaitWaits(t, fi, other, "no data set VEHICLE")
	importRows(t, s, hit.Vehicle)
	s.clock.Move(2 * time.Minute)
	if r := resultOf(t, awaitAnswer(t, se, query)); r.Outcome != "HIT" {
		t.Errorf("answered %+v", r)
	}
	awaitAnswer(t, se, other)
	if n := len(answers(t, se, query)); n != 1 {
		t.Errorf("it has %d answers", n)
	}
}

// Data that the disk damaged while the desk was down answers nothing, nobody is told "no hit",
// and the desk says so and goes on. Imported again, it answers without a start.
func TestDamagedHits(t *testing.T) {
	s := newStage(t)
	importRows(t, s, hit.Vehicle)
	path := filepath.Join(s.desk("fi.spoc"), "hits.db")
	b := must(os.ReadFile(path))
	at := bytes.LastIndex(b, []byte("MLB84A"))
	b[at] ^= 1 // another plate
	must(0, os.WriteFile(path, b, 0o600))
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	query := send(t, se, queryFor(plate("MLB84A")))
	awaitWaits(t, fi, query, "the data could not be searched")
	if said := must(fi.Status(ctx)).Hits; !strings.Contains(said, path) || !strings.Contains(said, "samband-desk hits import") {
		t.Errorf("its status says %q", said)
	}
	other := request(t)
	other.To = []signed.Address{"se.spoc"}
	awaitOut(t, fi, send(t, fi, other), client.HandedOver)
	if got := answers(t, se, query); len(got) > 0 {
		t.Errorf("it answered: %s", got[0].Body)
	}
	importRows(t, s, hit.Vehicle)
	if r := resultOf(t, awaitAnswer(t, se, query)); r.Outcome != "HIT" {
		t.Errorf("imported again, it answers %s", r.Outcome)
	}
	if said := must(fi.Status(ctx)).Hits; said != "" {
		t.Errorf("its status still says %q", said)
	}
}

// Whose sender closed the conversation needs no answer: nothing is sent, nobody waits, and
// the log has no attempt.
func TestClosedQuery(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	closed, open := send(t, se, queryFor(plate("MLB84A"))), send(t, se, queryFor(plate("MLB84A")))
	awaitWaits(t, fi, closed, "no data to search")
	awaitWaits(t, fi, open, "no data to search")
	ends := must(se.Answer(ctx, client.Ref{ID: closed}, client.Draft{Type: "CLOSE", Body: []byte(
		`{"our_reference":"SE-GPO-2026-7781","handling":[{"code":"H0"}],"result":"SOLVED"}`)})).Messages[0].ID
	awaitIn(t, fi, ends, client.HandedOver)
	await(t, fi, "done with what is closed", func() bool {
		i := must(fi.Inbox(ctx, client.Query{ID: closed}))[0]
		return !i.Open && i.Waits == ""
	})
	importRows(t, s, hit.Vehicle)
	s.clock.Move(2 * time.Minute)
	last := send(t, se, queryFor(plate("MLB84A"))) // what arrives has the desk look again
	awaitAnswer(t, se, open)
	awaitAnswer(t, se, last)
	if got := answers(t, se, closed); len(got) != 0 {
		t.Errorf("it was answered: %s", got[0].Body)
	}
	if lines := logLines(t, fi, "not sent"); len(lines) != 0 {
		t.Errorf("the log says %v", lines)
	}
}

// A machine answers once. If its answer ends otherwise than in the asker's hands, a person
// is told.
func TestLostReply(t *testing.T) {
	s := newStage(t)
	importRows(t, s, hit.Vehicle)
	se := s.unlocked("se.spoc")
	s.ready(se)
	query := send(t, se, queryFor(plate("MLB84A")))
	awaitOut(t, se, query, client.Accepted)
	must(0, se.Lock(ctx)) // so that the answer stays consigned
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	await(t, fi, "answered", func() bool { return len(must(fi.Outbox(ctx, client.Query{}))) == 1 })
	reply := must(fi.Outbox(ctx, client.Query{}))[0].ID
	awaitOut(t, fi, reply, client.Consigned)
	s.refuse("fi.spoc", reply)
	awaitOut(t, fi, reply, client.Refused)
	stop()
	fi = s.unlocked("fi.spoc")
	awaitWaits(t, fi, query, "did not arrive")
	if n := len(must(fi.Outbox(ctx, client.Query{}))); n != 1 {
		t.Errorf("%d messages went out", n)
	}
}

// A sourceFunc is somebody's source of hits.
type sourceFunc func(context.Context, *hit.Subject) (hit.Answer, error)

func (f sourceFunc) Search(ctx context.Context, asked *hit.Subject) (hit.Answer, error) {
	return f(ctx, asked)
}

func (s *stage) withSource(addr signed.Address, source hit.Source) (d *desk.Desk, stop func()) {
	s.t.Helper()
	conf := s.conf(nil)
	conf.Hits = source
	d = must(s.StartDesk(addr, conf))
	s.unlock(d)
	return d, func() { must(0, s.StopDesk(d)) }
}

// A source that fails, panics, or breaks its promise is never taken for no hit. A person
// may answer meanwhile; then the machine doesn't.
func TestFailingSource(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	var mends atomic.Bool
	fi, _ := s.withSource("fi.spoc", sourceFunc(func(_ context.Context, asked *hit.Subject) (hit.Answer, error) {
		switch text := asked.Text(); {
		case mends.Load():
			return hit.Answer{Outcome: hit.NoHit}, nil
		case strings.Contains(text, "FAILS"):
			return hit.Answer{}, errors.New("disk I/O error")
		case strings.Contains(text, "PANIC"):
			panic(text)
		case strings.Contains(text, "HALF"):
			return hit.Answer{Outcome: hit.NoHit, Incomplete: true}, nil
		}
		return hit.Answer{Outcome: "MAYBE"}, nil
	}))
	queries := map[string]signed.ID{}
	for _, word := range []string{"FAILS", "PANIC", "HALF", "OTHER"} {
		queries[word] = send(t, se, queryFor(keyed(hit.Firearm, "firearm", "serial", word+"77")))
		awaitWaits(t, fi, queries[word], "could not be searched")
	}
	must(fi.Answer(ctx, client.Ref{ID: queries["HALF"]}, client.Draft{Type: "HIT_RESULT", Body: []byte(
		`{"our_reference":"KRP 1","handling":[{"code":"H0"}],"outcome":"INCONCLUSIVE","match_reference":"by hand"}`)}))
	mends.Store(true)
	s.clock.Move(2 * time.Minute)
	send(t, se, queryFor(keyed(hit.Firearm, "firearm", "serial", "LAST77"))) // what arrives has the desk look again
	for word, query := range queries {
		if r := resultOf(t, awaitAnswer(t, se, query)); (r.Reference == "by hand") != (word == "HALF") {
			t.Errorf("%s is answered %+v", word, r)
		}
	}
	if n := len(logLines(t, fi, "answered by machine")); n < 3 || len(answers(t, se, queries["HALF"])) != 1 {
		t.Errorf("a machine answered %d", n)
	}
}

// A search that doesn't end keeps up nothing but itself.
func TestHangingSource(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	ends := make(chan struct{})
	defer close(ends)
	fi, _ := s.withSource("fi.spoc", sourceFunc(func(_ context.Context, asked *hit.Subject) (hit.Answer, error) {
		if strings.Contains(asked.Text(), "HANGS") {
			<-ends
		}
		return hit.Answer{Outcome: hit.NoHit}, nil
	}))
	hangs := send(t, se, queryFor(keyed(hit.Firearm, "firearm", "serial", "HANGS77")))
	other := send(t, se, queryFor(keyed(hit.Firearm, "firearm", "serial", "OTHER77")))
	awaitAnswer(t, se, other)
	awaitWaits(t, fi, hangs, "could not be searched")
}

// A query whose agreement doesn't permit the answer waits for a person, and the source is
// not asked.
func TestHitNotPermitted(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	now := signed.At(s.clock.Wall())
	stored, err := s.party("se").Agreement(register.Agreement{
		Title: "Queries alone", Parties: []string{"fi", "se"}, Types: []string{"HIT_QUERY"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, From: now.Add(-time.Hour), Until: now.Add(24 * time.Hour),
	})
	s.enter(stored, err)
	s.enter(s.party("fi").Accede(stored.Note))
	asked := false
	fi, _ := s.withSource("fi.spoc", sourceFunc(func(context.Context, *hit.Subject) (hit.Answer, error) {
		asked = true
		return hit.Answer{Outcome: hit.NoHit}, nil
	}))
	draft := queryFor(plate("MLB84A"))
	draft.Agreement = signed.HashOf(must(signed.ParseNote(stored.Note)).Text)
	await(t, se, "under the agreement", func() bool {
		x := must(se.Explain(ctx, draft))
		return len(x.Recipients) == 1 && x.Recipients[0].Problem == nil
	})
	awaitWaits(t, fi, send(t, se, draft), string(problem.TypeNotPermitted))
	if asked {
		t.Error("the source was asked")
	}
}

// A locked desk keeps what arrives, and answers it once it is unlocked.
func TestLockedDeskAnswersLater(t *testing.T) {
	s := newStage(t)
	importRows(t, s, hit.Vehicle)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	awaitAnswer(t, se, send(t, se, queryFor(plate("MLB84A"))))
	must(0, fi.Lock(ctx))
	query := send(t, se, queryFor(plate("MLB84A")))
	awaitIn(t, fi, query, client.Consigned)
	s.unlock(fi)
	if r := resultOf(t, awaitAnswer(t, se, query)); r.Outcome != "HIT" {
		t.Errorf("answered %+v", r)
	}
}

// Beyond the limit queries wait, and are told so; as time passes they are answered.
func TestHitLimit(t *testing.T) {
	s := newStage(t)
	importRows(t, s, hit.Vehicle)
	settings := filepath.Join(s.desk("fi.spoc"), "desk.yaml")
	text := string(must(os.ReadFile(settings)))
	begin := strings.Index(text, "\nhits:")
	must(0, os.WriteFile(settings, []byte(text[:begin]+"\nhits: {queries_per_minute: 60, burst: 2}\n"), 0o600))
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	var queries []signed.ID
	for range 4 {
		queries = append(queries, send(t, se, queryFor(plate("MLB84A"))))
	}
	answered := func() (n int) {
		for _, q := range queries {
			n += len(answers(t, se, q))
		}
		return n
	}
	await(t, se, "answered twice", func() bool { return answered() == 2 })
	waiting := slices.DeleteFunc(slices.Clone(queries), func(q signed.ID) bool { return len(answers(t, se, q)) > 0 })
	for _, q := range waiting {
		awaitWaits(t, fi, q, "as often as the limit")
	}
	s.clock.Move(time.Second)
	await(t, se, "answered a third time", func() bool { return answered() == 3 })
	s.clock.Move(time.Second)
	await(t, se, "answered them all", func() bool { return answered() == 4 })
	limited := slices.DeleteFunc(logLines(t, fi, "answered by machine"), func(line string) bool { return !strings.HasSuffix(line, ", after it waited for the limit") })
	if len(limited) != 2 {
		t.Errorf("the log says %v", limited)
	}
}

// childKills is after how many searches the child of TestHitsKilled kills itself.
const childKills = "SAMBAND_TEST_KILLS"

// killing is a source that kills its process when it has found an answer.
func killing(source hit.Source, after int64) hit.Source {
	var searches atomic.Int64
	return sourceFunc(func(ctx context.Context, asked *hit.Subject) (hit.Answer, error) {
		answer, err := source.Search(ctx, asked)
		if searches.Add(1) >= after {
			die()
		}
		return answer, err
	})
}

// A desk process is killed when it has found answers, and some are queued. Each query is
// answered once.
func TestHitsKilled(t *testing.T) {
	for _, after := range []int{1, 4} {
		t.Run(strconv.Itoa(after), func(t *testing.T) {
			s := newStage(t)
			importRows(t, s, hit.Vehicle)
			se := s.unlocked("se.spoc")
			s.ready(se)
			fi, stop := s.start("fi.spoc")
			s.ready(fi)
			stop()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childOf+"="+s.desk("fi.spoc"), childAt+"="+morning.Format(time.RFC3339), childKills+"="+strconv.Itoa(after))
			must(0, child.Start())
			var queries []signed.ID
			for range 6 {
				queries = append(queries, send(t, se, queryFor(plate("MLB84A"))))
			}
			if err := child.Wait(); err == nil || child.ProcessState.ExitCode() >= 0 {
				t.Fatalf("the child ended with %v", err)
			}
			fi = s.unlocked("fi.spoc")
			for _, q := range queries {
				awaitAnswer(t, se, q)
			}
			if lines := logLines(t, fi, "answered by machine"); len(lines) != len(queries) {
				t.Errorf("the log has %d answers: %v", len(lines), lines)
			}
			if n := len(must(fi.Outbox(ctx, client.Query{}))); n != len(queries) {
				t.Errorf("%d messages went out", n)
			}
		})
	}
}

// Queries that come at once, and to a desk that starts anew again and again, are answered
// once each.
func TestHitsOnce(t *testing.T) {
	s := newStage(t)
	importRows(t, s, hit.Vehicle)
	settings := filepath.Join(s.desk("fi.spoc"), "desk.yaml")
	text := strings.NewReplacer("queries_per_minute: 60", "queries_per_minute: 6000", "burst: 20", "burst: 6000").Replace(string(must(os.ReadFile(settings))))
	must(0, os.WriteFile(settings, []byte(text), 0o600))
	se := s.unlocked("se.spoc")
	s.ready(se)
	const n = 40
	ids := make([]signed.ID, n)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			ids[i] = must(se.Send(ctx, queryFor(plate(fmt.Sprintf("MLB%02dA", i))))).Messages[0].ID
		})
	}
	for range 3 {
		fi, stop := s.start("fi.spoc")
		s.unlock(fi)
		s.ready(fi)
		stop()
	}
	all.Wait()
	fi := s.unlocked("fi.spoc")
	for _, id := range ids {
		awaitAnswer(t, se, id)
	}
	if lines := logLines(t, fi, "answered by machine"); len(lines) != n {
		t.Errorf("the log has %d answers", len(lines))
	}
	if got := must(se.Inbox(ctx, client.Query{Limit: 1000})); len(got) != n {
		t.Errorf("%d messages came back", len(got))
	}
}
