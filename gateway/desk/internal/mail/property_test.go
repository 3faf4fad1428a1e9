package mail_test

import (
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// Random conversations of three desks, in every type of the catalogue, with messages
// that cross, are refused, withdrawn, expire, or are such as no honest desk sends; a
// plain model (model_test.go) says what each desk must accept and refuse, before it
// seals and after it opened, and what it must show: settled, dropped, closed, turn,
// clock and count.
//
// It drives the rooms directly with the events of a log that the test plays, and not
// through a broker: what is tested rests on proven events alone, in whichever order a
// desk hears of them, and this way the test chooses that order. Ten thousand steps take
// a minute instead of hours.
//
//	go test -tags soak -run TestConversations ./gateway/desk/internal/mail
//	go test -run TestConversations ./gateway/desk/internal/mail -rapid.seed N
func TestConversations(t *testing.T) {
	seed := flag.Lookup("rapid.seed").Value
	if seed.String() == "0" {
		must(0, seed.Set(strconv.FormatInt(time.Now().UnixNano()%1e9+1, 10)))
	}
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	must(0, checks.Set(strconv.Itoa(games)))
	defer checks.Set(before)
	t.Logf("-rapid.seed %s", seed)

	p := newPlayers(t)
	done := map[string]int{}
	rapid.Check(t, func(t *rapid.T) { p.game(t, done) })
	if !t.Failed() {
		for _, what := range []string{"sealed", "not sealed", "passed", "refused", "settled", "paused", "extended", "dropped", "closed", "overdue", "lapsed"} {
			if done[what] == 0 && games > 100 {
				t.Errorf("nothing was ever %s: the games show nothing of it", what)
			}
		}
		var lines []string
		for _, what := range slices.Sorted(maps.Keys(done)) {
			lines = append(lines, fmt.Sprintf("%s %d", what, done[what]))
		}
		t.Logf("%d games of %d steps: %s", games, steps, strings.Join(lines, ", "))
	}
}

var players3 = []signed.Address{"fi.spoc", "no.spoc", "se.spoc"}

// players are the rooms of three desks, which nobody connects.
type players struct {
	rooms    map[signed.Address]*mail.Room
	now      time.Time
	template *envelope.Header
	samples  map[*schema.Type][]store.Facts
	types    []*schema.Type
}

func newPlayers(t *testing.T) *players {
	t.Helper()
	x := must(made().Copy(t.TempDir()))
	p := &players{rooms: map[signed.Address]*mail.Room{}, now: morning, samples: samples(t), types: schema.Embedded().Types()}
	for _, desk := range players3 {
		database := filepath.Join(t.TempDir(), "desk.db")
		must(0, store.Make(database, desk))
		p.rooms[desk] = must(mail.Open(mail.Config{
			Desk: desk, Database: database, Federation: x.Federation(), Ring: &keys.Ring{},
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return p.now }, Retry: time.Second,
		}))
		t.Cleanup(func() { must(0, p.rooms[desk].Close()) })
	}
	r := must(register.Replay(append([][]byte{x.Federation()}, x.Entries...)))
	h := &gatewaytest.KeyedDesk{Address: "se.spoc", Exchange: r.Exchange()}
	p.template = must(h.Header(r.Now(), (&auditlog.Range{}).Head(r.Federation().Audit.Name), "fi.spoc", "SPONTANEOUS", p.now))
	return p
}

var morning = time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)

// samples are what the sample bodies of the catalogue say, by type.
func samples(t *testing.T) map[*schema.Type][]store.Facts {
	t.Helper()
	found := map[*schema.Type][]store.Facts{}
	root := filepath.Join("..", "..", "..", "..", "schema", "testdata")
	must(0, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" || strings.Contains(path, "invalid") {
			return err
		}
		raw := must(os.ReadFile(path))
		for _, typ := range schema.Embedded().Types() {
			if b, err := typ.Read(raw); err == nil {
				found[typ] = append(found[typ], mail.FactsOf(b))
			}
		}
		return nil
	}))
	return found
}

