package desk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// Bounds of answering by machine.
const (
	answering   = 32              // queries at once: while some search, others wait for the disk together
	searching   = 8               // at once
	searchTime  = 2 * time.Second // after which the source failed
	gathering   = 5 * time.Millisecond
	lookedAt    = 500              // read back from the database at once
	lookPause   = 10 * time.Minute // until all messages are looked through again
	sourcePause = 10 * time.Second // until it is looked again whether there is a source
)

// hits answer queries by machine.
type hits struct {
	*queries
	desk     *Desk
	metrics  *hitMetrics
	slots    chan struct{} // of answering
	searches chan struct{} // of searching; a search that doesn't end keeps its own
	freed    chan struct{} // an answering ended

	looked time.Time // when all messages were looked through
	upTo   int64     // what was handed over up to here is among the queries

	mu     sync.Mutex
	source hit.Source   // nil: not opened yet, or there is none
	table  *table.Table // the source, if it is the desk's own
	broken error        // why it could not be opened
	state  string       // of its files then
	pause  time.Duration
	again  time.Time // when that is tried again, the pause later
}

func newHits(d *Desk, source hit.Source) *hits {
	return &hits{
		queries: newQueries(d.settings.Hits, d.now), desk: d, metrics: newHitMetrics(), source: source,
		slots: make(chan struct{}, answering), searches: make(chan struct{}, searching), freed: make(chan struct{}, 1),
	}
}

// open returns the source: what the desk was given, or the file in its folder; nil while
// there is none. A file that is damaged is looked at again once it is another.
func (h *hits) open() (hit.Source, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.table != nil && !h.table.Current() { // an import began it anew
		if err := h.table.Close(); err != nil {
			h.desk.log.Warn("the data to search was replaced; the old file did not close", "problem", err.Error())
		}
		h.table, h.source = nil, nil
	}
	if h.source != nil {
		return h.source, nil
	}
	if table.None(h.desk.dir.hits()) { // table.Open would make one
		h.broken = nil
		return nil, nil
	}
	state := stateOf(h.desk.dir.hits(), h.desk.dir.hitsSum())
	same := errors.Is(h.broken, table.ErrDamaged) && state == h.state
	if now := time.Now(); h.broken == nil || !same && !now.Before(h.again) {
		t, err := table.Open(h.desk.dir.hits())
		if h.broken, h.state = err, state; err != nil { // an import that makes it may be at work
			h.pause = min(max(h.desk.room.Retry, 2*h.pause), sourcePause)
			h.again = now.Add(h.pause)
			h.desk.log.Error("the data to search can't be opened", "problem", err.Error())
			h.metrics.failed.Inc()
			return nil, err
		}
		h.table, h.source = t, t
	}
	return h.source, h.broken
}

// retry is how long to wait until a source that could not be opened is looked at again.
func (h *hits) retry() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pause
}

// stateOf tells files apart by what the system says of them.
func stateOf(paths ...string) (state string) {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			state += fmt.Sprintln(path, info.Size(), info.ModTime())
		}
	}
	return state
}

// trouble is why the desk goes on without hits.
func (h *hits) trouble() error {
	_, err := h.open()
	if err != nil {
		err = fmt.Errorf("no machine answers queries: %w (samband-desk hits import)", err)
	}
	return err
}

func (h *hits) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.table == nil {
		return nil
	}
	return h.table.Close()
}

// run answers until ctx ends.
func (h *hits) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for ctx.Err() == nil {
		_, changed := h.desk.room.Changed()
		if err := h.look(); err != nil {
			h.desk.log.Error("queries could not be looked for", "problem", err.Error())
		}
		wait := h.start(ctx, &all)
		select {
		case <-ctx.Done():
		case <-changed:
			select { // for others that come with it
			case <-ctx.Done():
			case <-time.After(gathering):
			}
		case <-h.freed:
		case <-time.After(wait):
		}
	}
}

