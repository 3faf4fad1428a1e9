package quota

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A clock of a test stands still until it is moved.
type clock struct{ now time.Duration }

func (c *clock) elapsed() time.Duration { return c.now }

func room(limits Limits) (*Room, *clock) {
	c := &clock{now: time.Hour}
	return New(limits.Filled(), c.elapsed), c
}

// refused is what an error says, or ends the test.
func refused(t *testing.T, err error, code problem.Code) *api.Refusal {
	t.Helper()
	if problem.CodeOf(err) != code || err == nil {
		t.Fatalf("got %v, want %s", err, code)
	}
	return api.RefusalOf(err)
}

func accept(t *testing.T, r *Room, n int, from, to signed.Address) {
	t.Helper()
	for i := range n {
		if err := r.Draft().Accept(from, to, 1000); err != nil {
			t.Fatalf("message %d of %s: %v", i+1, from, err)
		}
	}
}

// A desk has so many messages in one go, and so many more each second. The refusal says
// whose quota, of what, and when there is room: then there is.
func TestADeskHasItsQuota(t *testing.T) {
	r, clock := room(Limits{Messages: 5, MessagesASecond: 2})
	accept(t, r, 5, "se.spoc", "fi.spoc")
	said := refused(t, r.Draft().Accept("se.spoc", "fi.spoc", 1000), problem.QuotaExhausted)
	if p := said.Problem.Detail; !strings.Contains(p, "se.spoc used up") || !strings.Contains(p, words[SignedEvents]) || !strings.Contains(p, "again in 1s") {
		t.Errorf("it says %q", p)
	}
	refused(t, r.Sends("se.spoc", "fi.spoc", 1000), problem.QuotaExhausted)
	accept(t, r, 5, "fi.spoc", "se.spoc")
	clock.now += said.RetryAfter
	accept(t, r, 2, "se.spoc", "fi.spoc")
	refused(t, r.Draft().Accept("se.spoc", "fi.spoc", 1000), problem.QuotaExhausted)
	clock.now += 24 * time.Hour
	accept(t, r, 5, "se.spoc", "fi.spoc")
	refused(t, r.Draft().Accept("se.spoc", "fi.spoc", 1000), problem.QuotaExhausted)
}

