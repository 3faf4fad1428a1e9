package desk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/monitor"
	"samband/gateway/problem"
)

// metrics are what only a desk knows. None tells who writes to whom.
type metrics struct {
	registry *prometheus.Registry
	desk     *Desk
}

func newMetrics(d *Desk) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		desk:     d,
	}
	m.registry.MustRegister(d.room.Metrics.Collectors()...)
	m.registry.MustRegister(d.hits)
	m.registry.MustRegister(m,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "samband_desk_locked", Help: "1 while the locked ring is locked: nothing is sent, opened or answered.",
		}, func() float64 { return number(d.Locked()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "samband_broker_reachable", Help: "1 while the broker answers this desk.",
		}, func() float64 { return number(d.room.Reachable()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "samband_audit_silent_seconds", Help: "For how long the audit log had not grown when this desk last verified an answer of the broker.",
		}, func() float64 { return d.room.Silent().Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "samband_online_ring_shared", Help: "1 while the alarm stands that another program uses this desk's online ring.",
		}, func() float64 { return number(d.room.Shared() != nil) }),
	)
	return m
}

func urgencyLabel(urgent bool) string {
	if urgent {
		return envelope.Urgent
	}
	return envelope.NonUrgent
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Those that are counted in the database when somebody asks.
var (
	outboxMessages = prometheus.NewDesc("samband_outbox_messages",
		"Messages that this desk sent, by state.", []string{"state"}, nil)
	inboxMessages = prometheus.NewDesc("samband_inbox_messages",
		"Messages that this desk received, by state.", []string{"state"}, nil)
	requestsOverdue = prometheus.NewDesc("samband_requests_overdue",
		"Received requests past their legal deadline and not answered.", []string{"deadline_class"}, nil)
	requestsWarned = prometheus.NewDesc("samband_requests_warned",
		"Received requests of whose legal term a fraction has passed at which the desk warns, not overdue and not answered.", []string{"deadline_class"}, nil)
	answersTotal = prometheus.NewDesc("samband_answers_total",
		"Received requests that were answered, within their legal deadline or late.", []string{"deadline_class", "on_time"}, nil)
	outboxOverdue = prometheus.NewDesc("samband_outbox_overdue_messages",
		"Messages that this desk sent and of which another has owed the next step for too long.", []string{"step", "urgency"}, nil)
	evidenceTotal = prometheus.NewDesc("samband_evidence_total",
		"Breaches by the broker of which this desk keeps evidence, and uses of its ring elsewhere.", []string{"code"}, nil)
	evidenceLost = prometheus.NewDesc("samband_evidence_lost_total",
		"Pieces of evidence that this desk saw and does not keep, or keeps without their bytes, since there were too many of one kind.", []string{"code"}, nil)
	wordsElsewhere = prometheus.NewDesc("samband_words_elsewhere",
		"Words in this desk's name that it did not say: by a lost copy of it, or by somebody who uses its ring.", []string{"by"}, nil)
	databaseLosses = prometheus.NewDesc("samband_desk_database_losses",
		"What this desk's database was found to have lost and no person has settled.", nil, nil)
	lostMessages = prometheus.NewDesc("samband_desk_lost_messages",
		"Messages that this desk had and lacks since its database lost them.", nil, nil)
	damagesTotal = prometheus.NewDesc("samband_desk_damages_total",
		"Rows of this desk's own database that its disk damaged, by whether they are again as they were written or as the log says.", []string{"mended"}, nil)
	keyMissing = prometheus.NewDesc("samband_opening_key_missing_messages",
		"Consigned messages sealed to an opening key that the ring lacks.", nil, nil)
	unreadableMessages = prometheus.NewDesc("samband_unreadable_messages",
		"Messages that wait because this desk can't read them: damaged, or of a type whose catalogue bundle it lacks.", nil, nil)
	bundlesLacking = prometheus.NewDesc("samband_catalogue_bundles_lacking",
		"Catalogue bundles that the register names and this desk should have and doesn't.", nil, nil)
	hiddenTexts = prometheus.NewDesc("samband_hidden_texts",
		"Texts that this desk had erased before it was put back from a backup: hidden until a person decides.", nil, nil)
	erasuresUnread = prometheus.NewDesc("samband_erasure_lists_unread",
		"Lists of this desk's own erasures in the log that it can't read: what they name is not hidden.", nil, nil)
	oldestStatement = prometheus.NewDesc("samband_statement_waiting_seconds",
		"How long the oldest statement of this desk has waited for the log to prove it; 0 when none waits.", nil, nil)
	entryWaits = prometheus.NewDesc("samband_register_entry_waiting_seconds",
		"How long the oldest register entry that was handed in at this desk has waited for its place or a proven refusal; 0 when none waits.", nil, nil)
	diskFree = prometheus.NewDesc("samband_desk_disk_free_bytes",
		"Bytes that this desk's disk has free, beside the desk's reserve.", nil, nil)
	diskNeeded = prometheus.NewDesc("samband_desk_disk_needed_bytes",
		"Bytes that must be free for messages to be taken in and sent.", nil, nil)
	takingIn = prometheus.NewDesc("samband_desk_taking_in",
		"1 while messages are taken in and sent; 0 while the disk is full.", nil, nil)
	onlineMade = prometheus.NewDesc("samband_online_keys_made_timestamp_seconds",
		"When the keys of the desk's online ring were made.", nil, nil)
	diskReserve = prometheus.NewDesc("samband_desk_disk_reserve",
		"1 while the reserve is there by which reading, erasing, locking and unlocking work on a full disk.", nil, nil)
)

// Describe is of prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{outboxMessages, inboxMessages, requestsOverdue, requestsWarned, answersTotal, outboxOverdue, evidenceTotal, evidenceLost, wordsElsewhere, damagesTotal, databaseLosses, lostMessages, keyMissing, unreadableMessages, bundlesLacking, hiddenTexts, erasuresUnread, oldestStatement, entryWaits, onlineMade, diskFree, diskNeeded, takingIn, diskReserve} {
		ch <- d
	}
}

