package sequencer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"sync"

	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An Alarm stands until what raised it is settled, or an operator says that it is: a restart
// ends none. Why the writer stopped is not among them: that is found anew at each start.
type Alarm struct {
	Kind   alarmKind      `json:"kind"`
	Desk   signed.Address `json:"desk,omitempty"` // who caused it; "" nobody who could be named
	Since  signed.Time    `json:"since"`
	Detail string         `json:"detail"` // as it was first raised

	// What the desk named as verified, of a head that is not ours.
	Audit    int64 `json:"audit,omitempty"`
	Register int64 `json:"register,omitempty"`

	Leaf int64 `json:"leaf,omitempty"` // the first that could not be shown to the desk
}

// alarms are those that stand, and the file that keeps them. There is one of a kind and
// desk, so the register bounds them.
type alarms struct {
	mu  sync.Mutex
	all []Alarm
	cfg *Config
}

// maxAlarms bounds the file: two for each desk of the largest exchange, and more.
const maxAlarms = 4 << 20

// read takes up what an earlier run left. What is no list of alarms is said, and hinders
// nothing. An error of the disk is returned: the next write would end alarms that stand.
func (a *alarms) read() error {
	b, err := durable.ReadFile(a.cfg.Alarms, maxAlarms)
	if ofTheSystem(err) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		err = d.Decode(&a.all)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.all = nil
		a.cfg.Log.Error("the alarms that stood can't be read, and are forgotten", "error", err)
	}
	for i := range a.all {
		a.cfg.Log.Warn("an alarm stands", "kind", a.all[i].Kind, "desk", a.all[i].Desk, "since", a.all[i].Since)
		a.cfg.Metrics.alarm(a.all[i].Kind, a.all[i].Desk)
	}
	return nil
}

// write replaces the file. The caller has locked a.mu.
func (a *alarms) write() {
	b, err := json.MarshalIndent(a.all, "", "  ")
	if err == nil {
		err = durable.Replace(a.cfg.Alarms, append(b, '\n'), 0o600)
	}
	if err != nil {
		a.cfg.Log.Error("the alarms that stand can't be kept: a restart forgets them", "error", err)
	}
}

func (a *alarms) find(kind alarmKind, desk signed.Address) int {
	return slices.IndexFunc(a.all, func(x Alarm) bool { return x.Kind == kind && x.Desk == desk })
}

// raise raises an alarm, or the same again.
func (a *alarms) raise(x Alarm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cfg.Metrics.alarm(x.Kind, x.Desk)
	if at := a.find(x.Kind, x.Desk); at >= 0 {
		a.all[at].Audit, a.all[at].Register = max(a.all[at].Audit, x.Audit), max(a.all[at].Register, x.Register)
		a.all[at].Leaf = min(a.all[at].Leaf, x.Leaf)
		return
	}
	x.Since = signed.At(a.cfg.Clock.Wall())
	a.cfg.Log.Error("alarm", "kind", x.Kind, "desk", x.Desk, "detail", x.Detail)
	a.all = append(a.all, x)
	a.write()
}

// settle ends those that settled is true of, and says why.
func (a *alarms) settle(why string, settled func(*Alarm) bool) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := a.all[:0:0]
	for i := range a.all {
		x := &a.all[i]
		if !settled(x) {
			left = append(left, *x)
			continue
		}
		n++
		a.cfg.Metrics.settled(x.Kind, x.Desk)
		a.cfg.Log.Warn("an alarm is settled", "kind", x.Kind, "desk", x.Desk, "since", x.Since, "by", why)
	}
	if n > 0 {
		a.all = left
		a.write()
	}
	return n
}

func (a *alarms) list() []Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Clone(a.all)
	slices.SortFunc(all, func(x, y Alarm) int { return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Desk, y.Desk)) })
	return all
}

// Alarms are those that stand.
func (s *Sequencer) Alarms() []Alarm { return s.alarms.list() }

// Settle ends an alarm by an operator's word.
func (s *Sequencer) Settle(kind string, desk signed.Address) error {
	if s.alarms.settle("the operator", func(x *Alarm) bool { return string(x.Kind) == kind && x.Desk == desk }) == 0 {
		return problem.New(problem.NotFound, "no alarm of kind %q by the desk %q stands that a word settles", kind, desk)
	}
	return nil
}

// Disputed takes what CheckHeads refused in a text that a desk signed. It raises an alarm
// that names the desk, and stops nothing: only a checkpoint with our signature does, see
// Show.
func (s *Sequencer) Disputed(desk signed.Address, audit, register signed.Head, refusal error) {
	p, _ := problem.Of(refusal)
	kinds := map[problem.Code]alarmKind{problem.HeadAhead: alarmHeadAhead, problem.HeadContradicts: alarmHeadContradicts}
	if kind, disputes := kinds[problem.CodeOf(refusal)]; disputes {
		s.alarms.raise(Alarm{Kind: kind, Desk: desk, Detail: p.Detail, Audit: audit.Size, Register: register.Size})
	}
}

// Agreed takes heads that are ours, in a text that a desk signed. A desk's log only grows:
// one that names as much of our logs as it disputed, or more, disputes it no longer.
func (s *Sequencer) Agreed(desk signed.Address, audit, register signed.Head) {
	s.alarms.settle("the desk itself, which signed as long a head that is ours", func(x *Alarm) bool {
		disputes := x.Kind == alarmHeadAhead || x.Kind == alarmHeadContradicts
		return disputes && x.Desk == desk && audit.Size >= x.Audit && register.Size >= x.Register
	})
}