// Bytes are counted beside entries: few large messages are as much as many small ones.
func TestBytesCount(t *testing.T) {
	r, _ := room(Limits{Bytes: 4 << 20, BytesASecond: 1})
	for range 3 {
		if err := r.Draft().Accept("se.spoc", "fi.spoc", 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	said := refused(t, r.Draft().Accept("se.spoc", "fi.spoc", 1<<20), problem.QuotaExhausted)
	if !strings.Contains(said.Problem.Detail, words[SignedBytes]) {
		t.Errorf("it says %q", said.Problem.Detail)
	}
	accept(t, r, 1, "se.spoc", "fi.spoc")
}

// A party's quota is so many times a desk's, and does not grow with its desks.
func TestAPartyDoesNotGrowWithItsDesks(t *testing.T) {
	r, _ := room(Limits{Messages: 10, MessagesASecond: 1, Party: 2})
	for n := range 5 {
		accept(t, r, 4, signed.Address(fmt.Sprintf("se.unit-%d", n)), "fi.spoc")
	}
	said := refused(t, r.Draft().Accept("se.unit-9", "fi.spoc", 1000), problem.QuotaExhausted)
	if !strings.Contains(said.Problem.Detail, "the party se, with all its desks,") {
		t.Errorf("it says %q", said.Problem.Detail)
	}
	accept(t, r, 10, "no.spoc", "fi.spoc")
}

// What the online ring did leaves the locked ring's purse full, and the other way round.
func TestTwoPurses(t *testing.T) {
	for _, spent := range []Ring{Online, Locked} {
		r, clock := room(Limits{Refusals: 3, RefusalsAMinute: 6, Wants: 2, WantsAMinute: 1})
		other := Locked - spent
		for range 3 {
			if err := r.Draft().Refuse("se.spoc", spent); err != nil {
				t.Fatal(err)
			}
		}
		said := refused(t, r.Draft().Refuse("se.spoc", spent), problem.BudgetExhausted)
		refused(t, r.Refusable("se.spoc", spent), problem.BudgetExhausted)
		if err := r.Draft().Refuse("se.spoc", other); err != nil {
			t.Errorf("the other ring: %v", err)
		}
		if said.RetryAfter != 10*time.Second {
			t.Errorf("told to come back in %s", said.RetryAfter)
		}
		accept(t, r, 1, "se.spoc", "fi.spoc")
		for range 2 {
			if err := r.Asks("se.spoc"); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, r.Asks("se.spoc"), problem.QuotaExhausted)
		accept(t, r, 1, "se.spoc", "fi.spoc")
		clock.now += said.RetryAfter
		if err := r.Draft().Refuse("se.spoc", spent); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	}
}

// Bytes that a recipient wanted are its own doing, even beyond its quota; until that is
// made up for it wants no more. Its sender pays nothing.
func TestWantedBytesAreTheRecipients(t *testing.T) {
	r, clock := room(Limits{Bytes: 2 << 20, BytesASecond: 1 << 20})
	for range 3 {
		if err := r.Asks("fi.spoc"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		r.Draft().Restores("se.spoc", "fi.spoc", 1<<20, true, 0)
	}
	said := refused(t, r.Asks("fi.spoc"), problem.QuotaExhausted)
	accept(t, r, 1, "se.spoc", "fi.spoc")
	accept(t, r, 1, "fi.spoc", "se.spoc")
	clock.now += said.RetryAfter + time.Second
	if err := r.Asks("fi.spoc"); err != nil {
		t.Error(err)
	}
}

// One sender may have so much wait at one recipient: others may still send there, and it
// may send elsewhere.
func TestRecipientBehind(t *testing.T) {
	r, _ := room(Limits{UnconsignedMessages: 3, UnconsignedBytes: 2 << 20})
	accept(t, r, 3, "se.spoc", "fi.spoc")
	said := refused(t, r.Draft().Accept("se.spoc", "fi.spoc", 1000), problem.RecipientBehind)
	if !strings.Contains(said.Problem.Detail, "fi.spoc has not consigned 3 messages of 3000 bytes that se.spoc sent") {
		t.Errorf("it says %q", said.Problem.Detail)
	}
	refused(t, r.Sends("se.spoc", "fi.spoc", 1000), problem.RecipientBehind)
	accept(t, r, 1, "no.spoc", "fi.spoc")
	accept(t, r, 1, "se.spoc", "no.spoc")
	r.Draft().Ends("se.spoc", "fi.spoc", 1000)
	accept(t, r, 1, "se.spoc", "fi.spoc")

	r, _ = room(Limits{UnconsignedMessages: 100, UnconsignedBytes: 2 << 20})
	r.Load("se.spoc", "fi.spoc", 1, 2<<20-1999)
	accept(t, r, 1, "se.spoc", "fi.spoc")
	refused(t, r.Draft().Accept("se.spoc", "fi.spoc", 1000), problem.RecipientBehind)
	r.Draft().Ends("se.spoc", "fi.spoc", 2<<20-1999)
	r.Draft().Ends("se.spoc", "fi.spoc", 1000)
	if len(r.unconsigned) != 0 {
		t.Errorf("%v is left of what was consigned", r.unconsigned)
	}
}

// Register entries count against their party; revocations have room of their own.
func TestEntriesCountAgainstTheirParty(t *testing.T) {
	r, clock := room(Limits{Entries: 2, EntriesADay: 24})
	for range 2 {
		if err := r.Draft().Enter("se", false); err != nil {
			t.Fatal(err)
		}
	}
	said := refused(t, r.Draft().Enter("se", false), problem.QuotaExhausted)
	if said.RetryAfter != time.Hour || !strings.Contains(said.Problem.Detail, "1 more each hour") {
		t.Errorf("told to come back in %s, and %q", said.RetryAfter, said.Problem.Detail)
	}
	for range 2 {
		if err := r.Draft().Enter("se", true); err != nil {
			t.Errorf("a revocation: %v", err)
		}
	}
	if err := r.Draft().Enter("fi", false); err != nil {
		t.Error(err)
	}
	clock.now += time.Hour
	if err := r.Draft().Enter("se", false); err != nil {
		t.Error(err)
	}
}

// 200 desks of 40 parties, five each, at their work meet no default: all queries of the
// world, 2,300 messages a second among them; one that drains 2,000 messages to another at
// 900 a second; one that sends a notice of a megabyte to all.
func TestHonestDesksMeetNoDefault(t *testing.T) {
	r, clock := room(Defaults)
	desks := make([]signed.Address, 200)
	for i := range desks {
		desks[i] = signed.Address(fmt.Sprintf("p%d.unit-%d", i/5, i))
	}
	send := func(from, to signed.Address, bytes int) {
		t.Helper()
		d := r.Draft()
		if err := d.Accept(from, to, bytes); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 60 * 2300 {
		clock.now += time.Second / 2300
		from, to := desks[n%200], desks[(n+1+n/200%199)%200]
		send(from, to, 10_000)
		r.Draft().Ends(from, to, 10_000)
	}
	for range 2000 {
		clock.now += time.Second / 900
		send(desks[0], desks[9], 6_000)
	}
	for _, to := range desks[1:] {
		send(desks[0], to, 1<<20)
	}
	for _, s := range r.Shares() {
		if s.Used > .5 {
			t.Errorf("%s has used %.0f %% of %s", s.Who, 100*s.Used, s.Quota)
		}
	}
}

func TestLimitsAreChecked(t *testing.T) {
	if err := (Limits{}).Check(); err != nil {
		t.Error(err)
	}
	for word, l := range map[string]Limits{
		"messages": {Messages: -1}, "party": {Party: -6}, "bytes": {Bytes: 1000}, "unconsigned-bytes": {UnconsignedBytes: 1},
	} {
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), word+":") {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// Each share is told under the closed list of names, and none passes what is so.
func TestShares(t *testing.T) {
	r, _ := room(Limits{Messages: 10, UnconsignedMessages: 4, Party: 2})
	accept(t, r, 2, "se.spoc", "fi.spoc")
	accept(t, r, 1, "se.spoc", "no.spoc")
	found := map[string]float64{}
	for _, s := range r.Shares() {
		found[fmt.Sprint(s.Who, " ", s.Quota)] = s.Used
	}
	for name, want := range map[string]float64{"se.spoc signed-events": .3, "se signed-events": .15, "se.spoc unconsigned": .5, "se.spoc online-refusals": 0, "se entries": 0} {
		if got, there := found[name]; !there || got != want {
			t.Errorf("%s: %v, %t", name, got, there)
		}
	}
}
