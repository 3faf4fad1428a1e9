package index

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A past is an index with one message, se.spoc's to fi.spoc, which expires in an hour.
type past struct {
	*Index
	t      *testing.T
	group  uint64
	leaf   int64
	groups []*journal.Group
	text   signed.Hash
	id     signed.ID
}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{Index: must(Create(filepath.Join(t.TempDir(), "index.db")))(t), t: t, text: signed.HashOf("m"), id: signed.ID{1}}
	t.Cleanup(func() { p.Close() })
	return p
}

// happens applies a group of records and blobs; its number is what it returns.
func (p *past) happens(at signed.Time, blobs []signed.Hash, records ...auditlog.Record) uint64 {
	p.t.Helper()
	p.group++
	g := &journal.Group{Number: p.group}
	for _, r := range records {
		r.Time, r.Index = at, p.leaf
		p.leaf++
		g.Entries = append(g.Entries, auditlog.Entry{Record: r})
	}
	for _, b := range blobs {
		g.Blobs = append(g.Blobs, journal.Blob{Of: b})
	}
	g.After = journal.Sizes{Audit: journal.Size{Entries: p.leaf}}
	if err := p.Apply([]*journal.Group{g}); err != nil {
		p.t.Fatal(err)
	}
	p.groups = append(p.groups, g)
	return p.group
}

func (p *past) accepted() uint64 {
	return p.happens(start, []signed.Hash{p.text}, auditlog.Record{Kind: envelope.Accepted, Message: p.text, ID: p.id,
		From: "se.spoc", To: "fi.spoc", Type: "INFO_REQUEST", Urgency: "urgent", Expires: start.Add(time.Hour)})
}

func (p *past) says(kind envelope.Event) {
	r := auditlog.Record{Kind: kind, Message: p.text, Statement: signed.HashOf(kind)}
	if kind == envelope.Withdrawn {
		r.ID, r.From = p.id, "se.spoc"
	}
	p.happens(start, nil, r)
}

func (p *past) wants() {
	p.t.Helper()
	if !must(p.Want("fi.spoc", p.text, start))(p.t) {
		p.t.Fatal("it can't be wanted")
	}
}

func (p *past) handsOut(times int) {
	p.t.Helper()
	for range times {
		if err := p.HandedOut([]*journal.Message{{Text: p.text}}); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *past) forgets(at signed.Time) {
	p.t.Helper()
	if err := p.Forget(at, 100); err != nil {
		p.t.Fatal(err)
	}
}

// keeps tells whether a group may not leave the JOURNAL yet.
func (p *past) keeps(group uint64) bool {
	return !slices.Contains(must(p.Removable(1000))(p.t), group)
}

// Each state that keeps a group in the JOURNAL has an end that the broker brings by
// itself, whatever the message's two desks do or don't.
func TestEachHoldHasAnEnd(t *testing.T) {
	expired := start.Add(time.Hour)
	for name, hold := range map[string]func(*past) uint64{
		"accepted": (*past).accepted,
		"wanted, then consigned": func(p *past) uint64 {
			g := p.accepted()
			p.wants()
			p.says(envelope.Consigned)
			return g
		},
		"consigned, then wanted": func(p *past) uint64 {
			g := p.accepted()
			p.says(envelope.Consigned)
			p.wants()
			return g
		},
		"wanted again and again": func(p *past) uint64 {
			g := p.accepted()
			p.says(envelope.Consigned)
			for range 10 {
				p.wants()
				p.handsOut(handOuts - 1)
			}
			return g
		},
		"restored": func(p *past) uint64 {
			p.accepted()
			if err := p.Gone(1); err != nil {
				p.t.Fatal(err)
			}
			return p.happens(start, []signed.Hash{p.text})
		},
		"consigned, wanted, restored": func(p *past) uint64 {
			p.accepted()
			p.says(envelope.Consigned)
			if err := p.Gone(1); err != nil {
				p.t.Fatal(err)
			}
			p.wants()
			return p.happens(start, []signed.Hash{p.text})
		},
		"wanted, restored, then consigned": func(p *past) uint64 {
			p.accepted()
			if err := p.Gone(1); err != nil {
				p.t.Fatal(err)
			}
			p.wants()
			g := p.happens(start, []signed.Hash{p.text})
			p.says(envelope.Consigned)
			return g
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPast(t)
			g := hold(p)
			if !p.keeps(g) {
				t.Fatal("nothing keeps the group")
			}
			p.forgets(expired.Add(-time.Second))
			if !p.keeps(g) {
				t.Fatal("it is let go before it expires")
			}
			p.forgets(expired)
			for _, m := range must(p.Expirable(expired, 10))(t) {
				p.happens(expired, nil, auditlog.Record{Kind: envelope.Expired, Message: m})
			}
			if p.keeps(g) {
				t.Error("it is kept beyond its expiry")
			}
			if again := must(p.LackingFrom("se.spoc", 10))(t); len(again) > 0 {
				t.Error("its sender is asked for it")
			}
			if err := p.Gone(g); err != nil {
				t.Fatal(err)
			}
			if again := must(p.LackingFrom("se.spoc", 10))(t); len(again) > 0 {
				t.Error("its sender is asked for it once it is gone")
			}
			if must(p.Want("fi.spoc", p.text, expired))(t) {
				t.Error("it can be wanted after its expiry")
			}
		})
	}
}

