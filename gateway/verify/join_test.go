package verify_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// between proves that a log of these entries extends what it was at an older size.
func between(t testing.TB, old int64, entries ...string) []signed.Hash {
	t.Helper()
	log := must(tree.Open(t.TempDir(), logKey("audit").Public))
	for _, e := range entries {
		must(log.Append([]byte(e)))
	}
	return must(log.ProveConsistency(old, int64(len(entries))))
}

// shown is what one answer shows: the audit log's entries, and the parties that
// its register has more.
type shown struct{ audit, parties []string }

// A learner knows a log of "a" and "b", and a register, before it is shown more.
type learner struct {
	*testing.T
	makers map[string]*maker // by the parties that their registers have more
	logs   *verify.Logs
}

func newLearner(t *testing.T) *learner {
	m := newMaker()
	c := m.catchup(logOf("a", "b"), m.register.Size(), 0)
	logs := verify.New(m.register, logOf("a", "b").Head(name+"/audit"), c.Audit, nil)
	return &learner{t, map[string]*maker{"": m}, logs}
}

// in is the learner in a subtest.
func (l *learner) in(t *testing.T) *learner { return &learner{t, l.makers, l.logs} }

// maker has the register with these parties more, each entered once.
func (l *learner) maker(parties []string) *maker {
	key := strings.Join(parties, " ")
	if m := l.makers[key]; m != nil {
		return m
	}
	last := len(parties) - 1
	before := l.maker(parties[:last])
	m := &maker{before.register.Fork(), before.agreement}
	m.enter(register.RootName("se"), func(link register.Link) register.Entry {
		p := parties[last]
		return &register.Party{Link: link, Name: p, Title: "Maa " + p, Keys: signed.PublicKeys(keysOf(p, signed.UseEntry))}
	})
	l.makers[key] = m
	return m
}

// sees is the catchup of an answer, and the logs that it leads to.
func (l *learner) sees(s shown) (*verify.Logs, *verify.Catchup) {
	l.Helper()
	m := l.maker(s.parties)
	c := m.catchup(logOf(s.audit...), m.register.Size(), l.logs.Register().Size())
	c.Consistency = between(l.T, l.logs.Audit().Size, s.audit...)
	a, err := l.logs.Extend(c)
	if err != nil {
		l.Fatal(err)
	}
	return a.Logs, c
}

// breachOf is the Breach that an error must be, of this log.
func (l *learner) breachOf(err error, log string) *verify.Breach {
	l.Helper()
	var b *verify.Breach
	if codeOf(err) != problem.LogContradicts || !errors.As(err, &b) || b.Log != log || b.Subject == "" {
		l.Fatalf("judged %v (%+v), want a breach of the %s log", err, b, log)
	}
	return b
}

// knows checks that logs have the checkpoints that a catchup brought: those are
// what a later answer is seen to contradict.
func (l *learner) knows(logs *verify.Logs, c *verify.Catchup) {
	l.Helper()
	other := *c
	other.Entries = nil
	other.Audit = must(auditlog.SignCheckpoint(logOf("x", "y", "z", "u", "v").Head(name+"/audit"), logKey("audit")))
	_, err := logs.Extend(&other)
	if b := l.breachOf(err, "audit"); !bytes.Equal(b.Exhibits["known"], c.Audit) || !bytes.Equal(b.Exhibits["shown"], other.Audit) {
		l.Errorf("of the audit log it shows %q", b.Exhibits)
	}
	head := logs.Register().Head()
	head.Root = signed.HashOf("other")
	other.Audit, other.Consistency = c.Audit, nil
	other.Register = must(auditlog.SignCheckpoint(head, logKey("register")))
	_, err = logs.Extend(&other)
	if b := l.breachOf(err, "register"); !bytes.Equal(b.Exhibits["known"], c.Register) || !bytes.Equal(b.Exhibits["shown"], other.Register) {
		l.Errorf("of the register it shows %q", b.Exhibits)
	}
}

// What two answers of one history lead to has the longer of each log, whichever
// came first, with its checkpoint.
func TestJoin(t *testing.T) {
	l := newLearner(t)
	abc, abcd, no, dk := []string{"a", "b", "c"}, []string{"a", "b", "c", "d"}, []string{"no"}, []string{"no", "dk"}
	longer := between(t, 3, abcd...)
	for name, c := range map[string]struct {
		one, other, want shown
		consistency      []signed.Hash
	}{
		"equal":                           {shown{abc, no}, shown{abc, no}, shown{abc, no}, nil},
		"equal, where no proof is needed": {shown{abc, no}, shown{abc, no}, shown{abc, no}, longer},
		"one that learned nothing":        {shown{abc[:2], nil}, shown{abc, no}, shown{abc, no}, between(t, 2, abc...)},
		"a longer audit log":              {shown{abc, no}, shown{abcd, no}, shown{abcd, no}, longer},
		"a longer register":               {shown{abc, no}, shown{abc, dk}, shown{abc, dk}, nil},
		"both are longer":                 {shown{abc, no}, shown{abcd, dk}, shown{abcd, dk}, longer},
		"each has one that is longer":     {shown{abcd, no}, shown{abc, dk}, shown{abcd, dk}, longer},
	} {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			one, _ := l.sees(c.one)
			other, _ := l.sees(c.other)
			want, catchup := l.sees(c.want)
			for _, pair := range [][2]*verify.Logs{{one, other}, {other, one}} {
				joined, err := pair[0].Join(pair[1], c.consistency)
				if err != nil {
					t.Fatal(err)
				}
				if joined.Audit() != want.Audit() || joined.Register().Head() != want.Register().Head() {
					t.Errorf("joined to %v and %v", joined.Audit(), joined.Register().Head())
				}
				l.knows(joined, catchup)
			}
			if joined, err := one.Join(one, nil); err != nil || joined != one {
				t.Errorf("joined with itself: %v", err)
			}
		})
	}
}

