package gatewaytest

import (
	"os"
	"slices"
	"sync"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// lives are what a message that was handed over has in the log, once each: an
// unlocked desk says one word, one that was locked says first that it keeps it.
var lives = [][]string{{"accepted", "handed-over"}, {"accepted", "consigned", "handed-over"}}

// check compares everything with everything, without the broker's word: the
// desks' mailboxes, their proofs, and the files of the two logs.
func (w *world) check() {
	w.Helper()
	for _, m := range w.sent {
		if m.from != w.hand {
			w.must(m.sees("handed-over"))
		}
		if m.to != w.hand {
			w.must(m.arrives("handed-over"))
		}
	}
	o := &oracle{world: w, leaves: map[int64]string{}, texts: map[signed.ID]signed.Hash{}}
	for _, s := range w.desks {
		o.mailboxes(s)
		o.proofs(s)
	}
	w.must(w.broker.stop())
	w.broker = nil
	o.readLogs()
	o.facts()
	if int64(len(o.leaves)) != o.audit.Size() {
		w.Errorf("the audit log has %d entries; %d events are proven", o.audit.Size(), len(o.leaves))
	}
}

// An oracle knows what the files of the logs say.
type oracle struct {
	*world
	audit   auditlog.Range
	entries [][]byte
	roots   []signed.Hash // of the audit log, at each size
	texts   map[signed.ID]signed.Hash
	fed     *register.Federation

	mu     sync.Mutex
	leaves map[int64]string // what is proven to stand at an index
}

// mailboxes checks that a desk has what was sent to it, and nothing else, once.
func (o *oracle) mailboxes(s *station) {
	out, err := s.Outbox(o.ctx, client.Query{Limit: 1 << 20})
	o.must(err)
	in, err := s.Inbox(o.ctx, client.Query{Limit: 1 << 20})
	o.must(err)
	counts := map[signed.ID]int{}
	for _, i := range out {
		counts[i.ID]++
		o.sameText(i.ID, i.Message)
	}
	for _, i := range in {
		counts[i.ID]++
		o.sameText(i.ID, i.Message)
		m := o.sending(i.ID)
		if m == nil || m.to != s || m.from.address != i.From || i.Summary == nil || i.Summary.Subject != m.subject {
			o.Errorf("%s has a message that nobody sent so: %+v", s.address, i)
		}
	}
	want := 0
	for _, m := range o.sent {
		if m.from == s || m.to == s {
			want++
			if counts[m.id] != 1 {
				o.Errorf("%s has message %s %d times", s.address, m.subject, counts[m.id])
			}
		}
	}
	if len(in)+len(out) != want {
		o.Errorf("%s has %d messages where %d were sent", s.address, len(in)+len(out), want)
	}
}

// sameText checks that sender and receiver have one text of a message.
func (o *oracle) sameText(id signed.ID, text signed.Hash) {
	if first, there := o.texts[id]; there && first != text {
		o.Errorf("message %s is %s here and %s there", id, text, first)
	}
	o.texts[id] = text
}

func (o *oracle) sending(id signed.ID) *sending {
	if i := slices.IndexFunc(o.sent, func(m *sending) bool { return m.id == id }); i >= 0 {
		return o.sent[i]
	}
	return nil
}

// proofs has a desk prove all that it has again.
func (o *oracle) proofs(s *station) {
	v, err := s.Verify(o.ctx, client.Ref{})
	o.must(err)
	if len(v.Faults) > 0 || len(v.Evidence) > 0 {
		o.Errorf("%s has faults %+v and evidence %+v", s.address, v.Faults, v.Evidence)
	}
}

// readLogs verifies both logs from their files, and computes every root that the
// audit log ever had.
func (o *oracle) readLogs() {
	fed, err := register.ParseFederation(o.Federation())
	o.must(err)
	o.fed = fed
	if _, err := auditlog.VerifyFolder(os.DirFS(o.data("log", "register")), fed.Register); err != nil {
		o.Errorf("the register: %v", err)
	}
	folder := os.DirFS(o.data("log", "audit"))
	head, err := auditlog.VerifyFolder(folder, fed.Audit)
	o.must(err)
	o.roots = append(o.roots, o.audit.Root())
	for entry, err := range auditlog.Entries(folder, head.Size) {
		o.must(err)
		o.audit.Append(entry)
		o.entries, o.roots = append(o.entries, entry), append(o.roots, o.audit.Root())
	}
}

// facts asks both desks of each message what is proven of it.
func (o *oracle) facts() {
	queue := make(chan *sending)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for m := range queue {
				var known [][]string
				for _, s := range []*station{m.from, m.to} {
					if s != o.hand {
						known = append(known, o.fact(m, s))
					}
				}
				if len(known) == 2 && !slices.Equal(known[0], known[1]) {
					o.Errorf("%s: its desks prove %v and %v", m.subject, known[0], known[1])
				}
			}
		})
	}
	for _, m := range o.sent {
		queue <- m
	}
	close(queue)
	all.Wait()
}

func (o *oracle) fact(m *sending, s *station) (events []string) {
	v, err := s.Verify(o.ctx, client.Ref{ID: m.id})
	if err != nil {
		o.Error(err)
		return nil
	}
	for _, f := range v.Facts {
		events = append(events, f.Event)
		p, err := auditlog.ParseProof(f.Proof)
		if err != nil {
			o.Errorf("%s: proof of %s: %v", m.subject, f.Event, err)
			continue
		}
		o.leaf(p.Entry.Record.Message.String()+" "+f.Event, p)
	}
	slices.Sort(events)
	if !slices.ContainsFunc(lives, func(l []string) bool { return slices.Equal(l, events) }) || len(v.Faults) > 0 {
		o.Errorf("%s of %s: at %s these events are proven: %v; faults %v", m.subject, m.from.address, s.address, events, v.Faults)
	}
	return events
}

// leaf checks a proof by the files: its entry is there, nothing else is
// proven of that place, and its checkpoint is one that the log went through.
func (o *oracle) leaf(what string, p *auditlog.Proof) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := p.Entry.Record
	head, err := auditlog.VerifyCheckpoint(p.Checkpoint, o.fed.Audit)
	switch {
	case err != nil:
		o.Errorf("%s: %v", what, err)
	case head.Size > o.audit.Size() || o.roots[head.Size] != head.Root:
		o.Errorf("%s: the checkpoint at %d is none of the log's", what, head.Size)
	case r.Index >= o.audit.Size() || string(o.entries[r.Index]) != string(p.Entry.Leaf()):
		o.Errorf("%s: entry %d is another", what, r.Index)
	}
	if first, there := o.leaves[r.Index]; there && first != what {
		o.Errorf("entry %d is %s, and %s", r.Index, first, what)
	}
	o.leaves[r.Index] = what
}