// Collect is of prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	room := m.desk.room.Store.Room()
	for d, v := range map[*prometheus.Desc]float64{diskFree: float64(room.Free), diskNeeded: float64(room.Needed), takingIn: number(!room.Full), diskReserve: number(room.Reserve)} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	if made := m.desk.online.Now().Made; !made.IsZero() {
		ch <- prometheus.MustNewConstMetric(onlineMade, prometheus.GaugeValue, float64(made.Unix()))
	}
	c, err := m.count()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(outboxMessages, err)
		return
	}
	for _, s := range client.SentStates {
		gauge(outboxMessages, c.outbox[s], string(s))
	}
	for _, s := range client.ReceivedStates {
		gauge(inboxMessages, c.inbox[s], string(s))
	}
	for class, n := range c.duties {
		gauge(requestsOverdue, n.overdue, class)
		gauge(requestsWarned, n.warned, class)
		for label, v := range map[string]int{"true": n.onTime, "false": n.late} {
			ch <- prometheus.MustNewConstMetric(answersTotal, prometheus.CounterValue, float64(v), class, label)
		}
	}
	for _, o := range c.overdue {
		gauge(outboxOverdue, o.Messages, string(o.Step), urgencyLabel(o.Urgent))
	}
	for code, b := range c.evidence {
		ch <- prometheus.MustNewConstMetric(evidenceTotal, prometheus.CounterValue, float64(b.Seen), string(code))
		ch <- prometheus.MustNewConstMetric(evidenceLost, prometheus.CounterValue, float64(b.Lost+b.Bytes), string(code))
	}
	gauge(wordsElsewhere, c.lost, "lost-copy")
	gauge(wordsElsewhere, c.others, "ring")
	gauge(databaseLosses, c.losses)
	gauge(lostMessages, c.missing)
	for label, v := range map[string]int{"true": c.mended, "false": c.damaged} {
		ch <- prometheus.MustNewConstMetric(damagesTotal, prometheus.CounterValue, float64(v), label)
	}
	gauge(keyMissing, c.keyMissing)
	gauge(unreadableMessages, c.unreadable)
	gauge(hiddenTexts, c.erasures.Hidden)
	gauge(erasuresUnread, c.erasures.Unreadable+c.erasures.Lost)
	gauge(bundlesLacking, len(m.desk.room.Lacks()))
	ch <- prometheus.MustNewConstMetric(entryWaits, prometheus.GaugeValue, m.desk.room.EntryWaits().Seconds())
	ch <- prometheus.MustNewConstMetric(oldestStatement, prometheus.GaugeValue, c.waiting.Seconds())
}

