package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"samband/gateway/api"
	"samband/gateway/verify"
)

const (
	feedWait = 50 * time.Second

	// sweepAfter is when a feed is read from its beginning again, after it had
	// something that this desk could not believe.
	sweepAfter = 10 * time.Minute

	// hasty is how soon a poll ends that was not waited for.
	hasty = time.Second
)

// errIdle says that a poll ended at once and brought nothing, or nothing but what this
// desk had heard. A pause follows, so that no broker keeps this desk busy.
var errIdle = errors.New("the poll ended early and brought nothing")

// A feed is what inbox and progress share: a place in one of the broker's feeds. The
// first page is not waited for.
type feed struct {
	*Room
	after   api.Cursor
	wait    time.Duration
	doubted time.Time // when something was first not believed, since the feed's beginning

	past    int64 // behind the last entry that was told of, since the feed's beginning
	brought bool  // the page brings what was not told of
}

// tells notes that a page tells of an entry of the log.
func (f *feed) tells(index int64) {
	if index >= f.past {
		f.past, f.brought = index+1, true
	}
}

// read takes in one page. takeIn writes it, under the logs as the answer extends
// them, and reports how many of its items could be believed. The next cursor may not
// be smaller than least.
func read[I, L any](ctx context.Context, f *feed, least api.Cursor,
	ask func(context.Context, api.Heads, api.Page) (*api.FeedAnswer[I, L], error),
	takeIn func(*verify.Answer, *api.FeedAnswer[I, L]) (int, error),
) error {
	base, began, waits := f.logs.Load(), f.Now(), f.wait > 0
	answer, err := ask(ctx, heads(base), api.Page{After: f.after, Wait: f.wait, Limit: api.MaxLimit})
	f.heard(err)
	f.polled(err == nil && answer.Shared, err)
	if err != nil {
		return err
	}
	next, err := f.extend(ctx, base, &answer.Catchup)
	if err != nil {
		return err
	}
	if err := checkPage(answer, least, next.Audit().Size); err != nil {
		return errors.Join(err, f.write(unsynced, next))
	}
	f.wait = feedWait
	asked := f.Now()
	early := waits && asked.Sub(began) < hasty
	f.brought = next.Register().Size() > base.Register().Size()
	believed, err := takeIn(next, answer)
	if err != nil {
		return err
	}
	if believed < len(answer.Items) && f.doubted.IsZero() {
		f.doubted = asked
	}
	f.after = answer.Next
	if believed == 0 && len(answer.Items) > 0 { // an error, so that a pause follows: a broker must not keep this desk busy
		return fmt.Errorf("of a page of %d items none could be believed", len(answer.Items))
	}
	if early && !f.brought {
		return errIdle
	}
	return nil
}

// sweep goes back to the feed's beginning when that is due.
func (f *feed) sweep() {
	if !f.doubted.IsZero() && f.Now().Sub(f.doubted) > sweepAfter {
		f.after, f.past, f.doubted = 0, 0, time.Time{}
	}
}

// checkPage compares a page with what was asked for. Its cursor leads on, and not past
// the log: one that does would hide for ever what comes before it.
func checkPage[I, L any](a *api.FeedAnswer[I, L], least api.Cursor, size int64) error {
	if len(a.Items) > api.MaxLimit || len(a.Again) > api.MaxLimit {
		return fmt.Errorf("a page of %d items, and %d that are wanted again, where %d of each were asked for", len(a.Items), len(a.Again), api.MaxLimit)
	}
	if a.Next < least || a.Next.Leaf() > size {
		return fmt.Errorf("the feed's next cursor is %s: from %s, in a log of %d entries, it leads nowhere", a.Next, least, size)
	}
	return nil
}