// Each of the two extends what was known, and they do not extend each other: the
// checkpoints of both and what should link them convict the broker.
func TestJoinRefuses(t *testing.T) {
	l := newLearner(t)
	abc, abxy := []string{"a", "b", "c"}, []string{"a", "b", "x", "y"}
	for name, c := range map[string]struct {
		one, other  shown
		consistency []signed.Hash
		log         string
	}{
		"audit logs forked at one size":            {shown{abc, nil}, shown{[]string{"a", "b", "x"}, nil}, nil, "audit"},
		"forked at other sizes, no proof":          {shown{abc, nil}, shown{abxy, nil}, nil, "audit"},
		"a proof of the one's history":             {shown{abc, nil}, shown{abxy, nil}, between(t, 3, "a", "b", "c", "y"), "audit"},
		"a proof of the other's history":           {shown{abc, nil}, shown{abxy, nil}, between(t, 3, abxy...), "audit"},
		"one history, and a proof of another":      {shown{abc, nil}, shown{[]string{"a", "b", "c", "d"}, nil}, between(t, 3, abxy...), "audit"},
		"one history, and no proof":                {shown{abc, nil}, shown{[]string{"a", "b", "c", "d"}, nil}, nil, "audit"},
		"registers forked at one size":             {shown{abc, []string{"no"}}, shown{abc, []string{"dk"}}, nil, "register"},
		"registers forked at other sizes":          {shown{abc, []string{"no"}}, shown{abc, []string{"dk", "no"}}, nil, "register"},
		"registers forked behind one common entry": {shown{abc, []string{"no", "is"}}, shown{abc, []string{"no", "dk", "is"}}, nil, "register"},
	} {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			one, first := l.sees(c.one)
			other, second := l.sees(c.other)
			for _, pair := range []struct {
				known, shown    *verify.Logs
				before, catchup *verify.Catchup
			}{{one, other, first, second}, {other, one, second, first}} {
				_, err := pair.known.Join(pair.shown, c.consistency)
				b := l.breachOf(err, c.log)
				known, shown, link := pair.before.Audit, pair.catchup.Audit, b.Exhibits["consistency"]
				if c.log == "register" {
					known, shown, link = pair.before.Register, pair.catchup.Register, b.Exhibits["entries"]
				}
				if !bytes.Equal(b.Exhibits["known"], known) || !bytes.Equal(b.Exhibits["shown"], shown) {
					t.Errorf("it shows %q", b.Exhibits)
				}
				if c.log == "audit" && bytes.Count(link, []byte("\n")) != len(c.consistency) {
					t.Errorf("of the proof it shows %q", link)
				}
				if want := beyond(pair.before, pair.catchup); c.log == "register" && !bytes.Equal(link, want) {
					t.Errorf("of the entries it shows %q, want %q", link, want)
				}
			}
		})
	}
}

// beyond are the larger register's entries from the first that the other has not.
func beyond(known, shown *verify.Catchup) []byte {
	small, large := known.Entries, shown.Entries
	if len(small) > len(large) {
		small, large = large, small
	}
	for len(small) > 0 && bytes.Equal(small[0], large[0]) {
		small, large = small[1:], large[1:]
	}
	return bytes.Join(large, []byte("\n"))
}

// Whatever either answer saw binds every record that was written after.
func TestJoinedSightings(t *testing.T) {
	m := newMaker()
	size := m.register.Size()
	e := m.message(keysOf("se.spoc", signed.UseMessage), func(h *envelope.Header) {
		h.AsOfRegister = m.register.At(size - 1).Head()
	})
	proof := m.record(m.older(acceptance(e))) // of entry 2, under one entry less
	type seen = []verify.Sighting
	for name, c := range map[string]struct {
		one, other seen
		want       problem.Code
	}{
		"nothing":                           {nil, nil, ""},
		"before the record, by one alone":   {nil, seen{{Audit: 2, Register: size}}, problem.RegisterTooOld},
		"after the record, by one alone":    {nil, seen{{Audit: 3, Register: size}}, ""},
		"by both, one before the record":    {seen{{Audit: 3, Register: size}}, seen{{Audit: 2, Register: size}}, problem.RegisterTooOld},
		"by both, after the record":         {seen{{Audit: 3, Register: size}}, seen{{Audit: 4, Register: size}}, ""},
		"before the record, a smaller one":  {seen{{Audit: 1, Register: size - 1}, {Audit: 3, Register: size}}, seen{{Audit: 2, Register: size - 1}}, ""},
		"by one who missed the one between": {seen{{Audit: 1, Register: size - 2}, {Audit: 3, Register: size - 1}}, seen{{Audit: 2, Register: size}}, problem.RegisterTooOld},
	} {
		t.Run(name, func(t *testing.T) {
			one, other := verify.New(m.register, signed.Head{}, nil, c.one), verify.New(m.register, signed.Head{}, nil, c.other)
			for _, pair := range [][2]*verify.Logs{{one, other}, {other, one}} {
				joined, err := pair[0].Join(pair[1], nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range []*verify.Answer{must(joined.Under(proof)), must(pair[0].Under(proof)).SeenBy(joined)} {
					if _, err := a.Acceptance(e, proof); codeOf(err) != c.want {
						t.Errorf("judged %v, want %q", err, c.want)
					}
				}
			}
		})
	}
}
