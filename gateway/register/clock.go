package register

import "samband/gateway/signed"

// A Clock is an entry of the root by which logged time, that a wrong clock drew into the
// future, goes on from an earlier moment: once, at this entry. The founders say so of a
// log that they know to a size. Everything that was logged before it stays as it is.
type Clock struct {
	Link
	Audit int64       // size of the audit log as the founders knew it
	Time  signed.Time // from which logged time goes on; this entry's record has it
}

func (c *Clock) Text() string { return clockForm.Text(c) }
func (*Clock) author() author { return byRoot }

var clockForm = signed.Form[Clock]{Title: "samband/clock/v1", Lines: func(c *Clock, l *signed.Lines) {
	c.Link.lines(l)
	l.Line("audit").Int(&c.Audit)
	l.Line("time").Time(&c.Time)
}}

func (*Clock) check(*state) error { return nil }

// apply changes nothing that the law asks: whoever reads the records' times learns of it.
func (*Clock) apply(*state, place) {}