// counts are what one look into the database gives.
type counts struct {
	outbox, inbox map[client.State]int
	overdue       []client.Overdue
	evidence      map[problem.Code]store.Breaches
	duties        map[string]*duty
	lost, others  int // words
	losses        int // of the database
	missing       int // messages, by them
	mended        int // findings in this desk's own database
	damaged       int // those that are not mended
	keyMissing    int
	unreadable    int
	erasures      *client.Erasures
	waiting       time.Duration // of the oldest statement
}

// A duty is how this desk keeps the deadlines of one class.
type duty struct{ overdue, warned, onTime, late int }

func (n *duty) add(at *client.Deadline) {
	switch {
	case n == nil || at == nil: // of a class that this program's catalogue lacks, or without a clock
	case at.Overdue:
		n.overdue++
	case at.Warning > 0:
		n.warned++
	}
}

func (m *metrics) count() (*counts, error) {
	c := &counts{evidence: map[problem.Code]store.Breaches{}, duties: map[string]*duty{}}
	for _, e := range problem.List() {
		if e.Subject == problem.BrokerBreach {
			c.evidence[e.Code] = store.Breaches{} // shown from the beginning
		}
	}
	for _, t := range m.desk.room.Types() {
		if t.Clock != nil {
			for _, class := range t.Clock.Classes {
				c.duties[class.Label] = &duty{}
			}
			if t.Clock.Yearly != nil {
				c.duties[mail.Yearly] = &duty{}
			}
		}
	}
	return c, m.desk.room.Store.View(func(tx *store.Tx) (err error) {
		if c.outbox, c.inbox, err = tx.Counts(); err != nil {
			return err
		}
		seen, err := tx.Breaches()
		if err != nil {
			return err
		}
		for _, b := range seen {
			c.evidence[b.Code] = b
		}
		if c.overdue, err = m.desk.room.Overdue(tx); err != nil {
			return err
		}
		if c.lost, c.others, err = tx.CountElsewhere(); err != nil {
			return err
		}
		if c.losses, err = tx.CountLosses(); err != nil {
			return err
		}
		if c.missing, err = tx.CountLost(); err != nil {
			return err
		}
		if c.mended, c.damaged, err = tx.CountDamages(); err != nil {
			return err
		}
		oldest, err := tx.OldestUnproven()
		if err != nil {
			return err
		}
		if !oldest.IsZero() {
			c.waiting = m.desk.now().Sub(oldest.AsTime())
		}
		if c.keyMissing, err = tx.CountWaiting(mail.LacksKey); err != nil {
			return err
		}
		for _, why := range []string{mail.LacksType, mail.Unreadable} {
			n, err := tx.CountWaiting(why)
			if err != nil {
				return err
			}
			c.unreadable += n
		}
		if c.erasures, err = m.desk.erasures(tx); err != nil {
			return err
		}
		return m.desk.duties(tx, c.duties)
	})
}

// duties counts the requests that are overdue or warned of, what is owed this year,
// and the answers that were logged, by class. Of the requests it looks at those alone
// that are open.
func (d *Desk) duties(tx *store.Tx, by map[string]*duty) error {
	open, err := tx.Open(true)
	if err != nil {
		return err
	}
	for _, i := range open {
		h, err := mail.HeaderOf(tx, i.TextHash)
		if err != nil {
			continue // damaged: nobody can tell its clock, and it is shown as such
		}
		at, err := d.room.Deadline(tx, &i, h, d.now())
		if err != nil {
			return err
		}
		if at != nil {
			by[at.Class].add(at)
		}
	}
	owed, err := d.room.Duties(tx, d.now())
	if err != nil {
		return err
	}
	for _, o := range owed {
		by[o.Deadline.Class].add(&o.Deadline)
	}
	answers, err := tx.CountAnswers()
	for _, a := range answers {
		switch n := by[a.Class]; {
		case n == nil: // of a class that no catalogue here has any more
		case a.OnTime:
			n.onTime = a.N
		default:
			n.late = a.N
		}
	}
	return err
}

