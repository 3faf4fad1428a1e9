package gatewaytest

import (
	"bytes"
	"slices"

	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// bentSignatures flips bits all over the signature lines of a good envelope: in the dash, the
// name, the key hash, and at the beginning, the middle and the end of both signatures. Each is
// refused for good, as bytes; then the good envelope is accepted, in the same call and beside
// a message that is bent in the next one.
func (s *scene) bentSignatures() {
	c := s.desk(s.fresh("se"))
	e := c.message("fi.spoc")
	good := e.Bytes()
	begin, end := len(e.Note.Text)+1, len(e.Note.Bytes())
	second := begin + bytes.IndexByte(good[begin:], '\n') + 1
	var items [][]byte
	for _, line := range []int{begin, second} {
		last := end
		if line == begin {
			last = second
		}
		for _, at := range []int{line, line + 4, line + 8, line + len("— "+string(c.Address)+" "), line + len("— "+string(c.Address)+" ") + 7,
			(line + last) / 2, last - 3, last - 1} {
			for _, bit := range []byte{0x01, 0x02, 0x20} {
				bent := slices.Clone(good)
				bent[at] ^= bit
				items = append(items, bent)
			}
		}
	}
	answers := c.submits(append(items, good)...)
	for i, raw := range items {
		r := s.refusedAsBytes(c, answers[i].Refusal(), raw)
		if want := r.Time; r.Until != want && r.Until != e.Expires {
			s.Errorf("item %d binds until %s", i, r.Until)
		}
	}
	c.acceptance(answers[len(items)], e)
}

// bareHeader sends a header's text alone, as an envelope and as a statement, before its
// message and behind it: the message passes between, and the text alone brings nothing of it.
func (s *scene) bareHeader() {
	c := s.desk(s.fresh("se"))
	e := c.message("fi.spoc")
	bare := []byte(e.Note.Text)
	alone := func() {
		_, err := c.submit(bare)
		s.refusedAsBytes(c, err, bare)
		_, err = c.state(bare)
		s.refusedAsBytes(c, err, bare)
	}
	alone()
	record := c.accepted(e)
	alone()
	if again := c.accepted(e); again.Index != record.Index {
		s.Errorf("accepted as entry %d, and again as entry %d", record.Index, again.Index)
	}
	// A refused envelope's bytes as a statement get the code that a statement gets.
	bent := s.desk(s.fresh("se")).message("fi.spoc")
	_, err := c.submit(bent.Bytes())
	s.refusal(err, problem.CertificateWrong)
	_, err = c.state(bent.Bytes())
	s.refusal(err, problem.TextMalformed)
}

// refusedAsBytes checks that a refusal is of these bytes and of no text.
func (s *scene) refusedAsBytes(c *caller, err error, raw []byte) *auditlog.Record {
	s.Helper()
	p, ok := problem.Of(err)
	if !ok || p.Class() != problem.Final {
		s.Fatalf("it is not refused for good: %v", err)
	}
	r := c.proven(s.refusal(err, p.Code).Proof)
	if r.Kind != envelope.Rejected || r.Code != p.Code || r.TextHash != envelope.HashOfBytes(raw) || r.TextHash == signed.HashOf(raw) {
		s.Errorf("it is refused by %+v", r)
	}
	return r
}
