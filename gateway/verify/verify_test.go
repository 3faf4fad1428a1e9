package verify_test

import (
	"errors"
	"strings"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// A catchup is what an honest broker shows of a log of so many entries, and of the
// register up to a size; from is what the caller knows of each.
func (m *maker) catchup(log *auditlog.Range, size int64, from int64) *verify.Catchup {
	reg := m.register.At(size).Head()
	return &verify.Catchup{
		Audit:    must(auditlog.SignCheckpoint(log.Head(name+"/audit"), logKey("audit"))),
		Register: must(auditlog.SignCheckpoint(reg, logKey("register"))),
		Entries:  m.register.Entries(from)[:size-from],
	}
}

func logOf(entries ...string) *auditlog.Range {
	r := &auditlog.Range{}
	for _, e := range entries {
		r.Append([]byte(e))
	}
	return r
}

// The register comes page by page; what was verified is not asked for again.
func TestExtendByPages(t *testing.T) {
	m := newMaker()
	all := m.register.Entries(0)
	logs := verify.New(must(register.New(all[0])), signed.Head{}, nil, nil)
	c := m.catchup(logOf("one"), m.register.Size(), 1)
	c.Entries = all[1:3]
	for from := int64(3); from < m.register.Size(); from += 2 {
		var missing *verify.Missing
		if _, err := logs.Extend(c); !errors.As(err, &missing) || missing.From != from {
			t.Fatalf("asked for: %v, want entries from %d", err, from)
		}
		c.Entries = all[from:min(from+2, m.register.Size())]
	}
	a, err := logs.Extend(c)
	if err != nil {
		t.Fatal(err)
	}
	if a.Register().Head() != m.register.Head() || a.Audit().Size != 1 {
		t.Errorf("came to %v and %v", a.Register().Head(), a.Audit())
	}
	if logs.Register().Size() != 1 || logs.Audit().Size != 0 {
		t.Error("the logs that were extended have changed")
	}
}

// What convicts the broker is a Breach, with the bytes that show it; what an old
// answer or a fault of the line may cause is none.
func TestExtendRefuses(t *testing.T) {
	m := newMaker()
	size := m.register.Size()
	r := must(register.Replay(m.register.Entries(0)))
	known := logOf("one")
	logs := verify.New(r, known.Head(name+"/audit"), nil, nil)
	short := verify.New(must(register.New(m.register.Entries(0)[0])), signed.Head{}, nil, nil)
	for name, c := range map[string]struct {
		logs    *verify.Logs
		catchup func() *verify.Catchup
		code    problem.Code
		breach  bool
	}{
		"an audit log of another history": {logs, func() *verify.Catchup { return m.catchup(logOf("other", "two"), size, size) }, problem.LogContradicts, true},
		"a shorter audit log":             {logs, func() *verify.Catchup { return m.catchup(logOf(), size, size) }, problem.HeadAhead, false},
		"a shorter register":              {logs, func() *verify.Catchup { return m.catchup(known, size-1, size-1) }, problem.HeadAhead, false},
		"a register of another root": {logs, func() *verify.Catchup {
			c := m.catchup(known, size, size)
			c.Register = must(auditlog.SignCheckpoint(signed.Head{Origin: m.register.Head().Origin, Size: size, Root: signed.HashOf("other")}, logKey("register")))
			return c
		}, problem.LogContradicts, true},
		"an entry that nobody entitled signed": {short, func() *verify.Catchup {
			c := m.catchup(known, size, 1)
			c.Entries[0] = c.Entries[1]
			return c
		}, problem.NotEntitled, true},
		"a checkpoint of a stranger": {logs, func() *verify.Catchup {
			c := m.catchup(known, size, size)
			c.Audit = c.Register
			return c
		}, problem.ProofInvalid, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.logs.Extend(c.catchup())
			var b *verify.Breach
			if got := codeOf(err); got != c.code || errors.As(err, &b) != c.breach {
				t.Errorf("refused with %v (a breach: %t)", err, b != nil)
			}
			if b != nil && (b.Subject == "" || len(b.Exhibits) == 0) {
				t.Errorf("the breach shows nothing: %+v", b)
			}
		})
	}
}