// checks are the lines of /readyz.
func (d *Desk) checks() []monitor.Check {
	return []monitor.Check{
		{Name: "database", Run: func(context.Context) error { return d.room.Store.Check() }},
		{Name: "losses", Note: true, Run: func(context.Context) error { return d.lossless() }},
		{Name: "disk", Run: func(context.Context) error { return d.room.Store.MayTakeIn() }},
		{Name: "broker", Run: func(context.Context) error {
			if !d.room.Reachable() {
				return errors.New("does not answer; the outbox waits; see trouble")
			}
			return nil
		}},
		{Name: "log", Run: func(context.Context) error { return d.grows() }},
		{Name: "trouble", Run: func(context.Context) error { return d.trouble() }},
		{Name: "clock", Note: true, Run: func(context.Context) error { return d.room.ClockFault() }},
		{Name: "register", Run: func(context.Context) error { return d.registered() }},
		{Name: "ring", Run: func(context.Context) error {
			if d.Locked() {
				return errors.New("locked: messages are kept sealed and consigned, none is opened; run samband-desk unlock")
			}
			return nil
		}},
		{Name: "online ring", Run: func(context.Context) error { return d.room.Shared() }},
		{Name: "evidence", Run: func(context.Context) error { return d.unaccused() }},
		{Name: "hits", Note: true, Run: func(context.Context) error { return d.hits.trouble() }},
		{Name: "damage", Note: true, Run: func(context.Context) error { return d.undamaged() }},
	}
}

// lossless says what the database lost.
func (d *Desk) lossless() error {
	var losses []client.Loss
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		losses, err = tx.Losses(1)
		return err
	})
	if err != nil || len(losses) == 0 {
		return err
	}
	return fmt.Errorf("the database lost what it had (%s, found %s): %s; run samband-desk lost", losses[0].Kind, losses[0].Found, losses[0].Detail)
}

// undamaged says what this desk's own disk has lost.
func (d *Desk) undamaged() error {
	var lost int
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		_, lost, err = tx.CountDamages()
		return err
	})
	if err == nil && lost > 0 {
		err = fmt.Errorf("this desk's disk damaged its database, and %d findings could not be mended: samband-desk verify lists them", lost)
	}
	return err
}

// registered checks that the register knows this desk by the keys it has.
func (d *Desk) registered() error {
	l := d.room.Logs()
	entry, ok := l.View().Desk(d.Address())
	if !ok {
		return fmt.Errorf("at size %d it does not know %s yet", l.Register().Size(), d.Address())
	}
	if string(entry.Consignment[0].Bytes) != string(d.online.Now().Receipts[0].Public.Bytes) {
		return errors.New("it knows this desk by another receipts key")
	}
	return nil
}

// grows checks that the audit log has grown lately.
func (d *Desk) grows() error {
	silent := d.room.Silent()
	if silent <= mail.SilentFor {
		return nil
	}
	return fmt.Errorf("the broker answers, and its log has not grown for %s: it shows this desk an old log, or has stopped; call its operator", silent.Truncate(time.Second))
}

// unaccused says which rules were broken, about what, and since when.
func (d *Desk) unaccused() error {
	var seen []store.Breaches
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		seen, err = tx.Breaches()
		return err
	})
	if err != nil || len(seen) == 0 {
		return err
	}
	who, words := "the broker broke rules", []string(nil)
	for _, b := range seen {
		if b.Code == problem.RingElsewhere {
			who = "this desk's ring is used elsewhere: have the party's authority revoke it"
		}
		words = append(words, fmt.Sprintf("%s %d times since %s, last about %s", b.Code, b.Seen, b.Since, b.Subject))
	}
	return fmt.Errorf("%s (%s); run samband-desk verify", who, strings.Join(words, "; "))
}
