// Package quota says how much one desk, and one party, may have the broker do: so
// no one of them stops the exchange for the others.
//
// What becomes durable is taken from a quota before it is ordered, whoever hears the
// answer. The writer asks, act by act, while it orders a group:
//
//	d := room.Draft()
//	if err := d.Accept("se.spoc", "fi.spoc", len(raw)); err != nil {
//		return err // QUOTA_EXHAUSTED or RECIPIENT_BEHIND: nothing was taken
//	}
//	…
//	d.GiveBack() // where it is certain that nothing of the group was written
//
// A message takes its whole life from its sender: the envelope, and three entries
// (acceptance, consignment, end) with their notes. So a word that takes effect costs
// its speaker nothing: it was paid for when the message was accepted.
//
// Each desk has two purses. From the one comes what its locked ring signed, where that
// signature was verified; from the other what any thief of its online ring could have
// done. Who empties the one leaves the other full. A desk's quota lies within that of
// its party, which is so many times a desk's and does not grow with the party's desks.
//
// Reading is never used up: beyond its rate a reader waits ([Room.Read]).
//
// Each quota is a bucket that fills by time that passed, whatever the wall clock says.
// All lie in memory, so a restart fills them; what is unconsigned is counted anew from
// the index ([Room.Load]).
package quota