// A game is one run: its log, and what the desks have not heard of it.
type game struct {
	*rapid.T
	*players
	models  map[signed.Address]*model
	notes   []*note
	index   int64
	unheard []unheard
	before  map[signed.Address]map[store.AnswerCount]int
	done    map[string]int
}

// An unheard is an event that a desk has not heard of.
type unheard struct {
	desk  signed.Address
	note  *note
	event envelope.Event
	index int64
	at    signed.Time
}

func (p *players) game(t *rapid.T, done map[string]int) {
	g := &game{T: t, players: p, models: map[signed.Address]*model{}, before: map[signed.Address]map[store.AnswerCount]int{}, done: done}
	p.now = morning
	for _, desk := range players3 {
		g.models[desk] = &model{desk: desk, knows: map[*note]*seen{}, answers: map[store.AnswerCount]int{}}
		g.before[desk] = g.counted(desk)
	}
	moves := []move{
		{3, g.opens}, {6, g.follows}, {8, g.accepts}, {20, g.hears}, {8, g.judges}, {3, g.consigns}, {1, g.ends}, {3, g.lapses}, {1, g.rejects},
		{1, g.reads}, {2, g.waits}, {1, g.lies},
	}
	for range steps {
		g.plays(moves)
	}
	for len(g.unheard) > 0 {
		g.hears()
	}
	for _, desk := range players3 {
		for _, n := range g.models[desk].order {
			g.compare(desk, n)
		}
	}
}

// A move is something that happens, so often beside others.
type move struct {
	often int
	do    func()
}

func (g *game) plays(moves []move) {
	all := 0
	for _, m := range moves {
		all += m.often
	}
	n := g.below(all, "move")
	for _, m := range moves {
		if n -= m.often; n < 0 {
			m.do()
			return
		}
	}
}

func pick[T any](g *game, what string, from []T) (v T, ok bool) {
	if len(from) == 0 {
		return v, false
	}
	return from[g.below(len(from), what)], true
}

// below draws a number below n, each as often as another: rapid's own numbers are
// mostly small, and a game of them never gets far.
func (g *game) below(n int, what string) int {
	return rapid.SampledFrom(numbers[:n]).Draw(g.T, what)
}

var numbers = func() (all [700]int) {
	for n := range all {
		all[n] = n
	}
	return all
}()

// where are the notes that fit.
func (g *game) where(fits func(*note) bool) (notes []*note) {
	for _, n := range g.notes {
		if fits(n) {
			notes = append(notes, n)
		}
	}
	return notes
}

// says draws what a note of a type says: what a sample of it says, or any.
func (g *game) says(t *schema.Type) store.Facts {
	if f, ok := pick(g, "sample", g.samples[t]); ok && g.below(2, "as a sample") == 0 {
		return f
	}
	outcome, _ := pick(g, "outcome", append(t.Outcomes(), t.Name))
	f := store.Facts{Outcome: outcome}
	if g.below(2, "says until") == 0 {
		f.ClockUntil = signed.At(g.now.Add(time.Duration(g.below(306, "until")-5) * time.Hour))
	}
	if g.below(6, "says from") == 0 {
		f.ClockFrom = signed.At(g.now.Add(-time.Duration(g.below(21, "from")) * time.Hour))
	}
	if t.Declares() {
		f.Access, _ = pick(g, "access", []string{"", "direct", "indirect"})
	}
	return f
}

// opens has a desk begin a conversation.
func (g *game) opens() {
	if roots := g.where(func(n *note) bool { return n.InReplyTo.IsZero() }); len(roots) > 1 {
		return
	}
	var types []*schema.Type
	for _, t := range g.types {
		if !t.OnlyReplies() {
			types = append(types, t)
		}
	}
	t, _ := pick(g, "type", types)
	from := g.below(3, "from")
	to := (from + g.below(2, "to") + 1) % 3
	g.queue(t, g.says(t), players3[from], players3[to], signed.NewID(), nil, signed.Hash{})
}