// A sender that had seen nothing of the logs yet names the root of nothing. Another root
// at size 0 is what no log had: whoever consigned such a message would believe a lie.
func TestHeadOfNothing(t *testing.T) {
	m := newMaker()
	size := m.register.Size()
	for name, c := range map[string]struct {
		edit func(*envelope.Header)
		want problem.Code
	}{
		"of nothing":              {func(h *envelope.Header) { h.AsOfAudit = (&auditlog.Range{}).Head(h.AsOfAudit.Origin) }, ""},
		"another root of the log": {func(h *envelope.Header) { h.AsOfAudit.Size = 0 }, problem.LogContradicts},
		"another root of the register": {func(h *envelope.Header) {
			h.AsOfAudit = (&auditlog.Range{}).Head(h.AsOfAudit.Origin)
			h.AsOfRegister.Size = 0
		}, problem.HeadContradicts},
	} {
		t.Run(name, func(t *testing.T) {
			e := m.message(keysOf("se.spoc", signed.UseMessage), c.edit)
			proof := m.record(acceptance(e))
			catchup := m.catchup(logOf(), size, size)
			catchup.Audit = must(auditlog.ParseProof(proof)).Checkpoint
			a := must(verify.New(m.register, signed.Head{}, nil, nil).Extend(catchup))
			if _, err := a.Admit(e, "fi.spoc", proof, nil); codeOf(err) != c.want {
				t.Errorf("admitted with %v, want %q", err, c.want)
			}
		})
	}
}

// No record may rest on a register smaller than one seen before it was written.
func TestRegisterSeenBefore(t *testing.T) {
	m := newMaker()
	size := m.register.Size()
	e := m.message(keysOf("se.spoc", signed.UseMessage), func(h *envelope.Header) {
		h.AsOfRegister = m.register.At(size - 1).Head()
	})
	proof := m.record(m.older(acceptance(e))) // of entry 2
	for name, c := range map[string]struct {
		seen []verify.Sighting
		want problem.Code
	}{
		"nothing seen":                            {nil, ""},
		"a larger one seen before":                {[]verify.Sighting{{Audit: 1, Register: size}}, problem.RegisterTooOld},
		"seen when the log had come to the entry": {[]verify.Sighting{{Audit: 2, Register: size}}, problem.RegisterTooOld},
		"seen when the log had the entry":         {[]verify.Sighting{{Audit: 3, Register: size}}, ""},
		"the same one seen":                       {[]verify.Sighting{{Audit: 1, Register: size - 1}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := verify.New(m.register, signed.Head{}, nil, c.seen).Under(proof)
			if err == nil {
				_, err = a.Acceptance(e, proof)
			}
			if codeOf(err) != c.want {
				t.Errorf("judged %v, want %q", err, c.want)
			}
		})
	}
}

// The key that signs the audit log is asked once for an answer's checkpoint, and
// not again for each proof that brings the same bytes: such a proof is believed
// even after the key is gone. Any other bytes are verified, of the same head too.
func TestCheckpointVerifiedOnce(t *testing.T) {
	m := newMaker()
	e := m.message(keysOf("se.spoc", signed.UseMessage), nothing)
	own := m.record(acceptance(e))
	p := must(auditlog.ParseProof(own))
	under := func(keys ...*signed.PrivateKey) []byte {
		text, _, _ := strings.Cut(string(p.Checkpoint), "\n\n")
		return auditlog.MakeProof(p.Entry, p.Hashes, note(text+"\n", keys...))
	}
	witnessed, forged := under(logKey("audit"), logKey("operator")), under(logKey("operator"))

	size := m.register.Size()
	c := m.catchup(logOf(), size, size)
	c.Audit = p.Checkpoint
	a, err := verify.New(m.register, signed.Head{}, nil, nil).Extend(c)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(proof []byte) problem.Code {
		_, err := a.Acceptance(e, proof)
		return codeOf(err)
	}
	if own, witnessed, forged := judge(own), judge(witnessed), judge(forged); own != "" || witnessed != "" || forged != problem.ProofInvalid {
		t.Errorf("with the key judged %q, %q, %q", own, witnessed, forged)
	}
	m.register.Federation().Audit = keysOf("nobody", signed.UseCheckpoint)[0].Public
	if own, witnessed := judge(own), judge(witnessed); own != "" || witnessed != problem.ProofInvalid {
		t.Errorf("without the key judged %q, %q", own, witnessed)
	}
}
