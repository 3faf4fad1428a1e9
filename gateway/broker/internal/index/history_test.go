package index

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

var desks = []signed.Address{"se.spoc", "fi.spoc", "no.liaison-ankara"}

var start = signed.At(time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC))

// A blob of a history is an envelope in a group.
type blob struct {
	group   uint64
	message signed.Hash
}

// A sent is a message of a history as a plain list would tell of it.
type sent struct {
	hash             signed.Hash
	id               signed.ID
	from, to         signed.Address
	expires          signed.Time
	gone             bool
	consigned, ended bool
	consignedIn      uint64 // the group
}

// A history is a plausible past, made of choices: each byte decides one thing.
type history struct {
	choices []byte
	groups  []*journal.Group
	gone    []uint64
	lost    map[uint64][]uint64 // groups lost while this one was open
	sent    []*sent
	early   []*sent // withdrawn before accepted
	texts   []signed.Hash
	blobs   []blob
	now     signed.Time
	size    int64
	serial  uint64
}

// makeHistory runs through the choices; each closes a group now and then.
func makeHistory(choices []byte) *history {
	h := &history{choices: choices, now: start, lost: map[uint64][]uint64{}}
	h.open()
	for len(h.choices) > 0 {
		h.step()
	}
	h.close()
	return h
}

func (h *history) next(n int) int {
	if len(h.choices) == 0 {
		return 0
	}
	c := h.choices[0]
	h.choices = h.choices[1:]
	return int(c) % n
}

func (h *history) unique() (sum signed.Hash) {
	h.serial++
	return signed.HashOf(fmt.Sprint("unique ", h.serial))
}

func (h *history) uniqueID() (id signed.ID) {
	sum := h.unique()
	copy(id[:], sum[:])
	return id
}

func (h *history) open() {
	h.groups = append(h.groups, &journal.Group{Number: uint64(len(h.groups) + 1)})
}

func (h *history) last() *journal.Group { return h.groups[len(h.groups)-1] }

func (h *history) close() {
	h.last().After = journal.Sizes{
		Audit:    journal.Size{Entries: h.size, Root: h.unique()},
		Register: journal.Size{Root: h.unique()},
	}
}

func (h *history) add(r auditlog.Record) {
	r.Index, r.Time = h.size, h.now
	if r.Kind == auditlog.Opened {
		r.Index = 0
	} else {
		h.size++
	}
	h.last().Entries = append(h.last().Entries, auditlog.Entry{Record: r})
}

func (h *history) blob(message signed.Hash) {
	h.last().Blobs = append(h.last().Blobs, journal.Blob{Of: message})
	h.blobs = append(h.blobs, blob{group: h.last().Number, message: message})
}

func (h *history) step() {
	h.now = h.now.Add(time.Duration(h.next(7)) * time.Hour)
	switch h.next(12) {
	case 0, 1, 2:
		h.accept()
	case 3, 4:
		h.consign()
	case 5, 6, 7:
		h.end()
	case 8:
		h.reject()
	case 9:
		h.lose()
	case 10:
		h.restore()
	case 11:
		h.close()
		h.open()
		if h.next(4) == 0 {
			h.add(auditlog.Record{Kind: auditlog.Opened, Writer: h.uniqueID()})
		}
	}
}

func (h *history) accept() {
	from := h.next(len(desks))
	m := &sent{
		hash: h.unique(), id: h.uniqueID(),
		from: desks[from], to: desks[(from+1+h.next(2))%len(desks)],
		expires: h.now.Add(time.Duration(1+h.next(200)) * time.Hour),
	}
	h.add(auditlog.Record{Kind: envelope.Accepted, Message: m.hash, ID: m.id, From: m.from, To: m.to,
		Type: "INFO_REQUEST", Urgency: []string{envelope.Urgent, envelope.NonUrgent}[h.serial%2], Expires: m.expires})
	h.sent = append(h.sent, m)
	h.blob(m.hash)
}