// What was wanted goes sooner: by three hand-outs, or by any end.
func TestWantedGoesSooner(t *testing.T) {
	for name, then := range map[string]func(*past){
		"three hand-outs": func(p *past) { p.handsOut(3) },
		"more than three": func(p *past) { p.handsOut(7) },
		"handed over":     func(p *past) { p.says(envelope.HandedOver) },
		"refused":         func(p *past) { p.says(envelope.Refused) },
		"lapsed":          func(p *past) { p.says(envelope.Lapsed) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPast(t)
			g := p.accepted()
			p.wants()
			p.handsOut(2)
			p.wants() // the count begins anew
			p.says(envelope.Consigned)
			p.handsOut(2)
			if !p.keeps(g) {
				t.Fatal("two hand-outs let it go")
			}
			p.wants()
			then(p)
			if p.keeps(g) {
				t.Error("it is kept")
			}
		})
	}
	t.Run("not consigned", func(t *testing.T) {
		p := newPast(t)
		g := p.accepted()
		p.wants()
		p.handsOut(3)
		if !p.keeps(g) {
			t.Error("it is let go though nobody consigned it")
		}
		if p.says(envelope.Consigned); p.keeps(g) {
			t.Error("it is kept though its want was met")
		}
	})
}

// What lies in JOURNAL in place of lost envelopes is removable, and stays so until it is
// gone.
func TestLostGroupIsRemovable(t *testing.T) {
	p := newPast(t)
	g := p.accepted()
	if err := p.Lost(g); err != nil {
		t.Fatal(err)
	}
	if p.keeps(g) {
		t.Error("a group whose envelopes are lost is kept")
	}
	if again := must(p.LackingFrom("se.spoc", 10))(t); len(again) != 1 {
		t.Errorf("the sender is asked for %v", again)
	}
	if err := p.Gone(g); err != nil {
		t.Fatal(err)
	}
	if !p.keeps(g) {
		t.Error("it is removed for ever")
	}
}

// rows is all that the tables of a database say, but what is not derived.
func rows(t *testing.T, x *Index, table string) (out []string) {
	t.Helper()
	rs := must(x.read.Query("SELECT * FROM " + table))(t)
	defer rs.Close()
	columns := must(rs.Columns())(t)
	for rs.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rs.Scan(values...); err != nil {
			t.Fatal(err)
		}
		row := ""
		for i := range values {
			row += fmt.Sprintf("%s=%x ", columns[i], *values[i].(*any))
		}
		out = append(out, row)
	}
	return out
}

// Withdrawn ids that were never used and refusals that bind no more are forgotten, each
// at its time and not before; and an index that is built anew forgets the same.
func TestForgottenRows(t *testing.T) {
	p := newPast(t)
	p.accepted()
	p.says(envelope.Withdrawn) // of what was accepted: that is known for ever
	unused := signed.ID{2}
	p.happens(start, nil, auditlog.Record{Kind: envelope.Withdrawn, ID: unused, From: "se.spoc", Statement: signed.HashOf("unused")},
		auditlog.Record{Kind: envelope.Rejected, Caller: "se.spoc", TextHash: signed.HashOf("r"), Code: "NO_AGREEMENT", Until: start.Add(time.Hour)})
	p.happens(start.Add(time.Minute), nil, auditlog.Record{Kind: envelope.Withdrawn, ID: signed.ID{3}, From: "se.spoc", Statement: signed.HashOf("later")})
	count := func(x *Index, table string) int { return len(rows(t, x, table)) }

	month := start.Add(31 * 24 * time.Hour)
	for _, at := range []struct {
		now                     signed.Time
		withdrawals, rejections int
	}{
		{start.Add(time.Hour - time.Second), 2, 1},
		{start.Add(time.Hour), 2, 0},
		{month.Add(-time.Second), 2, 0},
		{month, 1, 0},
		{month.Add(time.Minute), 0, 0},
	} {
		p.forgets(at.now)
		if w, r := count(p.Index, "withdrawals"), count(p.Index, "rejections"); w != at.withdrawals || r != at.rejections {
			t.Errorf("at %s there are %d withdrawals and %d rejections", at.now, w, r)
		}
		rebuilt := must(Create(filepath.Join(t.TempDir(), "rebuilt.db")))(t)
		defer rebuilt.Close()
		if err := rebuilt.Apply(p.groups); err != nil {
			t.Fatal(err)
		}
		if err := rebuilt.Forget(at.now, 100); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"position", "messages", "events", "withdrawals", "rejections", "groups"} {
			if one, other := rows(t, p.Index, table), rows(t, rebuilt, table); !reflect.DeepEqual(one, other) {
				t.Errorf("at %s %s has %v, and built anew %v", at.now, table, one, other)
			}
		}
	}
	if m := must(p.Known("se.spoc", unused))(t); m != nil {
		t.Error("the unused id is known")
	}
	if m := must(p.Known("se.spoc", p.id))(t); m == nil || m.End == nil {
		t.Error("a message that was accepted and withdrawn is forgotten")
	}
	if e := must(p.Progress("se.spoc", 0, 10))(t); len(e) != 3 {
		t.Errorf("progress has %d of 3 withdrawals", len(e))
	}
}

// Forgetting is done a part at a time.
func TestForgetsSoManyAtOnce(t *testing.T) {
	p := newPast(t)
	for i := range 10 {
		p.happens(start, nil, auditlog.Record{Kind: envelope.Withdrawn, ID: signed.ID{byte(i)}, From: "se.spoc", Statement: signed.HashOf(fmt.Sprint(i))})
	}
	for left := 7; left >= 0; left -= 3 {
		if err := p.Forget(start.Add(40*24*time.Hour), 3); err != nil {
			t.Fatal(err)
		}
		if n := len(rows(t, p.Index, "withdrawals")); n != left {
			t.Errorf("%d are left, not %d", n, left)
		}
	}
}