// follows has a desk answer or follow what it knows; mostly so as the types allow.
func (g *game) follows() {
	desk, _ := pick(g, "desk", players3)
	m := g.models[desk]
	earlier, ok := pick(g, "earlier", slices.DeleteFunc(slices.Clone(m.order), func(n *note) bool {
		return n.To == desk && m.knows[n].state != client.HandedOver || n.From == desk && m.knows[n].state == client.Queued
	}))
	if !ok {
		return
	}
	types := g.types
	if g.below(10, "any type") > 0 {
		types = slices.DeleteFunc(slices.Clone(types), func(t *schema.Type) bool { return !earlier.typ.AllowsType(t, earlier.From == desk) })
	}
	t, ok := pick(g, "type", types)
	if !ok || t.Closes() && g.below(4, "closes") > 0 {
		return
	}
	says := g.says(t)
	want := m.mayFollow(earlier, t, says.Outcome)
	err := g.rooms[desk].Store.View(func(tx *store.Tx) error {
		r, err := tx.Row(m.knows[earlier].seq)
		if err != nil {
			return err
		}
		return g.rooms[desk].MayFollow(tx, &r, t, says.Outcome)
	})
	if (err == nil) != want {
		g.Fatalf("%s sends %s after %s: %v, want allowed %t\n%s", desk, says.Outcome, g.name(earlier), err, want, g.story(desk))
	}
	if err != nil {
		g.done["not sealed"]++
		return
	}
	to := earlier.From
	if to == desk {
		to = earlier.To
	}
	g.queue(t, says, desk, to, earlier.Conversation, earlier, earlier.TextHash())
	if g.done["sealed"]++; g.below(3, "twice") == 0 { // two officers at once
		g.queue(t, g.says(t), desk, to, earlier.Conversation, earlier, earlier.TextHash())
	}
}

// lies has a desk send what its program would not have sealed.
func (g *game) lies() {
	from, _ := pick(g, "desk", players3)
	earlier, ok := pick(g, "earlier", slices.DeleteFunc(slices.Clone(g.models[from].order), func(n *note) bool { return n.index == 0 }))
	if !ok || g.below(3, "honest") > 0 {
		return
	}
	t, _ := pick(g, "type", g.types)
	to := earlier.To
	if to == from {
		to = earlier.From
	}
	switch g.below(6, "lie") {
	case 0:
		g.queue(t, g.says(t), from, to, signed.NewID(), earlier, earlier.TextHash()) // another conversation
	case 1:
		g.queue(t, g.says(t), from, to, earlier.Conversation, nil, signed.HashOf("nothing"))
	case 2:
		g.queue(t, g.says(t), from, to, earlier.Conversation, nil, signed.Hash{})
	default:
		g.queue(t, g.says(t), from, to, earlier.Conversation, earlier, earlier.TextHash())
	}
}

func (g *game) queue(t *schema.Type, says store.Facts, from, to signed.Address, conversation signed.ID, parent *note, named signed.Hash) {
	h := *g.template
	h.ID, h.From, h.To, h.Conversation, h.InReplyTo = signed.NewID(), from, to, conversation, named
	h.Type = envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: signed.Hash(t.Hash)}
	if g.below(2, "urgent") == 0 {
		h.Urgency = envelope.Urgent
	}
	h.Sealed = envelope.SealedOf([]byte("sealed"))
	e := &envelope.Envelope{Header: h, Note: &signed.Note{Text: h.Text()}, Sealed: []byte("sealed")}
	n := &note{Envelope: e, typ: t, says: says, parent: parent}
	must(0, g.rooms[from].Queues(e, t, says))
	g.notes = append(g.notes, n)
	g.know(from, n, &seen{state: client.Queued, outcome: says.Outcome, says: says})
}

// know adds a note to what a desk knows.
func (g *game) know(desk signed.Address, n *note, s *seen) {
	must(0, g.rooms[desk].Store.View(func(tx *store.Tx) error {
		r, err := tx.Sent(n.ID)
		if desk == n.To {
			r, err = tx.Received(n.From, n.ID)
		}
		s.seq = r.Seq
		return err
	}))
	m := g.models[desk]
	m.knows[n], m.order = s, append(m.order, n)
}

