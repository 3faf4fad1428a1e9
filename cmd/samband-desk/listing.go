package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// errNotYet says that what was waited for did not happen in time.
var errNotYet = errors.New("not yet")

// until looks again at each change of the desk until done, or ctx ends; then it
// returns what it saw last.
func until[T any](ctx context.Context, d *client.Client, look func() (T, error), done func(T) bool) (v T, err error) {
	err = client.Await(ctx, d, func() (bool, error) {
		v, err = look()
		return err == nil && done(v), err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return v, err
}

// sentUntil waits for a while until a message of the outbox is as wanted, and
// returns it as it was last.
func sentUntil(c *cobra.Command, d *client.Client, id signed.ID, wait context.Context, done func(*client.OutboxItem) bool) (*client.OutboxItem, error) {
	return until(wait, d, func() (*client.OutboxItem, error) {
		items, err := d.Outbox(c.Context(), client.Query{ID: id})
		if err != nil {
			return nil, err
		}
		return &items[0], nil
	}, done)
}

// newListing makes a command that lists messages, and waits for a state if that is
// asked for.
func newListing[T any](p *program, c *cobra.Command, read func(*client.Client, context.Context, client.Query) ([]T, error),
	state func(T) client.State, show func(io.Writer, []T)) *cobra.Command {
	var wanted string
	var wait time.Duration
	var limit int
	c.Flags().StringVar(&wanted, "until", "", "wait until a message stands in this state, such as handed-over")
	c.Flags().DurationVar(&wait, "wait", time.Minute, "how long --until waits")
	c.Flags().IntVar(&limit, "limit", 50, "how many to list, the newest first")
	c.Args = cobra.MaximumNArgs(1)
	c.RunE = p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
		stands := func(items []T) bool {
			return wanted == "" || slices.ContainsFunc(items, func(i T) bool { return state(i) == client.State(wanted) })
		}
		ctx, cancel := context.WithTimeout(c.Context(), wait)
		defer cancel()
		items, err := until(ctx, d, func() ([]T, error) {
			items, err := read(d, c.Context(), client.Query{ID: id, Limit: limit})
			if wanted != "" && problem.CodeOf(err) == problem.UnknownMessage {
				return nil, nil // it may be on its way
			}
			return items, err
		}, stands)
		if err != nil {
			return err
		}
		if !stands(items) {
			return fmt.Errorf("no message is %s: %w", wanted, errNotYet)
		}
		return p.Print(c, items, func(w io.Writer) { show(w, items) })
	})
	return c
}

// pendingText says what a desk signed and the log has not proven yet.
var pendingText = map[client.State]string{
	client.Withdrawn: "being withdrawn", client.Consigned: "being consigned", client.HandedOver: "being handed over", client.Refused: "being refused",
}

// stateText is the state of a message, and what is being done to it.
func stateText(i client.Item) string {
	if i.Says == "" {
		return string(i.State)
	}
	return string(i.State) + ", " + pendingText[i.Says]
}

// waitText says what a message waits for.
func (p *program) waitText(i client.Item) string {
	if i.Waits != "" || i.Says == "" {
		return cli.Clean(i.Waits)
	}
	return fmt.Sprintf("and %s since %s: the log has not proven that yet", pendingText[i.Says], p.timeText(i.Since))
}

// showWaits says more of a message that waits for something, or was refused.
func (p *program) showWaits(w io.Writer, i client.Item, direction string, other signed.Address) {
	if i.Problem == nil && i.Owed == nil && p.waitText(i) == "" {
		return
	}
	fmt.Fprintf(w, "\n%s %s %s is %s %s\n", i.ID, direction, other, i.State, p.waitText(i))
	if i.Owed != nil {
		fmt.Fprintf(w, "  %s: %s\n", strings.ToUpper(p.say("owed")), cli.Clean(p.owedText(i.Owed)))
	}
	cli.ShowProblem(w, "  ", i.Problem)
}

// owedText says who has owed what for too long, since when, and what to do about it.
func (p *program) owedText(o *client.Owed) string {
	since := p.timeText(o.Since)
	switch {
	case o.Hindered != "":
		return fmt.Sprintf(p.say("owed."+string(o.Hindered)), since)
	case o.By != "":
		return fmt.Sprintf(p.say("owed."+string(o.Step)), schema.LeftToRight(string(o.By), string(*p.lang)), since)
	}
	return fmt.Sprintf(p.say("owed."+string(o.Step)), since)
}
