package index

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// page takes so many messages, as a reader does.
func page(t fataler, turns *Turns, limit int) (page []*Turn) {
	t.Helper()
	for len(page) < limit {
		turn := must(turns.Next())(t)
		if turn == nil {
			break
		}
		page = append(page, turn)
	}
	return page
}

// A letter is a message that waits for fi.spoc.
type letter struct {
	from   signed.Address
	urgent bool
	leaf   int64
	text   signed.Hash
}

// letters fills an index with what these senders sent, in this order.
func letters(t fataler, path string, all []letter) (*Index, []letter) {
	t.Helper()
	x := must(Create(path))(t)
	const perGroup = 1000
	for n := 0; n < len(all); n += perGroup {
		g := &journal.Group{Number: uint64(n/perGroup + 1)}
		for i := n; i < min(n+perGroup, len(all)); i++ {
			l := &all[i]
			l.leaf, l.text = int64(i), signed.HashOf(fmt.Sprint("letter ", i))
			r := auditlog.Record{Kind: envelope.Accepted, Index: l.leaf, Time: start, Message: l.text, From: l.from, To: "fi.spoc",
				Urgency: envelope.NonUrgent, Expires: start}
			copy(r.ID[:], l.text[:])
			if l.urgent {
				r.Urgency = envelope.Urgent
			}
			g.Entries = append(g.Entries, auditlog.Entry{Record: r})
			g.Blobs = append(g.Blobs, journal.Blob{Of: l.text})
		}
		g.After.Audit.Entries = int64(min(n+perGroup, len(all)))
		if err := x.Apply([]*journal.Group{g}); err != nil {
			t.Fatal(err)
		}
	}
	return x, all
}

// The order of a page by its words alone: of all that waits and is not held, the next
// message is that of the party with the fewest turns; then the urgent ones, then the
// parties behind the last page's; and of a party the urgent first, then the sender with
// the fewest turns, then the oldest.
func TestPageOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	rapid.Check(t, func(t *rapid.T) {
		senders := []signed.Address{"dk.spoc", "no.liaison-ankara", "no.new", "no.spoc", "se.spoc"}
		x, all := letters(t, path, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) letter {
			return letter{from: rapid.SampledFrom(senders).Draw(t, "from"), urgent: rapid.Bool().Draw(t, "urgent")}
		}), 0, 40).Draw(t, "letters"))
		defer x.Close()
		var held []signed.Hash
		left := slices.DeleteFunc(slices.Clone(all), func(l letter) bool {
			holds := rapid.IntRange(0, 3).Draw(t, "held") == 0
			if holds {
				held = append(held, l.text)
			}
			return holds
		})
		last := rapid.SampledFrom([]string{"", "dk", "no", "se"}).Draw(t, "last")
		waiting := len(left)
		got := page(t, must(x.Inbox("fi.spoc", held, "", last))(t), rapid.IntRange(1, 60).Draw(t, "limit"))
		parties, took := map[string]int{}, map[signed.Address]int{}
		for n, turn := range got {
			next := slices.MinFunc(left, func(a, b letter) int {
				p, q := a.from.Party(), b.from.Party()
				if p == q {
					return cmp.Or(urgentFirst(a, b), cmp.Compare(took[a.from], took[b.from]), cmp.Compare(a.leaf, b.leaf))
				}
				return cmp.Or(cmp.Compare(parties[p], parties[q]), partyFirst(left, p, q), before(p, last)-before(q, last), cmp.Compare(p, q))
			})
			if turn.Message.Text != next.text || turn.Party != next.from.Party() {
				t.Fatalf("message %d of the page is of %s, not of %s: %+v", n, turn.Message.From, next.from, next)
			}
			parties[turn.Party]++
			took[next.from]++
			left = slices.DeleteFunc(left, func(l letter) bool { return l.text == next.text })
		}
		if len(got) < waiting && len(got) == 0 {
			t.Fatal("nothing of what waits is shown")
		}
	})
}

func urgentFirst(a, b letter) int { return rank2(a) - rank2(b) }

