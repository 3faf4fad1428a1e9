package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newStatus(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the desk stands", Args: cobra.NoArgs,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			st, err := d.Status(c.Context())
			if err != nil {
				return err
			}
			return p.Print(c, st, func(w io.Writer) { p.showStatus(w, st) })
		}),
	}
}

func (p *program) showStatus(w io.Writer, st *client.Status) {
	say := func(good bool, yes, no string) string {
		if good {
			return yes
		}
		return no
	}
	fmt.Fprintf(w, "Desk:     %s in %s (%s)\n", st.Desk, st.Exchange, st.Hash)
	fmt.Fprintf(w, "Ring:     %s\n", say(!st.Locked, "unlocked", "LOCKED: it stores and consigns; run samband-desk unlock"))
	fmt.Fprintf(w, "Broker:   %s at %s\n", say(st.Reachable, "answers", "DOES NOT ANSWER"), cli.Clean(st.Broker))
	if st.Trouble != "" {
		fmt.Fprintf(w, "TROUBLE:  %s\n", cli.Clean(st.Trouble))
	}
	fmt.Fprintf(w, "Register: %d entries, %s\n", st.Register, say(st.Registered, "this desk among them", "this desk NOT among them with these keys"))
	fmt.Fprintf(w, "Log:      verified to %d entries\n", st.Audit)
	if st.Silent > 0 {
		fmt.Fprintf(w, "ALARM:    the broker answers, and its log has not grown for %s: call its operator\n", p.span(time.Duration(st.Silent)))
	}
	if st.Clock != "" {
		fmt.Fprintf(w, "CLOCK:    %s\n", cli.Clean(st.Clock))
	}
	if st.Hits != "" {
		fmt.Fprintf(w, "HITS:     %s\n", cli.Clean(st.Hits))
	}
	if st.Shared != "" {
		fmt.Fprintf(w, "ALARM:    %s\n", cli.Clean(st.Shared))
	}
	p.showWaiting(w, st.Entries)
	for _, l := range st.Lacks {
		fmt.Fprintf(w, "LACKS the catalogue bundle %s: it can't read or write what only that has\n", l.Bundle)
		cli.ShowProblem(w, "  ", l.Problem)
		fmt.Fprintln(w, "  If the broker can't give it: samband-desk catalogue import FILE")
	}
	for _, o := range st.Duties {
		fmt.Fprintf(w, "Owed:     %s, %s\n", cli.Clean(o.Type), p.deadlineText(&o.Deadline))
	}
	showErasures(w, &st.Erasures)
	for _, k := range st.Keys {
		if k.Until.IsZero() {
			continue
		}
		fmt.Fprintf(w, "Old key:  %s goes at %s%s\n", cli.Clean(k.ID), p.timeText(k.Until),
			say(k.Needed == 0, ", or once this desk is unlocked then", fmt.Sprintf("; %d messages still need it", k.Needed)))
	}
	p.showLosses(w, st)
	if st.Disk.Full {
		fmt.Fprintf(w, "DISK FULL: %s; it takes in and sends nothing. Make room, or erase messages\n", cli.Clean(st.Disk.Why))
	}
	if !st.Disk.Reserve {
		fmt.Fprintln(w, "Disk:     its reserve is used up; it is made again once there is room")
	}
	for _, o := range st.Overdue {
		fmt.Fprintf(w, "OVERDUE:  %s of %d messages%s, the oldest since %s; run samband-desk outbox\n",
			cli.Clean(string(o.Step)), o.Messages, say(!o.Urgent, "", ", urgent"), p.timeText(o.Since))
	}
	fmt.Fprintf(w, "Evidence: %s\n", say(st.Evidence == 0, "none against the broker", fmt.Sprintf("%d breaches; run samband-desk verify", st.Evidence)))
	p.showBreaches(w, st.Breaches)
	if st.Damages.Lost > 0 {
		fmt.Fprintf(w, "ALARM:    this desk's own disk damaged its database; %d findings are not mended: run samband-desk verify\n", st.Damages.Lost)
	}
	if st.Damages.Mended > 0 {
		fmt.Fprintf(w, "Mended:   %d damages that this desk's own disk did to its database; look after the disk\n", st.Damages.Mended)
	}
	if st.LostWords > 0 {
		fmt.Fprintf(w, "Restored: a lost copy of this desk said %d words; run samband-desk log\n", st.LostWords)
	}
}

// showBreaches says how often each rule was broken, about what, and how much of that is kept.
func (p *program) showBreaches(w io.Writer, all []client.Breaches) {
	for _, b := range all {
		fmt.Fprintf(w, "  %s: %d since %s, the newest %s about %s", b.Problem.Code, b.Pieces, p.timeText(b.Since), p.timeText(b.Newest), cli.Clean(b.Subject))
		if b.Lost+b.Bytes > 0 {
			fmt.Fprintf(w, "; %d are not kept, and %d without their bytes", b.Lost, b.Bytes)
		}
		fmt.Fprintln(w)
	}
}
