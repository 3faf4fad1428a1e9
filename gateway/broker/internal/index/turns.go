package index

import (
	"cmp"
	"database/sql"
	"slices"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Inbox begins a page of what a desk is to be shown: what it has neither consigned nor
// ended, and what it wanted again, as far as the bytes are here and it does not hold
// them. Parties come in turn, and the senders of one party in turn among themselves; each
// one's urgent messages come first, then the others, in the order of acceptance. What the
// desk wanted again has a turn of its own, as a party has. The turns begin behind the
// party that the desk's last page ended with. Only what is in the part has a turn; of the
// rest Other has the first.
func (x *Index) Inbox(desk signed.Address, held []signed.Hash, part api.Part, last string) (*Turns, error) {
	t := &Turns{index: x, held: make(map[signed.Hash]bool, len(held)), part: part, last: last}
	for _, h := range held {
		t.held[h] = true
	}
	t.add("", &line{stmt: x.statements.wanted, args: []any{string(desk)}})
	senders, err := all(x.statements.senders, func(rows *sql.Rows) (from signed.Address, err error) {
		err = rows.Scan(&from)
		return from, err
	}, string(desk))
	if err != nil {
		return nil, err
	}
	for _, from := range senders {
		t.add(from.Party(), &line{stmt: x.statements.waiting, args: []any{string(desk), string(from)}})
	}
	for _, p := range t.parties {
		for _, l := range p.lines {
			if err := t.fill(l); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// Turns gives the messages of a page, one by one.
type Turns struct {
	index   *Index
	held    map[signed.Hash]bool
	part    api.Part
	last    string
	parties []*party
	other   []*journal.Message
}

// Other are messages that are not held and in another part, as far as they were met so
// far; not all of very many.
func (t *Turns) Other() []*journal.Message { return t.other }

// A Turn is a message, and the party whose turn it was; none for what was wanted again.
type Turn struct {
	Party   string
	Message *journal.Message
}

// A party has a turn in each round.
type party struct {
	name  string
	lines []*line
	took  int // turns
}

// A line is what waits of one sender, urgent first, read in parts.
type line struct {
	stmt *sql.Stmt // by args, and a place
	args []any

	part []*journal.Message // what is read and not held, in order
	rank int                // of the last that was read
	leaf int64              // of the last that was read
	end  bool               // nothing is behind that
	most int                // messages of the next part
	took int                // turns
}

// Parts of a line grow: many senders give a page a few messages each, and one who gives
// them all, or whose first are held, is read on quickly.
const (
	firstPart = 2
	lastPart  = 256
)

func (t *Turns) add(name string, l *line) {
	i := slices.IndexFunc(t.parties, func(p *party) bool { return p.name == name })
	if i < 0 {
		i = len(t.parties)
		t.parties = append(t.parties, &party{name: name})
	}
	l.leaf, l.most = -1, firstPart
	t.parties[i].lines = append(t.parties[i].lines, l)
}

// fill reads on in a line until it has a message, or has ended.
func (t *Turns) fill(l *line) error {
	for len(l.part) == 0 && !l.end {
		part, err := all(l.stmt, scanMessage, append(slices.Clone(l.args), l.rank, l.leaf, l.most)...)
		if err != nil {
			return err
		}
		for _, m := range part {
			l.rank, l.leaf = rank(m.Urgency), m.Accepted.Leaf
			switch {
			case t.held[m.Text]:
			case t.part.Has(m.Size):
				l.part = append(l.part, m)
			case len(t.other) < api.MaxLimit:
				t.other = append(t.other, m)
			}
		}
		l.end = len(part) < l.most
		l.most = min(4*l.most, lastPart)
	}
	return nil
}

// Next returns the next message; nil when there is none.
func (t *Turns) Next() (*Turn, error) {
	var whose *party
	var of *line
	for _, p := range t.parties {
		if l := p.next(); l != nil && (of == nil || t.before(p, l, whose, of) < 0) {
			whose, of = p, l
		}
	}
	if of == nil {
		return nil, nil
	}
	m := of.part[0]
	of.part = of.part[1:]
	of.took++
	whose.took++
	if err := t.fill(of); err != nil {
		return nil, err
	}
	return &Turn{whose.name, m}, t.index.events(m)
}

// next is the sender of a party whose turn it is; nil when nothing of it waits.
func (p *party) next() *line {
	var next *line
	for _, l := range p.lines {
		if len(l.part) > 0 && (next == nil || cmp.Or(cmp.Compare(l.first(), next.first()), cmp.Compare(l.took, next.took),
			cmp.Compare(l.part[0].Accepted.Leaf, next.part[0].Accepted.Leaf)) < 0) {
			next = l
		}
	}
	return next
}

// before compares whose turn is first: who had fewer, then the urgent, then who follows
// the last page's last.
func (t *Turns) before(p *party, l *line, other *party, of *line) int {
	return cmp.Or(cmp.Compare(p.took, other.took), cmp.Compare(l.first(), of.first()),
		cmp.Compare(t.behind(p.name), t.behind(other.name)), cmp.Compare(p.name, other.name))
}

// behind is 0 for the parties behind the last, and 1 for the last and those before it.
func (t *Turns) behind(name string) int {
	if name > t.last {
		return 0
	}
	return 1
}

// first is the rank of a line's first message.
func (l *line) first() int { return rank(l.part[0].Urgency) }

// rank is how the index orders by urgency.
func rank(urgency string) int {
	if urgency == envelope.Urgent {
		return 0
	}
	return 1
}