func rank2(l letter) int {
	if l.urgent {
		return 0
	}
	return 1
}

// partyFirst compares what two parties would give next.
func partyFirst(left []letter, p, q string) int {
	urgent := func(party string) int {
		best := 1
		for _, l := range left {
			if l.from.Party() == party {
				best = min(best, rank2(l))
			}
		}
		return best
	}
	return urgent(p) - urgent(q)
}

func before(party, last string) int {
	if party > last {
		return 0
	}
	return 1
}

// A flood of one party, urgent or not, leaves another party its place in the next page;
// and where a page has room for one message only, its turn comes all the same.
func TestAFloodLeavesOthersTheirTurn(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		flood := make([]letter, 3000)
		for i := range flood {
			flood[i] = letter{from: "se.spoc", urgent: urgent}
		}
		x, all := letters(t, filepath.Join(t.TempDir(), "index.db"), append(flood, letter{from: "no.spoc", urgent: !urgent}))
		other := all[len(flood)].text
		turns := page(t, must(x.Inbox("fi.spoc", nil, "", ""))(t), 100)
		if at := slices.IndexFunc(turns, func(turn *Turn) bool { return turn.Message.Text == other }); at < 0 || at > 1 || !urgent && at != 0 {
			t.Errorf("behind a flood of urgent=%t the other message has place %d of %d", urgent, at, len(turns))
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
	x, _ := letters(t, filepath.Join(t.TempDir(), "index.db"), []letter{{from: "se.spoc"}, {from: "se.spoc"}, {from: "se.spoc"}, {from: "no.spoc"}})
	defer x.Close()
	last, seen := "", ""
	for range 2 {
		turn := page(t, must(x.Inbox("fi.spoc", nil, "", last))(t), 1)[0]
		last, seen = turn.Party, seen+turn.Party
	}
	if seen != "nose" {
		t.Errorf("pages of one message are of %s", seen)
	}
}

// What a desk consigned is shown again only once it wants it, until it holds it.
func TestWantedIsShownUntilItIsHeld(t *testing.T) {
	h := makeHistory([]byte{0, 0, 0, 0, 9, 0, 11, 1, 0, 3, 0, 0, 11, 1}) // accept; group; consign; group
	x := rebuild(t, filepath.Join(t.TempDir(), "index.db"), h)
	defer x.Close()
	m := h.sent[0]
	if got := page(t, must(x.Inbox(m.to, nil, "", ""))(t), 10); len(got) != 0 {
		t.Fatalf("what is consigned is shown: %+v", got)
	}
	if !must(x.Want(m.to, m.hash, start))(t) {
		t.Fatal("it can't be wanted")
	}
	got := page(t, must(x.Inbox(m.to, nil, "", ""))(t), 10)
	if len(got) != 1 || got[0].Message.Text != m.hash || got[0].Message.Consigned == nil || got[0].Party != "" {
		t.Fatalf("what is wanted is not shown: %+v", got)
	}
	if got := page(t, must(x.Inbox(m.to, []signed.Hash{m.hash}, "", ""))(t), 10); len(got) != 0 {
		t.Errorf("what is held is shown: %+v", got)
	}
}

// BenchmarkPage takes a page of 100 with so many messages of 50 senders waiting, of which
// the desk holds none, or as many as it may name.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		all := make([]letter, n)
		for i := range all {
			all[i] = letter{from: signed.Address(fmt.Sprintf("p%d.spoc", i%50)), urgent: i%10 == 0}
		}
		x, all := letters(b, filepath.Join(b.TempDir(), "index.db"), all)
		for _, held := range []int{0, 900} {
			var names []signed.Hash
			for _, l := range all[:held] {
				names = append(names, l.text)
			}
			b.Run(fmt.Sprintf("waiting=%d/held=%d", n, held), func(b *testing.B) {
				for b.Loop() {
					if got := page(b, must(x.Inbox("fi.spoc", names, "", ""))(b), 100); len(got) != 100 {
						b.Fatalf("%d messages", len(got))
					}
				}
			})
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
