package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
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

func oneOutbox(ctx context.Context, d *client.Client, id signed.ID) (*client.OutboxItem, error) {
	items, err := d.Outbox(ctx, client.Query{ID: id})
	if err != nil {
		return nil, err
	}
	return &items[0], nil
}

// A waitFlags asks a listing to wait for a state.
type waitFlags struct {
	state string
	wait  time.Duration
	limit int
}

func (f *waitFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.state, "until", "", "wait until a message stands in this state, such as handed-over")
	c.Flags().DurationVar(&f.wait, "wait", time.Minute, "how long --until waits")
	c.Flags().IntVar(&f.limit, "limit", 50, "how many to list, the newest first")
}

// list reads a listing, waiting for a state where that is asked for.
func list[T any](c *cobra.Command, s *settings, f *waitFlags, args []string,
	read func(*client.Client, context.Context, client.Query) ([]T, error), state func(T) client.State) ([]T, error) {
	q := client.Query{Limit: f.limit}
	var err error
	if len(args) == 1 {
		if q.ID, err = parseID(args[0]); err != nil {
			return nil, err
		}
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	look := func() ([]T, error) { return read(d, c.Context(), q) }
	if f.state == "" {
		return look()
	}
	ctx, cancel := context.WithTimeout(c.Context(), f.wait)
	defer cancel()
	stands := func(items []T) bool {
		return slices.ContainsFunc(items, func(i T) bool { return state(i) == client.State(f.state) })
	}
	items, err := until(ctx, d, look, stands)
	if err == nil && !stands(items) {
		err = fmt.Errorf("no message is %s: %w", clean(f.state), errNotYet)
	}
	return items, err
}

func newOutbox(s *settings) *cobra.Command {
	var f waitFlags
	c := &cobra.Command{
		Use:   "outbox [ID]",
		Short: "Say what became of what this desk sent",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			items, err := list(c, s, &f, args, (*client.Client).Outbox, func(i client.OutboxItem) client.State { return i.State })
			if err != nil {
				return err
			}
			return s.print(c, items, func(w io.Writer) { showOutbox(w, items) })
		},
	}
	f.add(c)
	return c
}

// saying puts in words what a desk signed and the log has not proven yet.
var saying = map[client.State]string{
	client.Withdrawn: "being withdrawn", client.Consigned: "being consigned",
	client.HandedOver: "being handed over", client.Refused: "being refused",
}

// standing is where a message stands, and where it is going.
func standing(i client.Item) string {
	if i.Says == "" {
		return string(i.State)
	}
	return string(i.State) + ", " + saying[i.Says]
}

// waits says what a message waits for.
func waits(i client.Item) string {
	if i.Waits != "" || i.Says == "" {
		return clean(i.Waits)
	}
	return fmt.Sprintf("and %s since %s: the log has not proven that yet", saying[i.Says], moment(i.Since))
}

// received is when a message came into this desk's mailbox, by the log: when it was
// consigned, or at its end where that is its consignment.
func received(i client.Item) signed.Time {
	if i.Consigned.IsZero() {
		return i.Ended
	}
	return i.Consigned
}

func showOutbox(w io.Writer, items []client.OutboxItem) {
	var rows [][]string
	for _, i := range items {
		rows = append(rows, []string{i.ID.String(), standing(i.Item), string(i.To), i.Type, moment(i.Accepted), due(i.Deadline), subject(i.Summary)})
	}
	table(w, "ID STATE TO TYPE ACCEPTED CLOCK SUBJECT", rows)
	for _, i := range items {
		if i.Problem == nil && waits(i.Item) == "" {
			continue
		}
		fmt.Fprintf(w, "\n%s to %s is %s %s\n", i.ID, i.To, i.State, waits(i.Item))
		showProblem(w, "  ", i.Problem)
	}
}

func newInbox(s *settings) *cobra.Command {
	var f waitFlags
	c := &cobra.Command{
		Use:   "inbox [ID]",
		Short: "List what this desk received",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			items, err := list(c, s, &f, args, (*client.Client).Inbox, func(i client.InboxItem) client.State { return i.State })
			if err != nil {
				return err
			}
			return s.print(c, items, func(w io.Writer) { showInbox(w, items) })
		},
	}
	f.add(c)
	return c
}

func showInbox(w io.Writer, items []client.InboxItem) {
	var rows [][]string
	for _, i := range items {
		rows = append(rows, []string{i.ID.String(), standing(i.Item), string(i.From), i.Type, i.Urgency, moment(received(i.Item)), due(i.Deadline), subject(i.Summary)})
	}
	table(w, "ID STATE FROM TYPE URGENCY RECEIVED CLOCK SUBJECT", rows)
	for _, i := range items {
		if i.Problem == nil && waits(i.Item) == "" {
			continue
		}
		fmt.Fprintf(w, "\n%s from %s is %s %s\n", i.ID, i.From, i.State, waits(i.Item))
		showProblem(w, "  ", i.Problem)
	}
}

func newWithdraw(s *settings) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "withdraw ID",
		Short: "Take a message back that its recipient does not hold yet",
		Long: `Take a message back that its recipient does not hold yet.

The log decides: a recipient that said first that it holds the message keeps it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := s.desk()
			if err != nil {
				return err
			}
			if _, err := d.Withdraw(c.Context(), id); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			defer cancel()
			m, err := until(ctx, d, func() (*client.OutboxItem, error) { return oneOutbox(c.Context(), d, id) },
				func(m *client.OutboxItem) bool { return m.Says == "" })
			if err != nil {
				return err
			}
			return s.print(c, m, func(w io.Writer) { showOutbox(w, []client.OutboxItem{*m}) })
		},
	}
	c.Flags().DurationVar(&wait, "wait", 5*time.Second, "how long to wait for the log's decision")
	return c
}

func newLog(s *settings) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "log",
		Short: "List what the desk did, stopped and showed, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := s.desk()
			if err != nil {
				return err
			}
			entries, err := d.Log(c.Context(), client.Query{Limit: limit})
			if err != nil {
				return err
			}
			return s.print(c, entries, func(w io.Writer) {
				var rows [][]string
				for _, e := range entries {
					rows = append(rows, []string{e.Time.String(), e.Event, e.Subject, string(e.Code), e.Detail})
				}
				table(w, "TIME EVENT SUBJECT CODE DETAIL", rows)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many to list")
	return c
}