// log writes an event, of which both desks shall hear.
func (g *game) log(n *note, event envelope.Event) {
	g.index++
	at := signed.At(g.now)
	switch event {
	case envelope.Accepted:
		n.index, n.accepted = g.index, at
	case envelope.Consigned:
		n.consigned = at
	default:
		n.end, n.ended = event, at
	}
	for _, desk := range []signed.Address{n.From, n.To} {
		g.unheard = append(g.unheard, unheard{desk, n, event, g.index, at})
	}
}

func (g *game) accepts() {
	if n, ok := pick(g, "queued", g.where(func(n *note) bool {
		return n.index == 0 && g.models[n.From].knows[n].state == client.Queued
	})); ok {
		g.log(n, envelope.Accepted)
	}
}

func (g *game) rejects() {
	n, ok := pick(g, "queued", g.where(func(n *note) bool { return n.index == 0 && g.models[n.From].knows[n].state == client.Queued }))
	if !ok || g.below(4, "rejected") > 0 {
		return
	}
	s := g.models[n.From].knows[n]
	must(0, g.rooms[n.From].Rejects(s.seq))
	s.state = client.Rejected
	g.compare(n.From, n)
}

// arrived are the notes that their recipient has and that have not ended.
func (g *game) arrived() []*note {
	return g.where(func(n *note) bool {
		s := g.models[n.To].knows[n]
		return s != nil && n.end == "" && !s.judged
	})
}

func (g *game) consigns() {
	if n, ok := pick(g, "arrived", g.arrived()); ok && n.consigned.IsZero() {
		g.log(n, envelope.Consigned)
	}
}

// judges has a recipient open a note and state what it is.
func (g *game) judges() {
	n, ok := pick(g, "arrived", g.arrived())
	if !ok {
		return
	}
	m := g.models[n.To]
	want := m.passes(n, !n.InReplyTo.IsZero())
	err := g.rooms[n.To].Checks(&n.Header, n.typ, n.says.Outcome)
	if (err == nil) != want {
		g.Fatalf("%s opens %s: %v, want passed %t\n%s", n.To, g.name(n), err, want, g.story(n.To))
	}
	refused := err != nil || g.below(6, "unreadable") == 0
	event := envelope.HandedOver
	if refused {
		event = envelope.Refused
	}
	g.done[map[bool]string{true: "refused", false: "passed"}[refused]]++
	g.changes(n.To, n, func() {
		must(0, g.rooms[n.To].Finds(m.knows[n].seq, refused))
		m.knows[n].judged, m.knows[n].refusing = true, refused
	})
	g.log(n, event)
}

// ends has a note withdrawn, or expire.
func (g *game) ends() {
	n, ok := pick(g, "accepted", g.where(func(n *note) bool { return n.index > 0 && n.end == "" && n.consigned.IsZero() }))
	if !ok || g.below(4, "ends") > 0 {
		return
	}
	event, _ := pick(g, "end", []envelope.Event{envelope.Withdrawn, envelope.Expired})
	g.log(n, event)
	if g.models[n.To].knows[n] == nil && g.below(2, "before it was seen") == 0 { // the feed has no more of it
		g.unheard = slices.DeleteFunc(g.unheard, func(u unheard) bool { return u.note == n && u.desk == n.To })
	}
}

// lapses has a note lapse that was consigned.
func (g *game) lapses() {
	n, ok := pick(g, "consigned", g.where(func(n *note) bool { return !n.consigned.IsZero() && n.end == "" }))
	if ok {
		g.done["lapsed"]++
		g.log(n, envelope.Lapsed)
	}
}