import (
	"fmt"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Ring says whose doing something is.
type Ring int

const (
	// Online: nobody showed more than the desk's online ring.
	Online Ring = iota
	// Locked: the locked ring signed it, and that signature was verified.
	Locked
)

// A Quota is one of the closed list below.
type Quota string

const (
	SignedEvents   Quota = "signed-events"   // log entries of messages, and of withdrawals of what never came
	SignedBytes    Quota = "signed-bytes"    // of the same
	SignedRefusals Quota = "signed-refusals" // log entries that refuse what the locked ring signed
	OnlineEvents   Quota = "online-events"   // requests for lost bytes
	OnlineBytes    Quota = "online-bytes"    // envelopes that came again because the desk wanted them
	OnlineRefusals Quota = "online-refusals" // log entries that refuse what the online ring brought
	Reads          Quota = "reads"           // pages of feeds and of the register, proofs, and shown checkpoints
	Entries        Quota = "entries"         // register entries, of a party
	Revocations    Quota = "revocations"     // those of them that revoke
	// Unconsigned is no bucket: what one recipient has not consigned of one sender.
	Unconsigned Quota = "unconsigned"
)

// buckets are the quotas in the order of an account.
var buckets = [...]Quota{SignedEvents, SignedBytes, SignedRefusals, OnlineEvents, OnlineBytes, OnlineRefusals, Reads, Entries, Revocations}

// words say to a person what a quota is of.
var words = map[Quota]string{
	SignedEvents:   "log entries of its messages and withdrawals",
	SignedBytes:    "bytes of its messages and withdrawals",
	SignedRefusals: "refusals of what its locked ring signed",
	OnlineEvents:   "requests for lost messages",
	OnlineBytes:    "bytes of messages that it asked for again",
	OnlineRefusals: "refusals of what its locked ring did not sign",
	Entries:        "register entries",
	Revocations:    "revocations",
}

// What a message takes beyond its envelope: see TestLifeIsReserved of package broker,
// which measures what it comes to.
const (
	lifeEvents = 3
	eventBytes = 1 << 10 // a record with its salt in the archive, its index rows, its tile
	noteBytes  = 4 << 10 // a statement whose signature verified
	// LifeBytes are taken for each message beside those of its envelope.
	LifeBytes = lifeEvents*eventBytes + 2*noteBytes
)

// A Room keeps the accounts of all desks and parties. Its methods may be called at once.
type Room struct {
	limits  Limits
	elapsed func() time.Duration
	reading *Turns

	mu          sync.Mutex
	desks       map[signed.Address]*account
	parties     map[string]*account
	unconsigned map[way]heap
	refusals    map[signed.Address]int64 // beyond the budget, since they were last handed on
}

// A way leads from a sender to a recipient.
type way struct{ from, to signed.Address }

// A heap is what one recipient has not consigned of one sender.
type heap struct{ messages, bytes int64 }

// An account is what was taken from each bucket and has not come back yet.
type account [len(buckets)]struct {
	used float64
	at   time.Duration
}

// New makes a Room with full buckets, by a clock that is never set.
func New(limits Limits, elapsed func() time.Duration) *Room {
	return &Room{
		limits: limits, elapsed: elapsed, reading: NewTurns(readers),
		desks: map[signed.Address]*account{}, parties: map[string]*account{},
		unconsigned: map[way]heap{}, refusals: map[signed.Address]int64{},
	}
}

// A cost is so much of one bucket.
type cost struct {
	bucket int
	n      float64
}

// bucketOf is a quota's place in an account.
func bucketOf(q Quota) int {
	for i, b := range buckets {
		if b == q {
			return i
		}
	}
	panic("quota: not a bucket: " + string(q))
}

var (
	signedEvents, signedBytes = bucketOf(SignedEvents), bucketOf(SignedBytes)
	onlineEvents, onlineBytes = bucketOf(OnlineEvents), bucketOf(OnlineBytes)
	refusalsOf                = map[Ring]int{Online: bucketOf(OnlineRefusals), Locked: bucketOf(SignedRefusals)}
	reads                     = bucketOf(Reads)
	entries, revocations      = bucketOf(Entries), bucketOf(Revocations)
)

// purses are the accounts of a desk and of its party; of an entry, the party's alone.
type purses struct {
	desk         signed.Address
	party        string
	ofDesk, ofIt *account
}

// of is called with mu locked. Only desks and parties that the register has come this
// far, so the maps stay small.
func (r *Room) of(desk signed.Address) purses {
	p := r.ofParty(desk.Party())
	p.desk, p.ofDesk = desk, r.desks[desk]
	if p.ofDesk == nil {
		p.ofDesk = &account{}
		r.desks[desk] = p.ofDesk
	}
	return p
}

func (r *Room) ofParty(party string) purses {
	a := r.parties[party]
	if a == nil {
		a = &account{}
		r.parties[party] = a
	}
	return purses{party: party, ofIt: a}
}

// refill brings one bucket up to now and returns what is used of it.
func (a *account) refill(i int, rate float64, now time.Duration) float64 {
	b := &a[i]
	b.used = max(0, b.used-rate*(now-b.at).Seconds())
	b.at = now
	return b.used
}

// has refuses where one of the costs has no room now.
func (r *Room) has(p purses, costs ...cost) error {
	for _, c := range costs {
		if refused := r.missing(p, c); refused != nil {
			return refused
		}
	}
	return nil
}

// missing is the quota that has no room for a cost, and when it will have; nil where
// there is room.
func (r *Room) missing(p purses, c cost) *api.Refusal {
	now := r.elapsed()
	l := r.limits.of(buckets[c.bucket])
	if p.ofDesk != nil {
		if over := p.ofDesk.refill(c.bucket, l.rate, now) + c.n - l.burst; over > 0 {
			return refusal(buckets[c.bucket], string(p.desk), l, over)
		}
		l = r.limits.party(l)
	}
	if over := p.ofIt.refill(c.bucket, l.rate, now) + c.n - l.burst; over > 0 {
		return refusal(buckets[c.bucket], fmt.Sprintf("the party %s, with all its desks,", p.party), l, over)
	}
	return nil
}

// take takes all costs, or none.
func (r *Room) take(p purses, costs ...cost) error {
	if err := r.has(p, costs...); err != nil {
		return err
	}
	p.add(costs, 1)
	return nil
}

// add takes costs from both purses whatever is in them, or gives them back.
func (p purses) add(costs []cost, sign float64) {
	for _, c := range costs {
		for _, a := range []*account{p.ofDesk, p.ofIt} {
			if a != nil {
				a[c.bucket].used = max(0, a[c.bucket].used+sign*c.n)
			}
		}
	}
}

// refusal says to a person which quota is used up, whose, and when there is room again.
func refusal(q Quota, whose string, l limit, over float64) *api.Refusal {
	pause := time.Duration(over / l.rate * float64(time.Second)).Round(time.Second)
	pause = max(pause, time.Second)
	code := problem.QuotaExhausted
	if q == SignedRefusals || q == OnlineRefusals {
		code = problem.BudgetExhausted
	}
	return &api.Refusal{RetryAfter: pause, Problem: problem.New(code,
		"%s used up the quota of %s: %.0f in one go, and %s; there is room again in %s", whose, words[q], l.burst, l.pace(), pause)}
}

// behind refuses a message whose recipient has too much of its sender unconsigned.
func (r *Room) behind(w way, bytes int64) error {
	h := r.unconsigned[w]
	if h.messages < r.limits.UnconsignedMessages && h.bytes+bytes <= r.limits.UnconsignedBytes {
		return nil
	}
	return problem.New(problem.RecipientBehind, "%s has not consigned %d messages of %d bytes that %s sent; %d messages and %d bytes may wait",
		w.to, h.messages, h.bytes, w.from, r.limits.UnconsignedMessages, r.limits.UnconsignedBytes)
}

// move counts a message that begins to wait (1) or waits no more (-1).
func (r *Room) move(w way, messages, bytes int64) {
	h := r.unconsigned[w]
	h.messages += messages
	h.bytes += bytes
	if h == (heap{}) {
		delete(r.unconsigned, w)
		return
	}
	r.unconsigned[w] = h
}

// Load counts what the index says is unconsigned. It is called once for each pair,
// before the first act.
func (r *Room) Load(from, to signed.Address, messages, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.move(way{from, to}, messages, bytes)
}

// Sends refuses a message as [Draft.Accept] would now. It takes nothing: it spares the
// checks of what the writer would not order.
func (r *Room) Sends(from, to signed.Address, bytes int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sends(from, to, bytes)
}

func (r *Room) sends(from, to signed.Address, bytes int) error {
	if err := r.behind(way{from, to}, int64(bytes)); err != nil {
		return err
	}
	return r.has(r.of(from), life(bytes)...)
}

// life is what a message takes from its acceptance to its end.
func life(bytes int) []cost {
	return []cost{{signedEvents, lifeEvents}, {signedBytes, float64(bytes + LifeBytes)}}
}

// Asks takes a request for lost bytes: it is refused, too, while the desk has not made up
// for the bytes that it asked for before.
func (r *Room) Asks(desk signed.Address) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take(r.of(desk), cost{onlineEvents, 1}, cost{onlineBytes, 1})
}

// Refusable refuses a desk that has no refusal left; it takes none. What is refused so
// is counted for the log's sums.
func (r *Room) Refusable(desk signed.Address, ring Ring) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.has(r.of(desk), cost{refusalsOf[ring], 1})
	if err != nil {
		r.refusals[desk]++
	}
	return err
}

// Refuse takes a refusal that no entry of its own logs.
func (r *Room) Refuse(desk signed.Address, ring Ring) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[desk]++
	return r.take(r.of(desk), cost{refusalsOf[ring], 1})
}
