package verify_test

import (
	"errors"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// A register entry has its place where the register has its bytes. Its refusal is proven by
// a record of these bytes, this carrier and this code; one of what the register admits is a
// breach, and so is all that does not fit.
func TestWhatBecameOfAnEntry(t *testing.T) {
	m := newMaker()
	size := m.register.Size()
	all := m.register.Entries(0)
	last := all[size-1]
	whole, short := verify.New(m.register, signed.Head{}, nil, nil), verify.New(must(register.Replay(all[:size-1])), signed.Head{}, nil, nil)
	// Decided under the register without its last entry.
	refused := func(note []byte) []byte {
		return m.record(m.older(func(r *auditlog.Record) {
			r.Kind, r.Caller, r.TextHash, r.Code, r.Until = envelope.Rejected, "fi.spoc", envelope.HashOfBytes(note), problem.NotEntitled, noon
		}))
	}
	poem := []byte("roses are red\n")
	for name, c := range map[string]struct {
		logs *verify.Logs
		note []byte
		by   signed.Address
		code problem.Code
		of   []byte
		want problem.Code
	}{
		"what the register does not admit": {short, poem, "fi.spoc", problem.NotEntitled, poem, ""},
		"what it admitted, and has now":    {whole, last, "fi.spoc", problem.NotEntitled, last, ""},
		"what it admits":                   {short, last, "fi.spoc", problem.NotEntitled, last, problem.NotEntitled},
		"of another carrier":               {short, poem, "se.spoc", problem.NotEntitled, poem, problem.ProofInvalid},
		"by another code":                  {short, poem, "fi.spoc", problem.KeyReused, poem, problem.ProofInvalid},
		"of other bytes":                   {short, poem, "fi.spoc", problem.NotEntitled, last, problem.ProofInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			proof := refused(c.of)
			a, err := c.logs.Under(proof)
			if err != nil {
				t.Fatal(err)
			}
			err = a.EntryRefusal(c.by, c.note, c.code, proof)
			if codeOf(err) != c.want {
				t.Errorf("judged %v, want %q", err, c.want)
			}
			var b *verify.Breach
			if c.want != "" && (!errors.As(err, &b) || len(b.Exhibits["entry"]) == 0 || len(b.Exhibits["refusal"]) == 0) {
				t.Errorf("it is no breach that shows itself: %+v", b)
			}
		})
	}
	a, err := whole.Under(refused(poem))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Entered(last, size-1); err != nil {
		t.Errorf("at its place: %v", err)
	}
	for name, err := range map[string]error{"another place": a.Entered(last, size-2), "a poem": a.Entered(poem, size), "a refusal without proof": a.EntryRefusal("fi.spoc", poem, problem.NotEntitled, nil)} {
		var b *verify.Breach
		if !errors.As(err, &b) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