// hears has a desk hear of an event: of each note in their order, and of what arrives
// in the log's; else in any.
func (g *game) hears() {
	var next []unheard
	for i, u := range g.unheard {
		if !slices.ContainsFunc(g.unheard[:i], func(earlier unheard) bool {
			arrival := func(u unheard) bool { return u.event == envelope.Accepted && u.desk == u.note.To }
			return earlier.desk == u.desk && (earlier.note == u.note || arrival(earlier) && arrival(u))
		}) {
			next = append(next, u)
		}
	}
	u, ok := pick(g, "event", next)
	if !ok {
		return
	}
	g.unheard = slices.DeleteFunc(g.unheard, func(x unheard) bool { return x.index == u.index && x.desk == u.desk })
	n, room, m := u.note, g.rooms[u.desk], g.models[u.desk]
	f := store.ProvenEvent{TextHash: n.TextHash(), Event: u.event, Proof: []byte{}, Index: u.index, Time: u.at}
	if u.event == envelope.Accepted && u.desk == n.To {
		g.changes(u.desk, n, func() {
			must(0, room.Arrives(n.Envelope, f))
			g.know(u.desk, n, &seen{state: client.Accepted, accepted: true, outcome: n.typ.Outcome()})
		})
		return
	}
	s := m.knows[n]
	locked := u.desk == n.To && u.event == envelope.HandedOver && g.below(4, "locked") == 0
	says := &n.says
	if locked {
		says = nil
	}
	g.changes(u.desk, n, func() {
		must(0, room.Hears(s.seq, f, says))
		s.accepted = s.accepted || u.event == envelope.Accepted
		if u.event == envelope.Consigned || u.event == envelope.HandedOver && s.consigned.IsZero() {
			s.consigned = u.at
		}
		s.state = client.State(u.event)
		if u.event == envelope.Lapsed {
			s.lapsed, s.refusing = u.at, false
		}
		if u.event == envelope.Refused {
			s.refusing = s.refusing && false
		}
		if u.desk == n.To && u.event == envelope.HandedOver {
			if s.unread = locked; !locked {
				s.outcome, s.says = n.says.Outcome, n.says
			}
		}
	})
}

// reads has a desk unlocked, which reads what was handed over meanwhile.
func (g *game) reads() {
	for _, desk := range players3 {
		for _, n := range g.models[desk].order {
			if s := g.models[desk].knows[n]; s.unread {
				g.changes(desk, n, func() {
					must(0, g.rooms[desk].Reads(s.seq, n.says))
					s.unread, s.outcome, s.says = false, n.says.Outcome, n.says
				})
			}
		}
	}
}

func (g *game) waits() {
	g.now = g.now.Add(time.Duration(g.below(600, "minutes")+1) * time.Minute)
	for _, desk := range players3 {
		if n, ok := pick(g, "looked at", g.models[desk].order); ok {
			g.compare(desk, n)
		}
	}
}

// changes has something change for a desk, and compares what it shows afterwards.
func (g *game) changes(desk signed.Address, n *note, change func()) {
	m := g.models[desk]
	before := m.settled()
	change()
	for x, by := range m.settled() {
		if before[x] == nil && x.To == desk && together(x, n) {
			if at := m.deadline(x, by.accepted.AsTime()); at != nil {
				m.answers[store.AnswerCount{Class: at.class, OnTime: at.onTime}]++
			}
		}
	}
	g.compare(desk, n)
}

func (g *game) counted(desk signed.Address) map[store.AnswerCount]int {
	n := map[store.AnswerCount]int{}
	must(0, g.rooms[desk].Store.View(func(tx *store.Tx) error {
		counts, err := tx.CountAnswers()
		for _, c := range counts {
			n[store.AnswerCount{Class: c.Class, OnTime: c.OnTime}] = c.N
		}
		return err
	}))
	return n
}

