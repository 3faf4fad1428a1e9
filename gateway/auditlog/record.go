package auditlog

import (
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Form is the first line of a record.
const Form = "samband/record/v1"

// A Record is one event in the broker's words. Which fields beyond the first
// six it has is fixed by its kind: see [Kinds].
type Record struct {
	Exchange     signed.Hash
	Kind         Kind
	Index        int64       // position in the log of its kind; 0 where the kind has none
	Time         signed.Time // logged time, by the broker's clock; it never decreases
	RegisterSize int64       // the register that the event was decided under
	RegisterRoot signed.Hash

	Message   signed.Hash    // hash of the header's text; zero: withdrawn before it was accepted
	ID        signed.ID      // of the message
	From      signed.Address // sender
	To        signed.Address // recipient
	Type      string         // name of the message type
	Urgency   string         // urgent or non-urgent
	Expires   signed.Time    // of the message
	By        signed.Address // the desk that signed the statement
	Statement signed.Hash    // hash of the whole note, its signatures with it
	Code      problem.Code   // why it was refused or rejected
	Caller    signed.Address // the desk whose submission was rejected
	TextHash  signed.Hash    // of the header's text, or of the bytes that had none
	Until     signed.Time    // a repeat of the text gets the same answer until then
	Count     int64          // submissions refused beyond the caller's budget
	Entry     []byte         // a register entry: the whole signed note
	Writer    signed.ID      // drawn anew by each writer that starts
}

// Text writes the record.
func (r *Record) Text() string {
	shape := shapeOf(r.Kind)
	w := signed.NewWriter(Form, r.Exchange)
	w.Line("kind", string(r.Kind))
	if shape.Tree != NoTree {
		w.Line("index", signed.FormatInt(r.Index))
	}
	w.Line("time", r.Time.String())
	w.Line("register", signed.FormatInt(r.RegisterSize), r.RegisterRoot.String())
	for _, l := range shape.Lines {
		w.Line(l.Name, l.write(r))
	}
	return w.Text()
}

// Tree returns the log that the record's kind belongs to.
func (r *Record) Tree() Tree { return shapeOf(r.Kind).Tree }

// ParseRecord reads a record's text; a fault is TEXT_MALFORMED or OVERSIZE.
func ParseRecord(text string) (*Record, error) {
	if len(text) > MaxRecord {
		return nil, problem.New(problem.Oversize, "a record passes the bound of %d bytes", MaxRecord)
	}
	head, entry := cutEntry(text)
	rd := signed.NewReader(head, Form)
	r := &Record{Exchange: rd.Exchange()}
	r.Kind = Kind(one(rd, "kind"))
	shape := shapeOf(r.Kind)
	if shape.Kind == "" {
		rd.Fail(problem.New(problem.TextMalformed, "a record's kind is unknown"))
	}
	if shape.Tree != NoTree {
		r.Index = rd.Int(one(rd, "index"))
	}
	r.Time = rd.Time(one(rd, "time"))
	if v := rd.Line("register", 2); v != nil {
		r.RegisterSize, r.RegisterRoot = rd.Int(v[0]), rd.Hash(v[1])
	}
	for _, l := range shape.Lines {
		if l.Name == lineEntry {
			l.read(rd, entry, r)
			continue
		}
		l.read(rd, one(rd, l.Name), r)
	}
	if err := rd.Close(text, r.Text()); err != nil {
		return nil, err
	}
	return r, nil
}

// cutEntry takes the entry line off the end of a text, since it alone may be
// longer than the lines of a signed text.
func cutEntry(text string) (head, entry string) {
	body := strings.TrimSuffix(text, "\n")
	last := strings.LastIndexByte(body, '\n') + 1
	if entry, ok := strings.CutPrefix(body[last:], lineEntry+" "); ok {
		return text[:last], entry
	}
	return text, ""
}
