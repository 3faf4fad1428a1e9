package sequencer

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// alarms are those that stand, and the two files that keep them. There is one of a kind and
// desk, so the register bounds them.
type alarms struct {
	mu     sync.Mutex
	all    []Alarm
	number int64 // of the last write
	unkept bool  // it failed
	cfg    *Config
}

// read takes up what an earlier run left: the newer of the two files that is whole. What is
// amiss with the other is an alarm, and so is that none is whole; it hinders nothing. Where
// none can be read, by an error of the system, that is returned: it may pass, and the next
// write would end alarms that stand.
func (a *alarms) read() error {
	first, second := a.cfg.Alarms, copyOf(a.cfg.Alarms)
	one, errOne := readKept(first)
	two, errTwo := readKept(second)
	switch {
	case errors.Is(errOne, fs.ErrNotExist) && errors.Is(errTwo, fs.ErrNotExist): // a broker that never ran
		a.write()
		return nil
	case errOne != nil && errTwo != nil:
		if ofTheSystem(errOne) && !errors.Is(errOne, fs.ErrNotExist) || ofTheSystem(errTwo) && !errors.Is(errTwo, fs.ErrNotExist) {
			return errors.Join(errOne, errTwo)
		}
		for _, path := range []string{first, second} { // a person may read in them what stood
			if err := os.Rename(path, path+".damaged"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		a.raise(Alarm{Kind: alarmAlarmsDamaged, Detail: fmt.Sprintf("which alarms stood is lost: %s: %v; %s: %v; the files are %s and %s now, "+
			"and the lines `alarm` of this program's log have what was raised", first, errOne, second, errTwo, first+".damaged", second+".damaged")})
		return nil
	}
	good, amiss := one, errTwo
	from, to := first, second
	if errOne != nil || errTwo == nil && two.Number > one.Number {
		good, from, to = two, second, first
		if amiss = errOne; amiss == nil {
			amiss = errors.New("it is older than its copy, which is written last")
		}
	}
	a.all, a.number = good.list, good.Number
	for i := range a.all {
		a.cfg.Log.Warn("an alarm stands", "kind", a.all[i].Kind, "desk", a.all[i].Desk, "since", a.all[i].Since)
		a.cfg.Metrics.alarm(a.all[i].Kind, a.all[i].Desk)
	}
	switch {
	case amiss != nil:
		a.raise(Alarm{Kind: alarmAlarmsDamaged, Detail: fmt.Sprintf("%s: %v; no alarm is lost: it is made anew from %s", to, amiss, from)})
		a.write() // though that alarm may have stood before
	case two.Number < one.Number: // killed between the two
		a.write()
	}
	return nil
}

// copyOf is the path of the second file.
func copyOf(path string) string { return path + ".copy" }

// A kept is what each of the two files has.
type kept struct {
	Number int64           `json:"number"` // of the write: the newer file has the larger one
	Sum    string          `json:"sha256"` // of the number, a line feed, and the alarms without white space
	Alarms json.RawMessage `json:"alarms"`

	list []Alarm
}

// maxAlarms bounds a file: two for each desk of the largest exchange, and more.
const maxAlarms = 4 << 20

func keep(number int64, list []Alarm) ([]byte, error) {
	b, err := json.Marshal(append([]Alarm{}, list...))
	if err != nil {
		return nil, err
	}
	k := &kept{Number: number, Alarms: b}
	if k.Sum, err = k.sum(); err != nil {
		return nil, err
	}
	return k.text()
}

func (k *kept) sum() (string, error) {
	var b bytes.Buffer
	fmt.Fprintln(&b, k.Number)
	err := json.Compact(&b, k.Alarms)
	return fmt.Sprintf("%x", sha256.Sum256(b.Bytes())), err
}

func (k *kept) text() ([]byte, error) {
	b, err := json.MarshalIndent(k, "", "  ")
	return append(b, '\n'), err
}

func readKept(path string) (*kept, error) {
	b, err := durable.ReadFile(path, maxAlarms)
	if err != nil {
		return nil, err
	}
	return parseKept(b)
}

// parseKept takes what keep writes, and nothing else.
func parseKept(b []byte) (*kept, error) {
	strictly := func(b []byte, v any) error {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		return d.Decode(v)
	}
	k := &kept{}
	err := strictly(b, k)
	if err == nil {
		err = strictly(k.Alarms, &k.list)
	}
	if err != nil {
		return nil, fmt.Errorf("it is no list of alarms: %w", err)
	}
	sum, err := k.sum()
	text, fault := k.text()
	if err != nil || fault != nil || sum != k.Sum || !bytes.Equal(text, b) {
		return nil, errors.New("it is not as it was written: its checksum differs")
	}
	return k, nil
}

// write replaces both files, the copy last. The caller has locked a.mu, or is the first.
func (a *alarms) write() {
	a.number++
	b, err := keep(a.number, a.all)
	for _, path := range []string{a.cfg.Alarms, copyOf(a.cfg.Alarms)} {
		if err == nil {
			err = durable.Replace(path, b, 0o600)
		}
	}
	if a.unkept = err != nil; a.unkept {
		a.cfg.Log.Error("the alarms that stand can't be kept: a restart forgets them", "error", err)
	}
}

// writeAgain writes what could not be written.
func (a *alarms) writeAgain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.unkept {
		a.write()
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