// pick chooses among the messages of a kind; nil when there is none.
func (h *history) pick(want func(*sent) bool) *sent {
	var fit []*sent
	for _, m := range h.sent {
		if want(m) {
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[h.next(len(fit))]
}

func (h *history) state(r auditlog.Record) {
	r.Statement = h.unique()
	h.add(r)
}

func (h *history) consign() {
	if m := h.pick(func(m *sent) bool { return !m.consigned && !m.ended }); m != nil {
		m.consigned, m.consignedIn = true, h.last().Number
		h.state(auditlog.Record{Kind: envelope.Consigned, Message: m.hash, By: m.to})
	}
}

func (h *history) end() {
	if h.next(8) == 0 {
		m := &sent{id: h.uniqueID(), from: desks[h.next(len(desks))], ended: true}
		h.early = append(h.early, m)
		h.state(auditlog.Record{Kind: envelope.Withdrawn, ID: m.id, From: m.from})
		return
	}
	m := h.pick(func(m *sent) bool { return !m.ended })
	if m == nil {
		return
	}
	m.ended = true
	switch h.next(3) {
	case 0:
		h.state(auditlog.Record{Kind: envelope.HandedOver, Message: m.hash, By: m.to})
	case 1:
		h.state(auditlog.Record{Kind: envelope.Refused, Message: m.hash, By: m.to, Code: problem.BodyInvalid})
	case 2:
		if m.consigned {
			h.now = h.now.Add(max(0, envelope.LapsesAt(m.expires).Sub(h.now)))
			h.add(auditlog.Record{Kind: envelope.Lapsed, Message: m.hash})
			return
		}
		if h.next(2) == 0 {
			h.state(auditlog.Record{Kind: envelope.Withdrawn, Message: m.hash, ID: m.id, From: m.from})
			return
		}
		h.add(auditlog.Record{Kind: envelope.Expired, Message: m.hash})
	}
}

func (h *history) reject() {
	caller := desks[h.next(len(desks))]
	if h.next(3) == 0 {
		h.add(auditlog.Record{Kind: auditlog.Refusals, Caller: caller, Count: 17})
		return
	}
	text := h.unique()
	h.texts = append(h.texts, text)
	h.add(auditlog.Record{Kind: envelope.Rejected, Caller: caller, TextHash: text, Code: problem.NoAgreement,
		Until: h.now.Add(time.Duration(h.next(100)) * time.Hour)})
}

// lose lets a group go from the JOURNAL, needed or not.
func (h *history) lose() {
	g := uint64(1 + h.next(len(h.groups)))
	if g == h.last().Number || slices.Contains(h.gone, g) {
		return
	}
	h.gone = append(h.gone, g)
	h.lost[h.last().Number] = append(h.lost[h.last().Number], g)
	for _, b := range h.blobs {
		if b.group == g {
			h.of(b.message).gone = true
		}
	}
	h.blobs = slices.DeleteFunc(h.blobs, func(b blob) bool { return b.group == g })
}

func (h *history) of(hash signed.Hash) *sent {
	for _, m := range h.sent {
		if m.hash == hash {
			return m
		}
	}
	return nil
}

// restore lets lost bytes come again. That their recipient asked for those of a consigned
// message is no part of the history: it keeps no group for them.
func (h *history) restore() {
	m := h.pick(func(m *sent) bool { return m.gone && !m.ended && m.consignedIn != h.last().Number })
	if m == nil {
		return
	}
	m.gone = false
	h.blob(m.hash)
}

// events are the leaves of a message that a desk follows: those of what it sent, and its
// own words about what it received.
func (h *history) events(m *sent, desk signed.Address) (leaves []int64) {
	for _, g := range h.groups {
		for _, e := range g.Entries {
			r := &e.Record
			if r.Message == m.hash && r.Kind != envelope.Accepted && (m.from == desk || r.By == desk) {
				leaves = append(leaves, r.Index)
			}
		}
	}
	return leaves
}

// accepts tells whether a leaf is an acceptance.
func (h *history) accepts(leaf int64) bool {
	return slices.ContainsFunc(h.groups, func(g *journal.Group) bool {
		return slices.ContainsFunc(g.Entries, func(e auditlog.Entry) bool {
			r := &e.Record
			return r.Tree() == auditlog.Audit && r.Index == leaf && r.Kind == envelope.Accepted
		})
	})
}

// removable says, the slow way, which groups nothing keeps.
func (h *history) removable() (free []uint64) {
	for _, g := range h.groups {
		kept := slices.ContainsFunc(h.blobs, func(b blob) bool { return b.group == g.Number && h.needs(b) })
		if !kept && !slices.Contains(h.gone, g.Number) {
			free = append(free, g.Number)
		}
	}
	return free
}

func (h *history) needs(b blob) bool {
	m := h.of(b.message)
	return !m.ended && !m.consigned
}

// randomChoices are choices without a chooser, the same for the same seed.
func randomChoices(seed uint64, n int) []byte {
	var out []byte
	for i := uint64(0); len(out) < n; i++ {
		sum := signed.HashOf(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}
