package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

// table prints rows under headings that are words of the screen.
func (p *program) table(w io.Writer, keys string, rows [][]string) {
	var headings []string
	for _, key := range strings.Fields(keys) {
		headings = append(headings, strings.ToUpper(p.say(key)))
	}
	cli.Columns(w, headings, rows)
}

// timeText is a time in the reader's zone.
func (p *program) timeText(t signed.Time) string {
	if t.IsZero() {
		return "-"
	}
	return schema.Moment(t.AsTime().In(p.zone), string(*p.lang))
}

// deadlineText says where a legal clock stands now, and how much of it is left.
func (p *program) deadlineText(d *client.Deadline) string { return p.deadlineTextAt(d, time.Now()) }

func (p *program) deadlineTextAt(d *client.Deadline, now time.Time) string {
	if d == nil {
		return "-"
	}
	words, class := "", schema.LeftToRight(d.Class, string(*p.lang))
	left := d.Due.AsTime().Sub(now)
	switch {
	case !d.Answered.IsZero() && d.OnTime:
		return p.say("answered-in-time")
	case !d.Answered.IsZero():
		return p.say("answered-late")
	case !d.Dropped.IsZero():
		return p.say("closed-by-asker")
	case d.Paused && !d.Overdue:
		words = fmt.Sprintf(p.say("paused-term"), class)
	case d.Overdue || left < 0:
		words = fmt.Sprintf(p.say("overdue-since"), p.timeText(d.Due), p.span(-left))
	default:
		words = fmt.Sprintf(p.say("due-in"), p.timeText(d.Due), p.span(left)) + " (" + class + ")"
	}
	if d.Access != schema.Undeclared {
		words += ", " + p.say("declared."+string(d.Access))
	}
	if d.Alone {
		words += " " + p.say("declared-alone")
	}
	if !d.Extended.IsZero() {
		words += ", " + p.say("extended")
	}
	if d.Warning > 0 && !d.Overdue {
		words += ", " + fmt.Sprintf(p.say("term-passed"), int(100*d.Warning))
	}
	if d.AtEnd != "" {
		words += ", " + p.say("at-end."+d.AtEnd)
	}
	if d.Overdue && d.Then != nil {
		words += "; " + fmt.Sprintf(p.say("then-term"), p.deadlineTextAt(d.Then, now))
	}
	return words
}

// span is a length of time in words, in the two units that matter: 2 d 3 h, 7 h 40 min.
// It is rounded down: what is left is never less than what is said.
func (p *program) span(d time.Duration) string {
	minutes := int(d / time.Minute)
	say := func(key string, n int) string { return fmt.Sprintf(p.say(key), n) }
	switch days, hours := minutes/(24*60), minutes/60%24; {
	case minutes < 1:
		return p.say("less-than-a-minute")
	case days > 0:
		return say("days", days) + " " + say("hours", hours)
	case hours > 0:
		return say("hours", hours) + " " + say("minutes", minutes%60)
	}
	return say("minutes", minutes)
}

func subject(s *client.Summary) string {
	if s == nil {
		return "-"
	}
	return s.Subject
}