// look finds queries that were handed over since the last look, and at the first all of
// them. After a failed commit places may have changed, so all are looked through now and
// then.
func (h *hits) look() error {
	types := h.machineTypes()
	room := h.desk.room
	if now := h.now(); h.looked.IsZero() || now.Sub(h.looked) > lookPause {
		var upTo int64
		if err := room.Store.View(func(tx *store.Tx) (err error) { upTo, err = tx.LastProven(); return err }); err != nil {
			return err
		}
		waiting := map[signed.Hash]bool{}
		for _, typ := range types {
			if err := h.lookThrough(typ, waiting); err != nil {
				return err
			}
		}
		h.keep(waiting)
		h.upTo, h.looked = upTo, now
	}
	news := false
	defer func() {
		if news {
			room.Touch() // the inbox says what they wait for
		}
	}()
	for {
		var found []store.Shown
		var last int64
		err := room.Store.View(func(tx *store.Tx) (err error) {
			if last, err = tx.LastProven(); err == nil && last > h.upTo {
				found, err = tx.HandedOverSince(h.upTo, types, lookedAt)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range found {
			if h.add(f.Row.TextHash, client.Ref{From: f.Row.From, ID: f.Row.ID}) {
				news = true
			}
			h.upTo = f.At
		}
		if len(found) < lookedAt {
			h.upTo = last // what else was proven is no query
			return nil
		}
	}
}

// lookThrough adds all queries of a type that wait, and notes them.
func (h *hits) lookThrough(typ string, waiting map[signed.Hash]bool) error {
	for after := int64(0); ; {
		var found []store.Row
		err := h.desk.room.Store.View(func(tx *store.Tx) (err error) {
			found, err = tx.Unreplied(typ, after, lookedAt)
			return err
		})
		if err != nil || len(found) == 0 {
			return err
		}
		for _, r := range found {
			h.add(r.TextHash, client.Ref{From: r.From, ID: r.ID})
			waiting[r.TextHash], after = true, r.Seq
		}
	}
}

// machineTypes are the types that a machine may answer.
func (h *hits) machineTypes() (names []string) {
	for _, t := range h.desk.room.Types() {
		if t.MachineReply() != "" && !slices.Contains(names, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names
}

// ready returns the source if queries may be answered now; else nil, and how long to wait
// if nothing else happens.
func (h *hits) ready() (source hit.Source, wait time.Duration) {
	why, wait := none, sourcePause
	if h.desk.mayShow() != nil {
		why, wait = locked, lookPause
	} else {
		var err error
		switch source, err = h.open(); {
		case err != nil:
			why, wait = sourceFailed, h.retry()
		case source == nil:
			why = noSource
		}
	}
	if h.hinders(why) {
		h.desk.room.Touch()
	}
	return source, wait
}

// start starts to answer what may be answered now. It returns how long to wait if nothing
// else happens.
func (h *hits) start(ctx context.Context, all *sync.WaitGroup) time.Duration {
	source, wait := h.ready()
	if source == nil {
		return wait
	}
	for {
		select {
		case h.slots <- struct{}{}:
		default:
			return lookPause // until one is freed
		}
		q, wait, newlyLimited := h.take()
		if newlyLimited > 0 {
			h.metrics.limited.Add(float64(newlyLimited))
			h.desk.room.Touch()
		}
		if q == nil {
			<-h.slots
			if wait == 0 {
				wait = lookPause
			}
			return wait
		}
		all.Go(func() {
			h.attempt(ctx, source, q)
			<-h.slots
			select {
			case h.freed <- struct{}{}:
			default:
			}
		})
	}
}

// A hindered error says why a query can't be answered by machine now.
type hindered struct {
	why    hindrance
	detail string
}

func (e *hindered) Error() string { return string(e.why) + ": " + e.detail }

// errNeedless says that a query needs no answer by machine: it has one, or is erased.
var errNeedless = errors.New("it needs no answer")

// attempt answers a query, or notes why not.
func (h *hits) attempt(ctx context.Context, source hit.Source, q *query) {
	err := h.answer(ctx, source, q)
	var hindered *hindered
	switch {
	case err == nil, errors.Is(err, errNeedless):
		h.remove(q.text)
	case ctx.Err() != nil:
		h.putBack(q, none, "", 0)
	case problem.CodeOf(err) == problem.DeskLocked, problem.CodeOf(err) == problem.ErasuresUnread:
		h.putBack(q, locked, "", 0)
	case problem.CodeOf(err) == problem.DiskFull:
		h.putBack(q, none, "", h.desk.room.Retry)
	case errors.As(err, &hindered):
		h.putBack(q, hindered.why, hindered.detail, h.desk.room.Retry)
	default:
		detail := "this desk's log says why"
		if p, ok := problem.Of(err); ok {
			detail = p.Error()
		}
		h.desk.log.Error("a query was not answered", "id", q.ref.ID, "problem", err.Error())
		h.putBack(q, notPermitted, detail, h.desk.room.Retry)
	}
	if err != nil {
		h.desk.room.Touch() // what it waits for has changed
	}
}

// A matched query is what this desk keeps of an answer other than no hit, for its own
// officers.
type matched struct {
	Dataset    string   `json:"dataset"`
	Outcome    string   `json:"outcome"`
	Candidates int      `json:"candidates"`
	Incomplete bool     `json:"incomplete,omitempty"`
	References []string `json:"references"`
}

// answer answers one query: the law first, then the source, then what every answer passes.
func (h *hits) answer(ctx context.Context, source hit.Source, q *query) error {
	d := h.desk
	asks, body, with, err := h.read(q)
	if err != nil {
		return err
	}
	asked, subject, err := readQuery(body)
	if err != nil {
		return err
	}
	result, err := h.search(ctx, source, subject)
	if errors.Is(err, hit.ErrNoDataset) {
		return &hindered{noDataset, asked.Dataset}
	}
	if err != nil {
		if ctx.Err() == nil {
			h.metrics.failed.Inc()
			d.log.Error("the data could not be searched", "dataset", asked.Dataset, "problem", err.Error())
		}
		return &hindered{sourceFailed, ""}
	}
	answer := schema.MachineAnswer{Outcome: string(result.Outcome), OurReference: rand.Text()}
	var match []byte
	if result.Outcome != hit.NoHit {
		answer.Match = rand.Text() // means nothing to anybody else
		if match, err = d.sealMatch(q.text, matched{asked.Dataset, answer.Outcome, result.Candidates, result.Incomplete, result.References}); err != nil {
			return err
		}
	}
	reply := reply{message: q.text, answered: body, earlier: map[signed.Address]earlier{q.ref.From: asks}}
	reply.also = func(tx *store.Tx) error {
		if yes, err := tx.Replied(q.text); err != nil || yes {
			return errors.Join(err, errNeedless)
		}
		if match != nil {
			if err := tx.AddMatch(answer.Match, q.text, match); err != nil {
				return err
			}
		}
		e := d.room.Entry("answered by machine", "message "+q.ref.ID.String(), nil)
		if e.Detail = asked.Dataset + " " + answer.Outcome; q.limited {
			e.Detail += ", after it waited for the limit"
		}
		return tx.Log(e)
	}
	draft := client.Draft{
		Name: machineName(q.text), To: []signed.Address{q.ref.From}, Type: with.Name, Agreement: asks.header.Agreement,
		Urgent: asks.header.Urgency == envelope.Urgent, Classification: asks.header.Classification,
	}
	if draft.Body, err = body.MachineReply(with, answer); err != nil {
		return err
	}
	if _, err = d.send(draft, reply); err == nil {
		h.metrics.answered.WithLabelValues(asked.Dataset, answer.Outcome).Inc()
	}
	return err
}

// machineName names the sending of a machine's answer: a query has one at most.
func machineName(query signed.Hash) string { return "machine/" + query.String() }

// read opens a query that has no answer yet, and asks the law whether it may be answered.
func (h *hits) read(q *query) (asks earlier, body *schema.Body, with *schema.Type, err error) {
	d := h.desk
	needless, before := false, false
	err = d.room.Store.View(func(tx *store.Tx) error {
		r, err := tx.OfText(true, q.text)
		if err != nil {
			return err
		}
		asks.seq, asks.text = r.Seq, r.TextHash
		replied, err := tx.Replied(q.text)
		if needless = replied || !r.Open(); err != nil || needless {
			return err
		}
		_, err = tx.Digest(machineName(q.text))
		if before = err == nil; errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	switch {
	case err != nil:
		return asks, nil, nil, err
	case needless:
		return asks, nil, nil, errNeedless
	case before:
		return asks, nil, nil, &hindered{replyLost, ""}
	}
	e, content, err := d.opened(q.text)
	if errors.Is(err, store.ErrNotFound) {
		return asks, nil, nil, errNeedless
	}
	if err != nil {
		return asks, nil, nil, err
	}
	asks.header = &e.Header
	t, ok := d.room.Type(e.Type.Hash)
	if !ok {
		return asks, nil, nil, &hindered{notReadable, mail.LacksType}
	}
	if body, err = t.Read(content.Body); err != nil {
		return asks, nil, nil, &hindered{notReadable, "its body"}
	}
	l := d.room.Logs()
	if _, with, err = d.room.TypeNamed(l, t.MachineReply()); err != nil {
		return asks, nil, nil, err
	}
	x := l.View().Explain(register.Question{
		From: d.Address(), To: e.From, Type: with.Name, Classification: e.Classification, Purpose: body.Sealed.Purpose,
	}, signed.At(d.now()))
	if slices.ContainsFunc(x.Carriers, func(a *register.Agreement) bool { return a.Hash() == e.Agreement }) {
		return asks, body, with, nil
	}
	refused := x.Problem
	for _, b := range x.Blocked {
		if b.Agreement.Hash() == e.Agreement {
			refused = b.Problem
		}
	}
	detail := "its agreement is not in force"
	if refused != nil {
		detail = refused.Error()
	}
	return asks, nil, nil, &hindered{notPermitted, detail}
}

// readQuery brings a query to the form that sources search by. A data set that no source
// knows is one that this desk hasn't.
func readQuery(body *schema.Body) (schema.Query, *hit.Subject, error) {
	asked, ok := body.Query()
	if !ok {
		return asked, nil, &hindered{notReadable, "it names no data set"}
	}
	if !slices.Contains(hit.Datasets(), hit.Dataset(asked.Dataset)) {
		return asked, nil, &hindered{noDataset, asked.Dataset}
	}
	q := hit.Query{Dataset: hit.Dataset(asked.Dataset), Keys: map[hit.Key]string{}}
	for key, value := range asked.Keys {
		q.Keys[hit.Key(key)] = value
	}
	subject, err := hit.Read(q)
	if err != nil {
		return asked, nil, &hindered{notReadable, err.Error()}
	}
	return asked, subject, nil
}

// search asks the source, for a bounded time.
func (h *hits) search(ctx context.Context, source hit.Source, subject *hit.Subject) (hit.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	select {
	case h.searches <- struct{}{}:
	case <-ctx.Done():
		return hit.Answer{}, fmt.Errorf("earlier searches have not ended: %w", ctx.Err())
	}
	type outcome struct {
		hit.Answer
		error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer func() { <-h.searches }()
		var o outcome
		defer func() {
			if p := recover(); p != nil { // its value may quote the query; its type can't
				o.error = fmt.Errorf("panic with a %T:\n%s", p, debug.Stack())
			}
			ended <- o
		}()
		o.Answer, o.error = source.Search(ctx, subject)
	}()
	select {
	case o := <-ended:
		if o.error == nil {
			o.error = checkAnswer(o.Answer)
		}
		return o.Answer, o.error
	case <-ctx.Done():
		return hit.Answer{}, ctx.Err()
	}
}

// checkAnswer refuses what no source may answer: "no hit" is a statement of fact.
func checkAnswer(a hit.Answer) error {
	switch {
	case a.Outcome != hit.Hit && a.Outcome != hit.Inconclusive && a.Outcome != hit.NoHit:
		return fmt.Errorf("the source answered %q", a.Outcome)
	case a.Outcome == hit.NoHit && a.Incomplete:
		return errors.New("the source answered no hit without having compared all")
	}
	return nil
}

func (d *Desk) sealMatch(query signed.Hash, f matched) (sealed []byte, err error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	err = d.withRing(func(ring *keys.Locked) error {
		sealed = ring.SealMatch(b, query)
		return nil
	})
	return sealed, err
}

// Match tells this desk's officers what it found for a query, by the reference that its
// answer gave. It is a consultation: the desk's log has it. DESK_LOCKED while locked;
// UNKNOWN_MESSAGE for a reference that this desk did not give, or whose query was
// erased or is hidden.
func (d *Desk) Match(_ context.Context, reference string) (*client.Match, error) {
	m := &client.Match{Reference: reference}
	var sealed []byte
	var query signed.Hash
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		if err := d.room.MayShow(tx); err != nil {
			return err
		}
		if query, sealed, err = tx.Match(reference); err != nil {
			return err
		}
		if hidden, err := tx.Hidden(query); err != nil || hidden {
			return errors.Join(err, store.ErrNotFound)
		}
		r, err := tx.OfText(true, query)
		m.Query = client.Ref{From: r.From, ID: r.ID}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem.New(problem.UnknownMessage, "this desk gave no such match reference, or erased the query")
	}
	if err != nil {
		return nil, err
	}
	var b []byte
	if err := d.withRing(func(ring *keys.Locked) (err error) { b, err = ring.OpenMatch(sealed, query); return err }); err != nil {
		return nil, err
	}
	var f matched
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	m.Dataset, m.Outcome, m.Candidates, m.Incomplete, m.References = f.Dataset, f.Outcome, f.Candidates, f.Incomplete, append([]string{}, f.References...)
	return m, d.note("match consulted", "message "+m.Query.ID.String())
}