// compare compares what a desk shows of a note's conversation with what the model says.
func (g *game) compare(desk signed.Address, of *note) {
	m, room := g.models[desk], g.rooms[desk]
	fail := func(format string, args ...any) {
		g.Helper()
		g.Fatalf("%s: %s\n%s", desk, fmt.Sprintf(format, args...), g.story(desk))
	}
	settled := m.settled()
	must(0, room.Store.View(func(tx *store.Tx) error {
		var open []*note
		for _, n := range m.order {
			if !together(n, of) {
				continue
			}
			r, err := tx.Row(m.knows[n].seq)
			if err != nil {
				return err
			}
			if by := settled[n]; by == nil && !r.Answered.IsZero() || by != nil && r.Answer != by.TextHash() {
				fail("%s was settled by %s, want %s", g.name(n), r.Answer, g.name(by))
			}
			if by := m.dropped(n); (by == nil) != r.Dropped.IsZero() || by != nil && r.Dropped != by.accepted {
				fail("%s was dropped at %s, want %s", g.name(n), r.Dropped, g.name(by))
			}
			if m.open(n) {
				open = append(open, n)
			}
			at, err := room.Deadline(tx, &r, &n.Header, g.now)
			if err != nil {
				return err
			}
			want := m.deadline(n, g.now)
			g.count(r, at)
			if (at == nil) != (want == nil) {
				fail("the clock of %s is %+v, want %+v", g.name(n), at, want)
			}
			if at != nil {
				if got := (stand{at.Class, at.Due, at.Answered, at.Paused, at.Overdue, at.OnTime, at.Access}); got != *want {
					fail("the clock of %s stands at\n%+v, want\n%+v", g.name(n), got, *want)
				}
			}
		}
		all, err := mail.OpenByConversation(tx)
		if err != nil {
			return err
		}
		other := of.From
		if other == desk {
			other = of.To
		}
		k := store.Conversation{ID: of.Conversation, Other: other}
		talk, err := tx.Conversation(k)
		if err != nil {
			return err
		}
		c, err := room.Conversation(tx, talk, all[k], g.now)
		if err != nil {
			return err
		}
		if len(c.Open) != len(open) || slices.ContainsFunc(c.Open, func(o client.OpenMessage) bool {
			return !slices.ContainsFunc(open, func(n *note) bool { return n.TextHash() == o.Message && m.knows[n].consigned == o.Since })
		}) {
			fail("of the conversation of %s is open %+v, want %d", g.name(of), c.Open, len(open))
		}
		if want := m.turn(of); c.Turn != want {
			fail("in the conversation of %s it is the turn of %s, want %s", g.name(of), c.Turn, want)
		}
		if by := m.closed(of); (by == nil) != c.Closed.IsZero() || by != nil && by.accepted != c.Closed {
			fail("the conversation of %s was closed at %s, want %s", g.name(of), c.Closed, g.name(by))
		} else if by != nil {
			g.done["closed"]++
		}
		return nil
	}))
	want := maps.Clone(g.before[desk])
	for c, n := range m.answers {
		want[c] += n
	}
	if got := g.counted(desk); !maps.Equal(got, want) {
		fail("answers are %v, want %v", got, want)
	}
}

// count notes what a comparison has seen.
func (g *game) count(r store.Row, at *client.Deadline) {
	if !r.Answered.IsZero() {
		g.done["settled"]++
	}
	if !r.Dropped.IsZero() {
		g.done["dropped"]++
	}
	if at == nil {
		return
	}
	if at.Paused {
		g.done["paused"]++
	}
	if at.Overdue {
		g.done["overdue"]++
	}
	if !at.Extended.IsZero() {
		g.done["extended"]++
	}
}

func (g *game) name(n *note) string {
	if n == nil {
		return "nothing"
	}
	return fmt.Sprintf("#%d %s", slices.Index(g.notes, n), n.says.Outcome)
}

// story is all that a desk knows.
func (g *game) story(desk signed.Address) string {
	var b strings.Builder
	m := g.models[desk]
	for _, n := range m.order {
		s := m.knows[n]
		fmt.Fprintf(&b, "%s %s %s→%s after %s, entry %d at %s, %s refusing=%t outcome=%q until=%s\n", g.name(n), n.TextHash().String()[:8], n.From, n.To,
			g.name(n.parent), n.index, n.accepted, s.state, s.refusing, s.outcome, s.says.ClockUntil)
	}
	fmt.Fprintf(&b, "now %s", signed.At(g.now))
	return b.String()
}
